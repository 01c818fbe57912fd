/**
 * Publishes a slice: has the file built, names it by its hash, signs the manifest with the changes that lead to it. The row
 * key stays the same within a generation, a week by default, so that a key that leaves with a stolen kiosk soon opens
 * nothing new.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runInWorker } from '../../../config/host/worker.ts';
import type { Host } from '../../../config/ports/host.ts';
import { toHex } from '../../credential/bytes.ts';
import { keyId } from '../../credential/cose.ts';
import type { Keyring } from '../../credential/keyring.ts';
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import { authorityDay } from '../../protocol/authority-time.ts';
import { DELTA_SHARE_MAX, openManifest, type SliceDelta, type SliceManifest, sliceKeyCheck } from '../../protocol/slice.ts';
import { EARLIER_MAX, lossText } from '../../protocol/slice-loss.ts';
import { VERSION_SKEW_S } from '../fleet/rules.ts';
import type {
  FleetStore,
  JournalStore,
  PublishedSlice,
  RefusalStore,
  RegistryStore,
  SliceAcceptance,
  SliceRefusal,
} from '../store/store.ts';
import { type BuildJob, type BuiltSlice, builtSliceSchema, deltaFile, removeLeftovers, snapshotFile } from './build-slice.ts';
import { judgeSlice } from './loss-guard.ts';

export interface SliceScope {
  readonly sliceId: string;
  /** Of these everybody; of all others whoever is not clear. */
  readonly regions: readonly number[];
}

type PublisherStore = RegistryStore & RefusalStore & Pick<FleetStore, 'heartbeats'> & Pick<JournalStore, 'raiseAlarm'>;

export interface PublisherOptions {
  /** Address of the store, for the worker. */
  readonly storeAddress: string;
  /** Folder of the snapshots and deltas. */
  readonly folder: string;
  readonly sliceKey: Signer;
  readonly scopes: readonly SliceScope[];
  /** The keyring as it is now. */
  keyring(): Pick<Keyring, 'trust' | 'subjectKeyCheck'>;
}

export interface Publisher {
  /** Publishes those that there are none of yet, that show an older registry or other killed keys, that another key has signed, or whose manifest grows old; `anew`: all. */
  refresh(anew?: boolean): Promise<void>;
}

const GENERATION_MS = 7 * 86_400_000;
const VALID_MS = 7 * 86_400_000;
/** A manifest is signed again this long before it would matter, also without a change. */
const RENEW_MS = 86_400_000;
/** Publications whose files kiosks may still be fetching. */
const KEEP_PUBLISHED = 3;
const DELTAS_MAX = 32;
const HEAP_MIB_MAX = 1_024;

