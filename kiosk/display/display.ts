/**
 * The screen as a Signal: keeps what is shown and when, sends it to the citizen page, and believes it only once the page
 * says that it painted it. A page that falls silent, or says something else, closes the lane.
 */
import { join } from 'node:path';
import type { WebSocket } from 'ws';
import type { FaultCode } from '../../config/faults.ts';
import { writePrivateFile } from '../../config/host/private-file.ts';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import type { PageLinks } from '../camera/page-link.ts';
import type { CitizenState } from '../decision/citizen-view.ts';
import type { Guide } from '../decode/camera-code-source.ts';
import type { Sighting } from '../decode/code-source.ts';
import { linkCamera } from './camera-link.ts';
import { type FromCitizen, parseFromCitizen, type ToCitizen, type ToSupervisor } from './messages.ts';
import { createMirrorChannel } from './mirror-channel.ts';
import { type MetricsPage, openPageServer } from './page-server.ts';
import type { Channel } from './page-sockets.ts';
import type { Refusals } from './refusals.ts';
import { closedScreen, isSameView, mayCutIn, type ScreenModel, type Shown, viewAt } from './screen-state.ts';
import { createSessions, type Role, type SessionStore } from './sessions.ts';
import type { PaintOutcome, Signal } from './signal.ts';
import { createStaffChannel, type StaffHandler } from './staff-channel.ts';
import type { SupervisorSnapshot } from './supervisor-view.ts';

export interface DisplayOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Folder for the one-time tokens, `citizen.token` and `supervisor.token`. */
  readonly tokenDir: string;
  readonly sessions: SessionStore;
  readonly guide: Guide;
  /** Whether the lane stays closed without a screen that confirms. */
  readonly required: boolean;
  /** Where the page's camera is offered; undefined where the kiosk has one of its own. */
  readonly camera?: Pick<PageLinks, 'messageBytesMax' | 'offer'> | undefined;
  readonly metrics?: MetricsPage;
  /** A link of a page came a second time, from a browser that is not known: somebody else may have it. */
  onLinkReused?(): void;
  /** What staff say on the supervisor's page; absent: it may say nothing. */
  readonly onStaff?: StaffHandler;
}

export interface Display extends Signal {
  readonly port: number;
  /** One-time address of a page. */
  enterUrl(role: Role): string;
  offerMirror(sighting: Sighting): void;
  setSupervisor(snapshot: SupervisorSnapshot): void;
  /** Closes the screen's connection: the page begins anew. */
  restartScreen(): void;
  screen(): {
    readonly connected: boolean;
    readonly state: CitizenState;
    readonly unpainted: number;
    /** Since the page last confirmed what it shows; undefined: not since it connected, or not since it failed. */
    readonly confirmedAgeMs: number | undefined;
  };
  /** Who was turned away at the door of the pages so far. */
  refused(): ReturnType<Refusals['counts']>;
}

const TICK_MS = 50;
const HEARTBEAT_MS = 1_000;
const SILENT_MS = 2_500;
const PAINT_MS_MAX = 1_500;
const BUFFERED_BYTES_MAX = 1 << 20;

interface PendingPaint {
  readonly seq: number;
  readonly resolve: (outcome: PaintOutcome) => void;
  readonly cancel: () => void;
}

