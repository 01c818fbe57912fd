/** The composition root: opens the stages in order, joins them, and closes them again. A list; the rules live in the stages. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { type Closer, closeAll } from '../config/closers.ts';
import { Fault, type FaultCode, faults } from '../config/faults.ts';
import { folderRefusal } from '../config/host/folder-rights.ts';
import { programVersion } from '../config/host/program-version.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import type { Host } from '../config/ports/host.ts';
import type { Log } from '../config/ports/log.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { guideOf, openConfiguredCamera } from './camera/configured-camera.ts';
import type { FrameSource } from './camera/frame-source.ts';
import { type Checkpoint, type CheckpointWatcher, startCheckpoint } from './checkpoint.ts';
import { createKioskTime } from './decision/kiosk-time.ts';
import { createPlateKeypad } from './decision/plate-keypad.ts';
import { createCameraCodeSource } from './decode/camera-code-source.ts';
import { openWorkerDecoder } from './decode/worker-decoder.ts';
import { createDecisionFeed } from './display/decision-feed.ts';
import type { Display } from './display/display.ts';
import { supervisorRow, supervisorSnapshot } from './display/supervisor-snapshot.ts';
import { createExpiries } from './expiries.ts';
import { heartbeatReport } from './heartbeat-report.ts';
import { ownCertificate, requireIdentity } from './identity/own-certificate.ts';
import { type Journal, openJournal } from './journal/journal.ts';
import { journalPlace } from './journal/journal-place.ts';
import { type KioskState, openKioskState } from './journal/kiosk-state.ts';
import { openKioskKeys } from './kiosk-keys.ts';
import { type KioskScreen, openKioskScreen } from './kiosk-screen.ts';
import { type KioskSync, startSync } from './kiosk-sync.ts';
import { type OtherLanes, openOtherLanes } from './other-lanes.ts';
import { createFeedMemory } from './registry/feed-memory.ts';
import { openLastingOverlay } from './registry/lasting-overlay.ts';
import { openRegistry, type Registry } from './registry/registry.ts';
import { createTrustedStore } from './registry/trusted-store.ts';
import { createRevocation, isDrained } from './revocation.ts';
import { kioskFacts } from './service/kiosk-facts.ts';
import { createStaffDesk } from './staff-desk.ts';
import { createTimeDesk } from './time-desk.ts';
import { versionFloor } from './version-floor.ts';
import { wipeLists } from './wipe-lists.ts';

export interface KioskOptions {
  readonly config: KioskConfig;
  /** Relative paths of the configuration start here. */
  readonly configFile: string;
  readonly allowDemo: boolean;
  /** How often a replay is shown; Infinity for a kiosk. */
  readonly loops: number;
  readonly watcher: CheckpointWatcher;
  /** In place of the configured one. The kiosk closes it. */
  readonly camera?: FrameSource | undefined;
}

export interface Kiosk {
  readonly checkpoint: Checkpoint;
  readonly display: Display;
  readonly journal: Journal;
  readonly registry: Registry;
  /** Undefined without upstream.url. */
  readonly sync: KioskSync | undefined;
  /** Undefined without peers.port. */
  readonly lanes: OtherLanes | undefined;
  close(): Promise<void>;
}

const FRAME_AGE_MS_MAX = 500;
/** A decoder that takes longer to start keeps the lane closed, and holds up nothing else. */
const DECODER_PATIENCE_MS = 15_000;

/**
 * Throws a Fault where the data folder, the decoder or the port cannot be had: nothing is opened then. `opened`: the screen,
 * where it is open already; it stays open, also after the kiosk is closed.
 */
