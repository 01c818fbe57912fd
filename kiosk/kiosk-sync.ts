/**
 * Joins a kiosk to its centre: four loops, each on a connection of its own, so that no upload holds up a list and no
 * download an urgent hold. What they need of journal, registry and time is handed to them here.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { FaultCode } from '../config/faults.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { every } from '../config/ports/clock.ts';
import type { Host } from '../config/ports/host.ts';
import type { Signer } from '../sync/credential/signer.ts';
import { type FeedLoop, startFeedLoop } from '../sync/edge/feed-loop.ts';
import { type HeartbeatLoop, startHeartbeatLoop } from '../sync/edge/heartbeat-loop.ts';
import type { Comrade, Evidence } from '../sync/edge/loop-tools.ts';
import { type PullLoop, startPullLoop } from '../sync/edge/pull-loop.ts';
import { type PushLoop, startPushLoop } from '../sync/edge/push-loop.ts';
import { createUpstreamClient, type UpstreamClient } from '../sync/edge/upstream-client.ts';
import { journalIdText } from '../sync/protocol/batch.ts';
import { type SyncAges, type SyncLoop, syncLoops } from '../sync/protocol/evidence.ts';
import type { CommandKind, Heartbeat } from '../sync/protocol/heartbeat.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import type { Journal } from './journal/journal.ts';
import type { KioskState } from './journal/kiosk-state.ts';
import { kioskKey } from './kiosk-keys.ts';
import type { OtherLanes } from './other-lanes.ts';
import type { ListsOverlay } from './registry/feed-overlay.ts';
import { listsRefused } from './registry/lists-refused.ts';
import { offerKeyring, offerPolicy } from './registry/offer-statement.ts';
import type { Registry } from './registry/registry.ts';
import { fetchedFiles } from './registry/registry-slice.ts';
import type { TrustedStore } from './registry/trusted-store.ts';
import { offerRemoteConfig, storedConfigVersion } from './remote-config.ts';
import type { Revocation } from './revocation.ts';

export interface SyncParts {
  readonly config: KioskConfig;
  /** Absolute. */
  readonly paths: {
    readonly dataDir: string;
    readonly keyring: string;
    readonly policy: string;
    readonly manifest: string;
    readonly config: string;
  };
  readonly bootId: string;
  readonly signer: Signer;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly overlay: ListsOverlay;
  readonly store: TrustedStore;
  readonly time: KioskTime;
  readonly state: KioskState;
  readonly revocation: Revocation;
  readonly lanes?: Pick<OtherLanes, 'offer' | 'version'> | undefined;
  /** What the kiosk says of itself, given what its queue is like and when each loop was answered. */
  report(queue: ReturnType<PushLoop['state']>, ages: SyncAges): Omit<Heartbeat, 'done'>;
  carryOut(kind: CommandKind): Promise<{ readonly ok: boolean; readonly detail: string }>;
}

export interface KioskSync {
  readonly push: PushLoop;
  readonly pull: PullLoop;
  readonly feed: FeedLoop;
  readonly heartbeat: HeartbeatLoop;
  /** How long ago each loop was answered, signed and bound to its request. */
  ages(): SyncAges;
  /** The centre's last word was, unsigned, that it does not know this kiosk or its key. Only for what people read. */
  isUnknown(): boolean;
  /** Why newer lists that the centre offers are not taken, where that is a doubt about the lists themselves. */
  listsRefused(): FaultCode | undefined;
  stop(): Promise<void>;
}

const UNKNOWN = /:problem:(kiosk-unknown|signature-invalid)"/;
const DRAIN_LOOK_MS = 1_000;
/** Lists that were changed or taken away in use are fetched anew: until then the lane is closed. */
const MEND_LOOK_MS = 5_000;
/** What makes it this kiosk. */
const KIOSK_KEYS = ['kiosk.key', 'sealing.key', 'certificate.cose'];
const markSchema = z.object({ journalId: journalIdText, n: z.number().int().min(0) });

