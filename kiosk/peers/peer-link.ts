/**
 * One connection between two lanes, from the first word to the last: hello, proof, then frames. Whatever is not exactly what
 * is expected next ends it, with a reason that both sides can log.
 */
import type { Cancel } from '../../config/ports/clock.ts';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { fromHex } from '../../sync/credential/bytes.ts';
import type { Signer } from '../../sync/credential/signer.ts';
import type { Peer } from '../../sync/protocol/peers.ts';
import type { CheckpointKeys } from './checkpoint-keys.ts';
import { createExchange, type Exchange, type ExchangeOptions } from './peer-exchange.ts';
import { createFrames, type PeerFrames } from './peer-frames.ts';
import { type PeerRole, prove, refuseProof, transcriptOf } from './peer-handshake.ts';
import {
  type Hello,
  helloSchema,
  MESSAGE_BYTES_MAX,
  type PeerMessage,
  type PeerRefusal,
  parsePeerText,
  peerMessageSchema,
  proofSchema,
} from './peer-messages.ts';
import type { PeerSocket } from './peer-socket.ts';

/** What this lane is to the others. */
export interface LinkIdentity {
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly bootId: string;
  readonly signer: Signer;
}

/** As the list says it. */
export interface LinkGroup {
  readonly generation: number;
  readonly keys: CheckpointKeys;
  readonly peers: ReadonlyMap<string, Peer>;
}

export interface LinkOptions extends Omit<ExchangeOptions, 'peerId' | 'send' | 'onTaken'> {
  readonly role: PeerRole;
  readonly identity: LinkIdentity;
  readonly group: LinkGroup;
  /** Whom it called; undefined where it was called. */
  readonly expected: string | undefined;
  /** Both sides know each other. A reason: it is not wanted. */
  onOpen(link: PeerLink): PeerRefusal | undefined;
  onTaken(link: PeerLink, refused: number): void;
  /** `own`: whether this side ended it. */
  onEnd(link: PeerLink, reason: string, own: boolean): void;
}

export interface PeerLink {
  readonly role: PeerRole;
  /** Undefined until the other side has said who it is; believed once the link is open. */
  peerId(): string | undefined;
  peerBootId(): string | undefined;
  isOpen(): boolean;
  /** Own passes may be new. */
  pump(): void;
  end(reason: PeerRefusal): void;
}

const HANDSHAKE_MS_MAX = 4_000;
const ALIVE_MS = 2_000;
const SILENT_MS_MAX = 7_000;
const WAITING_BYTES_MAX = 1 << 20;
const NONCE_BYTES = 32;

interface OpenState {
  readonly frames: PeerFrames;
  readonly exchange: Exchange;
}