export async function openKiosk(options: KioskOptions, host: Host, opened?: KioskScreen): Promise<Kiosk> {
  const { configFile, allowDemo, loops, watcher } = options;
  const base = dirname(resolve(configFile));
  const path = (given: string) => resolve(base, given);
  const dataDir = path(options.config.dataDir);
  const screen = opened ?? (await openKioskScreen(options, host));
  const { display, pages, metrics, remote } = screen;
  const { config } = remote;
  const bootId = toHex(host.random.bytes(8));
  const closers: Closer[] = opened === undefined ? [screen.close] : [];
  const close = () => closeAll(closers);
  try {
    const state = openKioskState(dataDir);
    closers.push(state.close);
    if (isDrained(state, existsSync(join(dataDir, 'keys/kiosk.key')))) throw new Fault('kiosk-revoked');
    const { signer, reuseKey } = openKioskKeys(dataDir, state, host.random);
    const { kioskId, checkpointId, lane } = config;
    const certificateFile = join(dataDir, 'keys/certificate.cose');
    const identityFiles = { certificate: certificateFile, keyring: path(config['keyring.file']), root: config['keyring.root'] };
    // Before the journal: nothing is put on record under a name that the centre did not give.
    requireIdentity(config, ownCertificate(identityFiles, { signingKey: toHex(signer.publicKey), state }));
    const journal = openJournal(
      { dataDir, kioskId, checkpointId, lane, bootId, kioskPublicKey: signer.publicKey, reuseKey, place: journalPlace(state) },
      host,
    );
    closers.push(journal.close);
    // What a feed or a stick has brought counts also without a line.
    const overlay = openLastingOverlay(join(dataDir, 'feed.db'), createFeedMemory(state), host);
    closers.push(overlay.close);
    const slice = {
      database: path(config['slice.file']),
      manifest: path(config['slice.manifestFile']),
      key: path(config['slice.keyFile']),
    };
    warnOfFolders([path(config['keyring.file']), path(config['policy.file']), slice.manifest], host.log);
    const store = createTrustedStore({ certificateFile, kioskId, signingKey: toHex(signer.publicKey), state }, host.log);
    const registry = openRegistry(
      {
        files: {
          keyring: path(config['keyring.file']),
          root: config['keyring.root'],
          policy: path(config['policy.file']),
          slice,
        },
        floor: versionFloor(state),
        audiences: [kioskId, checkpointId],
        allowDemo,
        overlay,
        store,
      },
      host,
    );
    closers.push(registry.close);
    let lanes: OtherLanes | undefined;
    const revocation = createRevocation(
      {
        state,
        kioskId,
        signingKey: toHex(signer.publicKey),
        keyring: registry.keyring,
        wipe() {
          registry.discard();
          overlay.discard();
          lanes?.discard();
          wipeLists(dataDir, slice);
        },
      },
      host,
    );
    const time = createKioskTime(host.clock, timeFloor(state), () => registry.keyring()?.expiresAtMs ?? 0);
    /** Into the journal, once the path is open. */
    let record: Checkpoint['record'] | undefined;
    const timeDesk = createTimeDesk(
      {
        time,
        kioskId,
        centreUrl: config['time.url'] ?? config['upstream.url'],
        feedKeys: () => registry.keyring()?.roles.feed,
        record: (change, nowMs) => record?.({ kind: 'time', time: change }, nowMs) !== undefined,
      },
      host,
    );
    const plates = createPlateKeypad(host.clock);
    const guide = guideOf(config);
    const decoder = await openWorkerDecoder(
      { frameMsMax: config['decode.frameMsMax'], budgetMs: config['decode.budgetMs'], patienceMs: DECODER_PATIENCE_MS },
      host,
    );
    closers.push(decoder.close);
    const camera = options.camera ?? openConfiguredCamera(config, path, loops, pages, host);
    closers.push(camera.close);
    const source = createCameraCodeSource(camera, decoder, { guide, frameAgeMsMax: FRAME_AGE_MS_MAX }, host);
    lanes = revocation.isRevoked() ? undefined : openOtherLanes({ config, dataDir, bootId, signer, journal, registry, time, state }, host);
    if (lanes !== undefined) closers.push(lanes.close);
    const feed = createDecisionFeed();
    const expiries = createExpiries({ certificateFile: join(dataDir, 'keys/certificate.cose'), registry });
    let fault: FaultCode | undefined = 'starting';
    let sync: KioskSync | undefined;
    const checkpoint = startCheckpoint(
      {
        ...{ source, registry, journal, signal: display, plates, time, lanes, isRevoked: revocation.isRevoked },
        ownFiles: () => state.fault() ?? overlay.fault(),
        isEnrolled: () => config['upstream.url'] === undefined || (existsSync(certificateFile) && sync?.isUnknown() !== true),
        offerTimeCode: timeDesk.offerCode,
      },
      { area: config.area, direction: config.direction },
      {
        onSighting(sighting) {
          display.offerMirror(sighting);
          metrics.onDecode(sighting.decodeMs);
          watcher.onSighting?.(sighting);
        },
        onDecision(event) {
          feed.add(event.record.id, supervisorRow(event));
          metrics.onDecision(event.decision, event.readMs);
          lanes?.onDecision(event);
          watcher.onDecision?.(event);
        },
        onPainted(recordId, outcome) {
          feed.setPainted(recordId, outcome);
          metrics.onPainted(outcome);
          watcher.onPainted?.(recordId, outcome);
        },
        onLane(next) {
          fault = next;
          sync?.heartbeat.wake();
          watcher.onLane?.(next);
        },
      },
      host,
    );
    record = checkpoint.record;
    closers.push(checkpoint.stop);
    sync = startSync(
      {
        config,
        paths: {
          dataDir,
          keyring: path(config['keyring.file']),
          policy: path(config['policy.file']),
          manifest: slice.manifest,
          config: join(dataDir, 'config.cose'),
        },
        bootId,
        signer,
        journal,
        registry,
        overlay,
        store,
        time,
        state,
        revocation,
        lanes,
        report: (queue, ages) =>
          heartbeatReport(
            {
              ...{ dataDir, source, registry, journal, display, time, feed, remote, lanes, expiries },
              programVersion: programVersion(),
              fault: () => fault,
            },
            { waiting: queue.waiting, quarantined: queue.quarantined, failure: queue.failure, ages },
            host.clock,
          ),
        async carryOut(kind) {
          if (kind === 'reopen-camera') camera.reopen();
          else if (kind === 'restart-display') display.restartScreen();
          return { ok: true, detail: `lane ${fault ?? 'open'}, node ${process.version}, ${process.platform}` };
        },
      },
      host,
    );
    if (sync !== undefined) closers.push(sync.stop);
    const parts = {
      config,
      demo: allowDemo,
      source,
      registry,
      journal,
      display,
      time,
      feed,
      push: sync?.push,
      sync,
      lanes,
      clockCard: timeDesk.card,
      listsRefused: () => sync?.listsRefused(),
      expiries,
      linesDropped: () => host.log.dropped?.() ?? 0,
      centre() {
        const { queue, syncAges } = kioskFacts(parts, fault);
        return queue && syncAges && { ages: syncAges, queue, isUnknown: sync?.isUnknown() === true };
      },
    };
    closers.push(
      screen.attach({
        facts: () => kioskFacts(parts, fault),
        snapshot: () => supervisorSnapshot(parts, fault),
        onStaff: createStaffDesk(timeDesk, plates),
        onLinkReused: () => void record?.({ kind: 'fault', fault: 'page-link-reused' }),
      }),
    );
    return { checkpoint, display, journal, registry, sync, lanes, close };
  } catch (error) {
    // Why it did not start counts more than what did not close.
    await close().catch((why: unknown) => host.log.warn('close-failed', { why: String(why) }));
    throw error;
  }
}

function warnOfFolders(files: readonly string[], log: Log): void {
  for (const folder of new Set(files.map((file) => dirname(file)))) {
    const why = folderRefusal(folder);
    if (why !== undefined) log.warn('lists-unwritable' satisfies FaultCode, { folder, why, action: faults['lists-unwritable'].action });
  }
}

function timeFloor(state: KioskState) {
  return {
    read: () => z.number().catch(0).parse(state.get('time.floorMs')),
    write: (floorMs: number) => state.set('time.floorMs', floorMs),
  };
}