/** Undefined for a kiosk without a centre. */
export function startSync(parts: SyncParts, host: Host): KioskSync | undefined {
  const { config, paths, bootId, signer, journal, registry, overlay, time, state, revocation, lanes } = parts;
  const url = config['upstream.url'];
  if (url === undefined) return undefined;
  const { kioskId } = config;
  const { keyring } = registry;
  const pins = () => keyring()?.upstreamPins ?? [];
  const clients: UpstreamClient[] = [];
  let isUnknown = false;
  const refused = (text: string) => {
    // Anybody on the way can say so: it changes words, and closes nothing.
    isUnknown = UNKNOWN.test(text);
    revocation.offer(text);
  };
  const openClient = () => {
    const options = { url: new URL(url), pins, keyId: kioskId, signer, onRefused: refused };
    // Dated by the best word for the time there is, not by the clock of the machine.
    const clock = { ...host.clock, wallMs: time.nowMs };
    const client = createUpstreamClient(options, { ...host, clock });
    clients.push(client);
    return client;
  };
  // A kiosk that was revoked asks for nothing any more; it only sends what it has.
  const listKeyring = () => (revocation.isRevoked() ? undefined : keyring());
  const slice = () => registry.content()?.slice;
  const isDamaged = () => registry.changed() === 'list-changed';
  const storeId = () => parts.store.storeId(keyring());
  const spreadMs = config['upstream.reconnectSpreadMs'];

  // Before any loop runs: a damaged key file ends the start.
  const sealingSecret = kioskKey(paths.dataDir, 'sealing', host.random);
  /** Those that run already: the first heartbeat is made while they start. */
  const loops: Partial<Record<SyncLoop, Evidence & Comrade>> = {};
  const ageOf = (loop: SyncLoop) => {
    const atMs = loops[loop]?.lastSuccessAtMs();
    return atMs === undefined ? undefined : host.clock.monotonicMs() - atMs;
  };
  const ages = (): SyncAges => ({ push: ageOf('push'), pull: ageOf('pull'), feed: ageOf('feed'), heartbeat: ageOf('heartbeat') });
  /** The feed is woken by any answer, because a hold must not wait; the others when one of them is answered again. */
  const answered = (by: SyncLoop) => (recovered: boolean) => {
    isUnknown = false;
    for (const loop of syncLoops) if (loop !== by && (recovered || loop === 'feed')) loops[loop]?.retry();
  };

  const push = startPushLoop(
    {
      journal: {
        ...journal,
        startNewJournal: (afterSeq, lost) => journal.startNewJournal(afterSeq, lost, { nowMs: time.nowMs(), clockState: time.state() }),
        // On a full disk room for the next crossing is worth more than what upstream has already.
        prune(acknowledged) {
          const isFull = journal.fault() === 'disk-full';
          // By a clock that nobody has confirmed everything may look old.
          if (!isFull && time.state() !== 'trusted') return 0;
          return journal.prune(acknowledged, isFull ? 0 : config['journal.keepMs'], time.nowMs());
        },
      },
      mark: {
        read: () => markSchema.safeParse(state.get('sync.mark')).data,
        write: (mark) => state.set('sync.mark', mark),
      },
      client: openClient(),
      kioskId,
      bootId,
      receiptKeys: () => keyring()?.roles.receipt,
      storeId,
      sealingKey: () => keyring()?.sealingKey,
      reconnectSpreadMs: spreadMs,
      onAnswered: answered('push'),
    },
    host,
  );
  const pull = startPullLoop(
    {
      client: openClient(),
      kioskId,
      sliceId: config['slice.id'],
      sealingSecret,
      bytesMax: config['slice.bytesMax'],
      log: host.log,
      inbox: {
        inUse: slice,
        isDamaged,
        storeId,
        lastUsed: parts.store.lastUsed,
        heardSeq: overlay.heardSeq,
        manifestFile: paths.manifest,
        filesFor: (manifest) => fetchedFiles(paths.manifest, manifest),
        refresh: registry.refresh,
      },
      keyring: listKeyring,
      offerKeyring(text) {
        const isTaken = offerKeyring(paths.keyring, config['keyring.root'], text);
        // What comes with it, policy and slice, may be signed by keys that only it names.
        if (isTaken) registry.refresh();
        return isTaken;
      },
      offerPolicy(text) {
        const known = keyring();
        return known !== undefined && offerPolicy(paths.policy, known, text);
      },
      offerPeers: lanes?.offer,
      spreadMs,
      onAnswered: answered('pull'),
    },
    host,
  );
  const feed = startFeedLoop(
    {
      client: openClient(),
      kioskId,
      inbox: {
        cursor: overlay.cursor,
        sliceVersion: () => slice()?.manifest.version,
        isFresh: () => overlay.freshness() !== undefined,
        apply: overlay.apply,
      },
      keyring: listKeyring,
      needsTime: () => time.state() !== 'trusted',
      onSignedTime(issuedAtMs, roundTripMs) {
        const reason = time.noteSignedTime(issuedAtMs, roundTripMs);
        if (reason !== undefined) host.log.warn('signed-time-ignored', { reason, roundTripMs: Math.round(roundTripMs) });
      },
      onOtherSlice: pull.wake,
      onAnswered: answered('feed'),
    },
    host,
  );
  Object.assign(loops, { push, pull, feed });
  const refusedLists = () => listsRefused(pull.failure(), feed.failure());
  const heartbeat = startHeartbeatLoop(
    {
      client: openClient(),
      kioskId,
      keyring: listKeyring,
      report: () => ({ ...parts.report(push.state(), ages()), listsRefused: refusedLists() }),
      carryOut: parts.carryOut,
      onAnswered: answered('heartbeat'),
      onWanted(wanted) {
        const [known, content] = [keyring(), registry.content()];
        const isNewer = (wantedVersion: number | undefined, own: number | undefined) => (wantedVersion ?? 0) > (own ?? 0);
        const isBehind = isNewer(wanted.keyring, known?.version) || isNewer(wanted.policy, content?.policy.version);
        if (isBehind || (lanes !== undefined && isNewer(wanted.peers, lanes.version()))) pull.wake();
      },
      offerConfig(text) {
        const known = keyring();
        return known !== undefined && offerRemoteConfig(paths.config, known, kioskId, text);
      },
      configVersion() {
        const known = keyring();
        return known && storedConfigVersion(paths.config, known, kioskId);
      },
    },
    host,
  );
  loops.heartbeat = heartbeat;
  const stopDraining = every(host.clock, DRAIN_LOOK_MS, () => {
    const { waiting, failure, receiptAtMs } = push.state();
    if (!revocation.isRevoked() || waiting > 0 || failure !== undefined || receiptAtMs === undefined) return;
    stopDraining();
    revocation.wipe();
    for (const name of KIOSK_KEYS) rmSync(join(paths.dataDir, 'keys', name), { force: true });
    host.log.warn('kiosk-drained', { records: journal.lastSeq() });
    void push.stop();
  });
  const stopMending = every(host.clock, MEND_LOOK_MS, () => {
    if (revocation.isRevoked()) return;
    // After a round that ended well everything was there: what is missing now was lost since.
    const wasWhole = pull.lastSuccessAtMs() !== undefined && pull.failure() === undefined;
    const isLost = slice() === undefined && (wasWhole || registry.fault() === 'slice-changed');
    if (isLost || isDamaged()) pull.wake();
  });
  return {
    push,
    pull,
    feed,
    heartbeat,
    ages,
    isUnknown: () => isUnknown,
    listsRefused: refusedLists,
    async stop() {
      stopDraining();
      stopMending();
      for (const client of clients) client.close();
      await Promise.all([push.stop(), pull.stop(), feed.stop(), heartbeat.stop()]);
    },
  };
}