/** A caller begins with `greet`, once its socket stands. */
export function createPeerLink(socket: PeerSocket, options: LinkOptions, host: Host): PeerLink & { greet(): void } {
  const { role, identity, group, expected } = options;
  const { clock } = host;
  const { kioskId, checkpointId, bootId, signer } = identity;
  const nonce = Buffer.from(host.random.bytes(NONCE_BYTES)).toString('base64url');
  const ownHello: Hello = { kind: 'hello', v: 1, kioskId, checkpointId, generation: group.generation, bootId, nonce };
  let hello: Hello | undefined;
  let open: OpenState | undefined;
  let ended = false;
  let heardAtMs = clock.monotonicMs();
  let stopAlive: Cancel = () => undefined;

  const finish = (reason: string, own: boolean) => {
    if (ended) return;
    ended = true;
    cancelHandshake();
    stopAlive();
    open?.exchange.stop();
    options.onEnd(link, reason, own);
  };
  const end = (reason: PeerRefusal) => {
    if (ended) return;
    socket.end(reason);
    finish(reason, true);
  };
  const cancelHandshake = clock.after(HANDSHAKE_MS_MAX, () => end('peer-silent'));

  const send = (message: PeerMessage) => {
    if (open === undefined || ended) return;
    if (socket.waitingBytes() > WAITING_BYTES_MAX) return end('peer-silent');
    socket.send(open.frames.seal(new TextEncoder().encode(JSON.stringify(message))));
  };

  const transcript = (other: Hello) => (role === 'caller' ? transcriptOf(ownHello, other) : transcriptOf(other, ownHello));
  const sendProof = (other: Hello) => socket.send(JSON.stringify(prove(role, transcript(other), group.keys, signer)));

  const takeHello = (text: string): PeerRefusal | undefined => {
    const given = parsePeerText(text, helloSchema);
    if (given === undefined) return 'peer-message';
    if (given.checkpointId !== checkpointId) return 'peer-checkpoint';
    if (!group.peers.has(given.kioskId) || (expected !== undefined && given.kioskId !== expected)) return 'peer-unlisted';
    if (given.generation !== group.generation) return 'peer-generation';
    hello = given;
    if (role === 'called') socket.send(JSON.stringify(ownHello));
    else sendProof(given);
    return undefined;
  };

  const takeProof = (text: string, other: Hello): PeerRefusal | undefined => {
    const proof = parsePeerText(text, proofSchema);
    const peer = group.peers.get(other.kioskId);
    if (proof === undefined || peer === undefined) return 'peer-message';
    const refused = refuseProof(proof, role === 'caller' ? 'called' : 'caller', transcript(other), group.keys, fromHex(peer.signingKey));
    if (refused !== undefined) return refused;
    const frames = createFrames(role, transcript(other), group.keys);
    const { store, nowMs, roomMax } = options;
    const onTaken = (count: number) => options.onTaken(link, count);
    const exchange = createExchange({ store, nowMs, roomMax, peerId: other.kioskId, send, onTaken }, host);
    open = { frames, exchange };
    cancelHandshake();
    if (role === 'called') sendProof(other);
    const unwanted = options.onOpen(link);
    if (unwanted !== undefined) return unwanted;
    stopAlive = every(clock, ALIVE_MS, () => {
      if (clock.monotonicMs() - heardAtMs > SILENT_MS_MAX) end('peer-silent');
      else send({ kind: 'alive' });
    });
    exchange.begin();
    return undefined;
  };

  const takeFrame = (bytes: Uint8Array, { frames, exchange }: OpenState): PeerRefusal | undefined => {
    const opened = frames.open(bytes);
    if (!opened.ok) return opened.reason;
    const message = parsePeerText(opened.value, peerMessageSchema);
    if (message === undefined) return 'peer-message';
    heardAtMs = clock.monotonicMs();
    return exchange.receive(message);
  };

  const take = (message: string | Uint8Array): PeerRefusal | undefined => {
    if (open !== undefined) return typeof message === 'string' ? 'peer-message' : takeFrame(message, open);
    if (typeof message !== 'string' || message.length > MESSAGE_BYTES_MAX) return 'peer-message';
    return hello === undefined ? takeHello(message) : takeProof(message, hello);
  };

  const guard = (action: () => PeerRefusal | undefined) => {
    if (ended) return;
    try {
      const reason = action();
      if (reason !== undefined) end(reason);
    } catch (error) {
      // The disk: what is not stored is not answered, and comes again with the next connection.
      if (!(error instanceof Error && 'code' in error)) throw error;
      host.log.warn('peers-unwritable', { why: error.message });
      end('peer-store');
    }
  };

  const link: PeerLink & { greet(): void } = {
    role,
    peerId: () => hello?.kioskId,
    peerBootId: () => hello?.bootId,
    isOpen: () => open !== undefined && !ended,
    pump: () =>
      guard(() => {
        open?.exchange.pump();
        return undefined;
      }),
    end,
    greet: () => socket.send(JSON.stringify(ownHello)),
  };
  socket.onMessage((message) => guard(() => take(message)));
  socket.onEnd((reason) => finish(reason, false));
  return link;
}
