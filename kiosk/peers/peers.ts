/**
 * What this lane knows of the other lanes of its checkpoint, and they of it, without a line to the centre. List and store
 * are its own; whatever happens here may make a decision more careful, and never anything else.
 */
import { rmSync, statSync } from 'node:fs';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import type { Credential } from '../../sync/credential/credential.ts';
import type { Keyring } from '../../sync/credential/keyring.ts';
import type { PeerAddress } from '../../sync/protocol/peers.ts';
import type { PassesElsewhere } from '../decision/decide.ts';
import { type CheckpointKeys, checkpointKeys, passTags } from './checkpoint-keys.ts';
import { createPeerConnections } from './peer-connections.ts';
import type { LinkIdentity } from './peer-link.ts';
import { offerPeerList, type PeerList, readListFile, readPeerList } from './peer-list.ts';
import { ROW_LIFE_MS_MAX } from './peer-messages.ts';
import { type DoubleUse, type OwnPass, openPeerStore, ROWS_MAX } from './peer-store.ts';

export interface PeersOptions {
  readonly identity: LinkIdentity;
  /** X25519: the key of the checkpoint is sealed to it. */
  readonly sealingSecret: Uint8Array;
  readonly files: PeerFiles;
  readonly listen: PeerAddress;
  keyring(): Keyring | undefined;
  /** Highest version of the list that was ever in use. */
  readonly floor: { read(): number; raise(version: number): void };
  /** Trusted time. */
  nowMs(): number;
  /** Puts it into the journal, where it is not yet; false where that failed. */
  record(doubleUse: DoubleUse): boolean;
}

export interface PeerFiles {
  readonly list: string;
  readonly database: string;
}

/** A pass of this lane whose decision is in the journal. */
export interface OwnCrossing {
  readonly ref: string;
  readonly credential: Credential;
  readonly passedAtMs: number;
  /** The policy's, for its class. */
  readonly windowMs: number;
}

export interface PeersState {
  readonly connected: number;
  /** Connections that were turned away since the start. */
  readonly refused: number;
  readonly listed: number;
  /** Of the last hour, newest first. */
  readonly doubleUses: readonly { readonly atMs: number; readonly lane: string }[];
}

export interface Peers {
  /** What the other lanes say of a credential and its person; undefined where nobody can say anything. */
  elsewhere(credential: Credential): PassesElsewhere | undefined;
  /** Tells the other lanes, as soon as the screen has been told. */
  publish(crossing: OwnCrossing): void;
  /** A newer list is in use at once; false where it is not signed for this kiosk, or not newer. */
  offer(text: string): boolean;
  /** Of the list in use. */
  version(): number | undefined;
  state(): PeersState;
  /** Where other lanes connect. */
  port(): number | undefined;
  /** Forgets everything, for good. */
  discard(): void;
  close(): Promise<void>;
}

const LOOK_MS = 2_000;
/** The key before this one still finds what passed under it. */
const GENERATIONS_KEPT = 2;
const NO_KEY = new Uint8Array(0);
/** An app code is good for so long; its steps are known at least until then. */
const STEP_LIFE_MS = 180_000;
const SHOWN_MS = 3_600_000;
const SHOWN_MAX = 3;