export async function openDisplay(options: DisplayOptions, host: Host): Promise<Display> {
  const bootId = toHex(host.random.bytes(8));
  const mirror = createMirrorChannel(options.guide, host.clock);
  const supervisors = new Set<WebSocket>();
  const hearStaff = createStaffChannel(options.onStaff, host.clock);
  const cameras = new Set<WebSocket>();
  const unpublished = new Map<Role, string>();
  let model: ScreenModel = closedScreen;
  let shown: Shown = viewAt(model, host.clock.monotonicMs());
  let seq = 1;
  let screen: WebSocket | undefined;
  /** When the page last said that it shows what it should; undefined: not since it connected, or not since it failed. */
  let confirmedAtMs: number | undefined;
  let pending: PendingPaint | undefined;
  let unpainted = 0;
  let port = 0;

  const send = (message: ToCitizen) => screen?.send(JSON.stringify(message));
  const settle = (outcome: PaintOutcome) => {
    const paint = pending;
    pending = undefined;
    paint?.cancel();
    paint?.resolve(outcome);
  };

  /** Works out the view and sends it when it changed. */
  const refresh = () => {
    const next = viewAt(model, host.clock.monotonicMs());
    if (isSameView(next.view, shown.view)) return;
    shown = next;
    seq++;
    send({ kind: 'state', bootId, seq, ...shown });
  };

  const heard = (message: FromCitizen) => {
    if (message.bootId !== bootId || message.seq !== seq || message.state !== shown.view.state) return;
    confirmedAtMs = host.clock.monotonicMs();
    if (message.kind === 'painted' && pending?.seq === seq) settle('painted');
  };

  const connectScreen = (socket: WebSocket) => {
    // One screen a lane: the newest is the one somebody just opened.
    screen?.close(4000, 'another screen was opened');
    screen = socket;
    confirmedAtMs = undefined;
    // A result is never shown again: who connects anew starts from the resting view.
    model = { ...model, result: undefined, held: undefined };
    settle('unpainted');
    shown = viewAt(model, host.clock.monotonicMs());
    seq++;
    send({ kind: 'state', bootId, seq, ...shown });
    send({ kind: 'heartbeat', bootId, seq });
    if (options.camera !== undefined) send({ kind: 'camera' });
    socket.on('message', (data, isBinary) => {
      const message = isBinary ? undefined : parseFromCitizen(data.toString());
      if (message === undefined) socket.close(1008, 'malformed');
      else if (socket === screen) heard(message);
    });
    socket.on('close', () => {
      if (socket === screen) screen = undefined;
    });
  };

  const connect = (channel: Channel, socket: WebSocket) => {
    socket.on('error', (error) => host.log.warn('display-socket', { channel, why: error.message }));
    if (channel === 'citizen') return connectScreen(socket);
    if (channel === 'mirror') return mirror.add(socket);
    const those = channel === 'camera' ? cameras : supervisors;
    those.add(socket);
    socket.on('close', () => those.delete(socket));
    if (channel === 'supervisor') hearStaff(socket);
    if (channel === 'camera') options.camera?.offer(linkCamera(socket, host.clock));
  };

  /** A folder that cannot be written keeps no screen from opening: pages that were let in before come back without a token. */
  const publish = (role: Role, token: string) => {
    try {
      writePrivateFile(join(options.tokenDir, `${role}.token`), `${token}\n`);
      unpublished.delete(role);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      if (!unpublished.has(role)) host.log.error('display-token-unwritable', { role, folder: options.tokenDir, why: error.message });
      unpublished.set(role, token);
    }
  };
  const sessions = createSessions(
    publish,
    (role) => {
      const open = role === 'supervisor' ? supervisors : [...cameras, ...(screen === undefined ? [] : [screen])];
      for (const socket of open) socket.close(4001, 'session ended');
      options.onLinkReused?.();
    },
    options.sessions,
    host,
  );
  const server = await openPageServer(
    { port: options.port, sessions, cameraBytesMax: options.camera?.messageBytesMax, metrics: options.metrics },
    connect,
    host,
  );
  port = server.port;
  const stopTick = every(host.clock, TICK_MS, refresh);
  const stopHeartbeat = every(host.clock, HEARTBEAT_MS, () => {
    send({ kind: 'heartbeat', bootId, seq });
    for (const [role, token] of unpublished) publish(role, token);
  });

  const isConfirmed = () => confirmedAtMs !== undefined && host.clock.monotonicMs() - confirmedAtMs <= SILENT_MS && screen !== undefined;
  const health = (): { ready: boolean; fault: FaultCode | undefined } => {
    const ready = !options.required || isConfirmed();
    return { ready, fault: ready ? undefined : 'display-absent' };
  };

  return {
    port,
    enterUrl: (role) => `http://127.0.0.1:${port}/enter/${role}?token=${sessions.token(role)}`,
    showResult(view) {
      // Behind a closed lane nobody sees it.
      if (model.fault !== undefined) return Promise.resolve('unpainted');
      settle('superseded');
      model = { ...model, result: { view, sinceMs: host.clock.monotonicMs() }, reading: undefined };
      // Also when it looks like the one before: each result is painted and confirmed for itself.
      shown = viewAt(model, host.clock.monotonicMs());
      seq++;
      send({ kind: 'state', bootId, seq, ...shown });
      if (screen === undefined) return Promise.resolve('unpainted');
      const shownSeq = seq;
      return new Promise((resolve) => {
        const cancel = host.clock.after(PAINT_MS_MAX, () => {
          unpainted++;
          confirmedAtMs = undefined;
          settle('unpainted');
        });
        pending = { seq: shownSeq, resolve, cancel };
      });
    },
    showReading(hint) {
      const sinceMs = model.reading?.sinceMs ?? host.clock.monotonicMs();
      model = { ...model, reading: hint === undefined ? undefined : { hint, sinceMs } };
      refresh();
    },
    showHeld(result) {
      model = { ...model, held: result && { result, saidMs: host.clock.monotonicMs() } };
      refresh();
    },
    mayShowResult: () => mayCutIn(model, host.clock.monotonicMs()),
    setLane(lane) {
      model = lane.open ? { ...model, fault: undefined } : { ...closedScreen, fault: lane.fault };
      if (!lane.open) settle('superseded');
      refresh();
    },
    health,
    offerMirror: mirror.offer,
    setSupervisor(snapshot) {
      const message = JSON.stringify({ kind: 'snapshot', ...snapshot } satisfies ToSupervisor);
      for (const socket of supervisors) if (socket.bufferedAmount < BUFFERED_BYTES_MAX) socket.send(message);
    },
    restartScreen() {
      screen?.close(4002, 'asked to begin anew');
    },
    screen: () => ({
      connected: isConfirmed(),
      state: shown.view.state,
      unpainted,
      confirmedAgeMs: screen === undefined || confirmedAtMs === undefined ? undefined : host.clock.monotonicMs() - confirmedAtMs,
    }),
    refused: server.refusals.counts,
    async close() {
      stopTick();
      stopHeartbeat();
      settle('superseded');
      await server.close();
    },
  };
}
