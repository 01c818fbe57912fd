/**
 * The connections to all other lanes: calls each that is listed, again and again, takes calls of those that are listed, and
 * keeps one connection to each. Nothing that goes wrong here touches the lane: it is logged, and tried again.
 */
import { Fault } from '../../config/faults.ts';
import type { Cancel } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { compareBytes } from '../../sync/credential/bytes.ts';
import { type Peer, type PeerAddress, parsePeerAddress } from '../../sync/protocol/peers.ts';
import { createPeerLink, type LinkGroup, type LinkIdentity, type LinkOptions, type PeerLink } from './peer-link.ts';
import type { PeerRefusal } from './peer-messages.ts';
import { connectToPeer, listenForPeers, type PeerListener, type PeerSocket } from './peer-socket.ts';
import type { PeerStore } from './peer-store.ts';

export interface ConnectionOptions {
  readonly identity: LinkIdentity;
  readonly listen: PeerAddress;
  readonly store: PeerStore;
  /** Trusted time. */
  nowMs(): number;
  roomMax(): number;
  /** Passes of another lane are stored. */
  onTaken(): void;
}

export interface PeerConnections {
  /** Whom to talk to from now on; undefined: nobody. Connections that it does not touch stay. */
  setGroup(group: LinkGroup | undefined): void;
  /** Own passes are new. */
  pump(): void;
  /** Lanes that are connected now. */
  connected(): number;
  /** Connections that this lane has turned away: not listed, without the key, or speaking wrongly. */
  refused(): number;
  /** Where other lanes connect; undefined while the port cannot be had. */
  port(): number | undefined;
  close(): Promise<void>;
}

const FIRST_RETRY_MS = 500;
const RETRY_MS_MAX = 10_000;
const LISTEN_RETRY_MS = 10_000;
/** A lane that floods is not listened to for so long. */
const PENALTY_MS = 60_000;
/** Connections that have not shown anything yet. */
const UNKNOWN_MAX = 16;
const LOG_AGAIN_MS = 60_000;
/** What ends connections that are otherwise good. */
const QUIET: ReadonlySet<string> = new Set(['peer-replaced', 'peer-closing'] satisfies PeerRefusal[]);

type CalledLink = Pick<PeerLink, 'role' | 'peerId' | 'peerBootId'>;

interface Caller {
  failures: number;
  cancel: Cancel;
  calling: PeerLink | undefined;
}