/** Throws Fault('peers-unwritable'). */
export function openPeers(options: PeersOptions, host: Host): Peers {
  const { identity, files, nowMs, floor } = options;
  const owner = { kioskId: identity.kioskId, checkpointId: identity.checkpointId, sealingSecret: options.sealingSecret };
  const store = openPeerStore(files.database, identity.kioskId, identity.bootId);
  /** By themselves and not by their generation, the newest last: a centre with a new store may give a number again. */
  const keys = new Map<string, CheckpointKeys>();
  let current: CheckpointKeys | undefined;
  let list: PeerList | undefined;
  let stamp = '';
  let discarded = false;
  let shown: PeersState['doubleUses'] = [];
  let waiting: OwnCrossing[] = [];

  /** A store that does not answer knows nothing: the lane decides as if it stood alone, and says so in the log. */
  const guarded = <T>(action: () => T, otherwise: T): T => {
    if (discarded) return otherwise;
    try {
      return action();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      host.log.warn('peers-unwritable', { why: error.message });
      return otherwise;
    }
  };

  const settle = () => {
    for (const one of store.unrecorded()) {
      if (!options.record(one)) break;
      store.markRecorded(one);
      host.log.warn('double-use', { ref: one.ref, peer: one.other.kioskId });
    }
    const laneOf = (kioskId: string) => list?.peers.find((peer) => peer.kioskId === kioskId)?.lane ?? kioskId;
    shown = store
      .doubleUses(nowMs() - SHOWN_MS, SHOWN_MAX)
      .map(({ passedAtMs, other }) => ({ atMs: passedAtMs, lane: laneOf(other.kioskId) }));
  };

  const connections = createPeerConnections(
    {
      identity,
      listen: options.listen,
      store,
      nowMs,
      // A lane that floods takes no room from the others.
      roomMax: () => Math.floor(ROWS_MAX / ((list?.peers.length ?? 0) + 1)),
      onTaken: () => guarded(settle, undefined),
    },
    host,
  );

  const use = (next: PeerList | undefined) => {
    list = next;
    current = next?.key && checkpointKeys(next.key);
    if (next === undefined || current === undefined) return connections.setGroup(undefined);
    const name = toHex(current.tags);
    keys.delete(name);
    keys.set(name, current);
    for (const old of [...keys.keys()].slice(0, -GENERATIONS_KEPT)) keys.delete(old);
    const peers = new Map(next.peers.map((peer) => [peer.kioskId, peer]));
    connections.setGroup({ generation: next.generation, keys: current, peers });
  };

  /** Looks at the list where it, the keyring, or the time has changed what it is worth. */
  const refresh = () => {
    const keyring = options.keyring();
    const isOver = list !== undefined && nowMs() >= Date.parse(list.expires);
    const now = `${stampOf(files.list)} ${keyring?.digest} ${isOver}`;
    if (discarded || now === stamp) return;
    stamp = now;
    const text = readListFile(files.list);
    if (text === undefined || keyring === undefined) return use(undefined);
    const read = readPeerList(text, keyring, owner);
    const why = !read.ok
      ? read.reason
      : read.value.version < floor.read()
        ? `version ${read.value.version} after ${floor.read()}`
        : nowMs() >= Date.parse(read.value.expires)
          ? `it ended at ${read.value.expires}`
          : undefined;
    if (!read.ok || why !== undefined) {
      host.log.warn('peers-list-invalid', { why });
      return use(undefined);
    }
    if (read.value.version > floor.read()) floor.raise(read.value.version);
    if (isSameGroup(list, read.value)) {
      list = read.value;
      return;
    }
    use(read.value);
    host.log.info('peers-listed', { version: read.value.version, generation: read.value.generation, peers: read.value.peers.length });
  };

  const tell = () => {
    const crossings = waiting;
    waiting = [];
    const made = current;
    if (made === undefined) return;
    for (const crossing of crossings) {
      if (!store.addOwn(ownPass(crossing, made))) host.log.warn('peers-unwritable', { why: 'there is no more room' });
    }
    settle();
    connections.pump();
  };

  const tick = () => {
    refresh();
    guarded(() => {
      store.prune(nowMs());
      settle();
    }, undefined);
  };
  try {
    guarded(settle, undefined);
    refresh();
  } catch (error) {
    void connections.close();
    store.close();
    throw error;
  }
  const stopTicking = every(host.clock, LOOK_MS, tick);

  const stop = async () => {
    stopTicking();
    await connections.close();
  };
  return {
    elsewhere: (credential) =>
      guarded(() => {
        const words = [...keys.values()].map(({ tags }) => store.elsewhere(passTags(tags, credential.claims), nowMs()));
        return words.length === 0 ? undefined : words.reduce(together);
      }, undefined),
    publish(crossing) {
      if (discarded) return;
      waiting.push(crossing);
      // The result is on its way to the screen first.
      if (waiting.length === 1) host.clock.after(0, () => guarded(tell, undefined));
    },
    offer(text) {
      const keyring = options.keyring();
      if (discarded || keyring === undefined || !offerPeerList(files.list, keyring, owner, text)) return false;
      refresh();
      return true;
    },
    version: () => list?.version,
    state: () => ({
      connected: connections.connected(),
      refused: connections.refused(),
      listed: list?.peers.length ?? 0,
      doubleUses: shown,
    }),
    port: connections.port,
    discard() {
      if (discarded) return;
      discarded = true;
      keys.clear();
      list = undefined;
      current = undefined;
      shown = [];
      void stop();
      store.close();
      wipePeers(files);
    },
    async close() {
      guarded(tell, undefined);
      await stop();
      if (!discarded) store.close();
      discarded = true;
    },
  };
}

/** Removes the list, with the key in it, and what other lanes said. Nothing of it may be open any more, where the system minds. */
export function wipePeers({ list, database }: PeerFiles): void {
  for (const file of [list, ...['', '-wal', '-shm'].map((suffix) => database + suffix)]) rmSync(file, { force: true });
}

/** Known as long as it can matter: while the policy's window is open, while an app code lives, while uses are counted. */
function ownPass({ ref, credential, passedAtMs, windowMs }: OwnCrossing, { tags }: CheckpointKeys): OwnPass {
  const { claims, step } = credential;
  const { maxUses } = claims;
  const lifeMs = Math.max(
    1,
    windowMs,
    step === undefined ? 0 : STEP_LIFE_MS,
    maxUses === undefined ? 0 : claims.expiresAt * 1000 - passedAtMs,
  );
  const made = passTags(tags, claims);
  return {
    row: {
      tags: [toHex(made.credential), toHex(made.subject)],
      passedAtMs,
      windowMs: Math.min(windowMs, ROW_LIFE_MS_MAX),
      expiresAtMs: passedAtMs + Math.min(lifeMs, ROW_LIFE_MS_MAX),
      ...(step !== undefined && { step }),
    },
    ref,
    maxUses,
  };
}

function together(a: PassesElsewhere, b: PassesElsewhere): PassesElsewhere {
  const newest = (x: number | undefined, y: number | undefined) => (x === undefined ? y : y === undefined ? x : Math.max(x, y));
  return { passedAtMs: newest(a.passedAtMs, b.passedAtMs), uses: a.uses + b.uses, step: newest(a.step, b.step) };
}

function isSameGroup(a: PeerList | undefined, b: PeerList): boolean {
  const isSameKey = toHex(a?.key ?? NO_KEY) === toHex(b.key ?? NO_KEY);
  return a !== undefined && isSameKey && a.generation === b.generation && JSON.stringify(a.peers) === JSON.stringify(b.peers);
}

function stampOf(file: string): string {
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? 'absent' : `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return error.message;
    throw error;
  }
}