export function createPublisher(store: PublisherStore, options: PublisherOptions, host: Host): Publisher {
  const { folder, sliceKey, scopes } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { sliceId } of scopes) removeLeftovers(folder, sliceId);
  /** What a refused slice was made of: as long as that is the same it would be refused again. */
  const refusedOf = new Map<string, string>();
  const madeOf = (revision: number, killedKeys: readonly string[], atMs: number) =>
    [revision, authorityDay(atMs / 1000), ...killedKeys].join();

  const generationFor = async (sliceId: string, nowMs: number) => {
    const newest = await store.sliceKey(sliceId);
    if (newest !== undefined && nowMs - newest.createdAtMs < GENERATION_MS) return newest;
    // A store that is made anew, or set back to a backup, must not give a number that kiosks know with another key.
    const generation = Math.max((newest?.generation ?? 0) + 1, Math.floor(nowMs / 1000));
    const next = { generation, key: host.random.bytes(32), createdAtMs: nowMs };
    await store.addSliceKey(sliceId, next.generation, next.key, nowMs);
    return next;
  };

  /** Killed keys that the keyring itself does not revoke yet. */
  const openKills = async (): Promise<string[]> => {
    const { trust } = options.keyring();
    return (await store.killedKeys()).filter((kid) => (trust.get(kid)?.status ?? 'revoked') !== 'revoked');
  };

  const statedSubjectKey = async (): Promise<string | undefined> => {
    const [kept, { subjectKeyCheck: pinned }] = [await store.subjectKeyCheck(), options.keyring()];
    if (pinned !== undefined && kept !== pinned) host.log.error('slice-subject-key', { kept, pinned });
    return kept;
  };

  const build = async (job: BuildJob): Promise<BuiltSlice> =>
    builtSliceSchema.parse(
      await runInWorker({
        source: 'sync/upstream/slices/build-worker.ts',
        data: { ...job, store: options.storeAddress },
        heapMiBMax: HEAP_MIB_MAX,
      }),
    );

  const publish = async ({ sliceId, regions }: SliceScope, previous: PublishedSlice | undefined): Promise<void> => {
    const nowMs = host.clock.wallMs();
    const { generation, key } = await generationFor(sliceId, nowMs);
    const keyCheck = sliceKeyCheck(key);
    const base = previous?.body.keyCheck === keyCheck ? previous.body : undefined;
    const built = await build({ sliceId, regions, key, nowS: Math.floor(nowMs / 1000), folder, base });
    // Read after the build: a kill that the slice's number in the feed covers is among them.
    const killedKeys = await openKills();
    const subjectKeyCheck = await statedSubjectKey();
    const { content, rows, holds, feedSeq, snapshot, delta, revision, collisions } = built;
    if (collisions > 0) host.log.warn('slice-collisions', { slice: sliceId, collisions });
    const issuedAtMs = host.clock.wallMs();
    const version = await nextVersion(previous, issuedAtMs);
    const issuedAt = new Date(issuedAtMs).toISOString();
    const judgement = await judgeSlice(store, previous, { storeId: store.storeId, sliceId, version, issuedAt, holds });
    if (judgement.kind === 'refuse') {
      refusedOf.set(sliceId, madeOf(revision, killedKeys, issuedAtMs));
      return refuse({ ...judgement.refusal, sliceId, atMs: issuedAtMs, revision }, judgement.word);
    }
    const body: SliceManifest = {
      version,
      issuedAt,
      expires: new Date(issuedAtMs + VALID_MS).toISOString(),
      audience: '*',
      sliceId,
      storeId: store.storeId,
      generation,
      keyCheck,
      content,
      rows,
      holds,
      acceptedLosses: [...judgement.acceptedLosses],
      earlier: await store.publishedVersions(sliceId, EARLIER_MAX),
      earlierEntries: await store.feedNumbers(feedSeq, EARLIER_MAX),
      feedSeq,
      killedKeys,
      subjectKeyCheck,
      snapshot,
      deltas: worthKeeping([...(base?.deltas ?? []), ...(delta === undefined ? [] : [delta])], snapshot.lengthBytes),
    };
    const manifest = signStatement('slice-manifest', body, sliceKey);
    const slice = { sliceId, version, body, manifest, publishedAtMs: issuedAtMs, revision };
    if (!(await store.publishSlice(slice, judgement.word))) return host.log.error('store-set-back', { slice: sliceId });
    host.log.info('slice-published', {
      slice: sliceId,
      version,
      generation,
      status: rows.status,
      revoked: rows.revoked,
      buildMs: issuedAtMs - nowMs,
    });
  };

  const refuse = async (refusal: Omit<SliceRefusal, 'reason'>, word: SliceAcceptance | undefined): Promise<void> => {
    const detail = `slice ${refusal.sliceId} would have ${lossText(refusal)}: not published; if that is right: registry publish --accept-loss`;
    host.log.error('slice-loss', { slice: refusal.sliceId, would: lossText(refusal) });
    await store.putSliceRefusal(refusal);
    await store.raiseAlarm({ code: 'slice-loss', kioskId: '', detail }, refusal.atMs);
    if (word !== undefined) await dropWord(word, 'more-is-lost');
  };

  /** A word that does not fit must not lie in wait for another slice. */
  const dropWord = async (word: SliceAcceptance, reason: 'more-is-lost' | 'store-set-back'): Promise<void> => {
    const { sliceId, to } = word;
    host.log.error('slice-word-dropped', { slice: sliceId, reason, allowed: `${to.status} holds, ${to.revoked} revocations` });
    await store.dropAcceptance(word);
  };

  /** Above what this store made, and what a kiosk says it uses; not above the time by more than clocks differ. */
  const nextVersion = async (previous: PublishedSlice | undefined, nowMs: number): Promise<number> => {
    const named = (await store.heartbeats()).map(({ heartbeat }) => heartbeat.versions.slice ?? 0);
    const nowS = Math.floor(nowMs / 1000);
    const above = Math.max(0, ...named.filter((one) => one <= nowS + VERSION_SKEW_S)) + 1;
    return Math.max((previous?.version ?? 0) + 1, nowS, above);
  };

  const dropOld = async () => {
    const published = await Promise.all(scopes.map(({ sliceId }) => store.publishedSlices(sliceId, KEEP_PUBLISHED)));
    const keep = new Set(
      published
        .flat()
        .flatMap(({ body }) => [snapshotFile(folder, body.snapshot.sha256), ...body.deltas.map(({ sha256 }) => deltaFile(folder, sha256))]),
    );
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      if (/^[0-9a-f]{64}\.(db|delta)$/.test(name) && !keep.has(file)) rmSync(file);
    }
  };

  return {
    async refresh(anew = false) {
      for (const scope of scopes) {
        const [current] = await store.publishedSlices(scope.sliceId, 1);
        const isOld = current !== undefined && host.clock.wallMs() - current.publishedAtMs > RENEW_MS;
        const revision = await store.registryRevision();
        const isChanged = current?.revision !== revision;
        const killedKeys = await openKills();
        const isKilled = current?.body.killedKeys.join() !== killedKeys.join();
        // After a change of the slice key nobody would believe it; what an earlier version signed names no store and no key.
        const isForeign = current !== undefined && !isOurs(current.manifest, sliceKey, store.storeId);
        const isRekeyed = current?.body.subjectKeyCheck !== (await store.subjectKeyCheck());
        const refusal = await store.sliceRefusal(scope.sliceId);
        const word = await store.sliceAcceptance(scope.sliceId);
        const isAccepted = word !== undefined && (refusal?.reason !== 'set-back' || word.setBack);
        if (word !== undefined && !isAccepted) await dropWord(word, 'store-set-back');
        // Nothing that was refused is built again before something has changed; the day is something, because holds end with it.
        const isSame = refusedOf.get(scope.sliceId) === madeOf(revision, killedKeys, host.clock.wallMs());
        const isRefused = refusal?.reason === 'set-back' || (refusal !== undefined && isSame);
        if (isRefused && !isAccepted) continue;
        const isDue = isOld || isChanged || isKilled || isForeign || isRekeyed;
        if (anew || current === undefined || isAccepted || isDue) await publish(scope, current);
      }
      await dropOld();
    },
  };
}

function isOurs(text: string, { publicKey }: Signer, storeId: string): boolean {
  const opened = openManifest(text, new Map([[toHex(keyId(publicKey)), publicKey]]));
  return opened.ok && opened.value.manifest.storeId === storeId;
}

/** The newest of them that together are shorter than what they save. */
function worthKeeping(deltas: readonly SliceDelta[], snapshotBytes: number): SliceDelta[] {
  let budgetBytes = snapshotBytes * DELTA_SHARE_MAX;
  const kept = deltas.slice(-DELTAS_MAX).toReversed();
  const first = kept.findIndex(({ lengthBytes }) => {
    budgetBytes -= lengthBytes;
    return budgetBytes < 0;
  });
  return (first < 0 ? kept : kept.slice(0, first)).toReversed();
}