export function createPeerConnections(options: ConnectionOptions, host: Host): PeerConnections {
  const { identity, store, nowMs, roomMax } = options;
  const { clock } = host;
  let group: LinkGroup | undefined;
  let listener: PeerListener | undefined;
  let cancelListening: Cancel = () => undefined;
  let closed = false;
  const links = new Set<PeerLink>();
  const open = new Map<string, PeerLink>();
  const callers = new Map<string, Caller>();
  const penaltyUntilMs = new Map<string, number>();
  const logged = new Map<string, number>();
  let refused = 0;

  const warn = (event: 'peers-refused' | 'peers-flooding', peer: string | undefined, reason: string) => {
    const key = `${peer} ${reason}`;
    if (clock.monotonicMs() - (logged.get(key) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_MS) return;
    logged.set(key, clock.monotonicMs());
    host.log.warn(event, { peer, reason });
  };

  const isPenalised = (peerId: string) => clock.monotonicMs() < (penaltyUntilMs.get(peerId) ?? 0);

  const onOpen = (link: PeerLink): PeerRefusal | undefined => {
    const peerId = link.peerId();
    if (peerId === undefined || isPenalised(peerId)) return 'peer-flooding';
    const old = open.get(peerId);
    if (old !== undefined && outlives(old, link, identity.kioskId)) return 'peer-replaced';
    open.set(peerId, link);
    old?.end('peer-replaced');
    const caller = callers.get(peerId);
    if (caller !== undefined) caller.failures = 0;
    host.log.info('peer-connected', { peer: peerId });
    return undefined;
  };

  const onEnd = (link: PeerLink, reason: string, own: boolean) => {
    links.delete(link);
    const peerId = link.peerId();
    if (own && reason === 'peer-flooding' && peerId !== undefined) {
      if (!isPenalised(peerId)) penaltyUntilMs.set(peerId, clock.monotonicMs() + PENALTY_MS);
      warn('peers-flooding', peerId, reason);
    } else if (own && !QUIET.has(reason)) {
      refused++;
      warn('peers-refused', peerId, reason);
    }
    if (peerId === undefined || open.get(peerId) !== link) return;
    open.delete(peerId);
    host.log.info('peer-disconnected', { peer: peerId, reason, own });
    const caller = callers.get(peerId);
    if (caller !== undefined && caller.calling !== link) schedule(peerId, caller);
  };

  const linkOptions = (current: LinkGroup): Omit<LinkOptions, 'role' | 'expected'> => ({
    ...{ identity, group: current, store, nowMs, roomMax, onOpen, onEnd },
    onTaken(link, refused) {
      if (refused > 0) warn('peers-flooding', link.peerId(), 'rows refused');
      options.onTaken();
    },
  });

  const schedule = (peerId: string, caller: Caller) => {
    caller.cancel();
    const spanMs = Math.min(RETRY_MS_MAX, FIRST_RETRY_MS * 2 ** caller.failures);
    // Two lanes that lost each other do not call at the same moment for ever.
    const share = 0.5 + (host.random.bytes(1)[0] ?? 0) / 512;
    caller.cancel = clock.after(spanMs * share, () => call(peerId, caller));
  };

  const call = (peerId: string, caller: Caller) => {
    const peer = group?.peers.get(peerId);
    const address = peer && parsePeerAddress(peer.address);
    if (closed || group === undefined || address === undefined || open.has(peerId) || caller.calling !== undefined) return;
    if (isPenalised(peerId)) return schedule(peerId, caller);
    const socket = connectToPeer(address, () => link.greet(), clock);
    const common = linkOptions(group);
    const ended = (link: PeerLink, reason: string, own: boolean) => {
      if (!link.isOpen() && !open.has(peerId) && caller.failures < 10) caller.failures++;
      caller.calling = undefined;
      onEnd(link, reason, own);
      if (callers.get(peerId) === caller) schedule(peerId, caller);
    };
    const link = createPeerLink(socket, { ...common, role: 'caller', expected: peerId, onEnd: ended }, host);
    caller.calling = link;
    links.add(link);
  };

  const accept = (socket: PeerSocket) => {
    const unknown = [...links].filter((link) => link.role === 'called' && !link.isOpen()).length;
    if (group === undefined || unknown >= UNKNOWN_MAX) {
      refused++;
      return socket.end('peer-closing');
    }
    links.add(createPeerLink(socket, { ...linkOptions(group), role: 'called', expected: undefined }, host));
  };

  const startListening = async (): Promise<void> => {
    try {
      const opened = await listenForPeers(options.listen, accept, host);
      if (closed) return opened.close();
      listener = opened;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (!logged.has(error.code)) host.log.warn(error.code, { detail: error.detail });
      logged.set(error.code, clock.monotonicMs());
      if (!closed) cancelListening = clock.after(LISTEN_RETRY_MS, () => void startListening());
    }
  };
  const listening = startListening();

  const setGroup = (next: LinkGroup | undefined) => {
    const isSameKey =
      next !== undefined &&
      group !== undefined &&
      next.generation === group.generation &&
      compareBytes(next.keys.proof, group.keys.proof) === 0;
    for (const link of [...links]) {
      const peerId = link.peerId() ?? '';
      if (next !== undefined && isSameKey && link.isOpen() && isSamePeer(group?.peers.get(peerId), next.peers.get(peerId))) continue;
      link.end(next === undefined ? 'peer-closing' : isSameKey ? 'peer-unlisted' : 'peer-generation');
    }
    for (const caller of callers.values()) caller.cancel();
    callers.clear();
    group = next;
    for (const peerId of next?.peers.keys() ?? []) {
      const caller: Caller = { failures: 0, cancel: () => undefined, calling: undefined };
      callers.set(peerId, caller);
      call(peerId, caller);
    }
  };

  return {
    setGroup,
    pump() {
      for (const link of open.values()) link.pump();
    },
    connected: () => open.size,
    refused: () => refused,
    port: () => listener?.port,
    async close() {
      closed = true;
      cancelListening();
      setGroup(undefined);
      await listening;
      await listener?.close();
    },
  };
}

/**
 * Two lanes that call each other at the same moment have two connections: both keep the one that the smaller name called.
 * A lane that was started anew is another one, whatever became of its old connection.
 */
export function outlives(old: CalledLink, fresh: CalledLink, own: string): boolean {
  const isSmaller = (link: CalledLink) => (link.role === 'caller') === own < (link.peerId() ?? '');
  return old.peerBootId() === fresh.peerBootId() && isSmaller(old) && !isSmaller(fresh);
}

function isSamePeer(a: Peer | undefined, b: Peer | undefined): boolean {
  return a !== undefined && b !== undefined && a.signingKey === b.signingKey;
}
