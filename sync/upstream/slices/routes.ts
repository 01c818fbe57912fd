/** Lists over HTTP: the feed (signed, bound to the request, waits), slice manifest, snapshot and key, keyring, policy. */
import { existsSync, readFileSync } from 'node:fs';
import { plainText } from '../../../config/host/text-file.ts';
import type { Host } from '../../../config/ports/host.ts';
import { fromHex, toHex } from '../../credential/bytes.ts';
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import { FEED_ENTRIES_MAX, FEED_WAIT_S_MAX, type FeedEntry, type FeedPage, sliceIdText } from '../../protocol/feed.ts';
import { requestDigest } from '../../protocol/receipt.ts';
import { sealBox } from '../../protocol/sealing.ts';
import { sliceKeyCheck, sliceRowKey } from '../../protocol/slice.ts';
import { VERSION_SKEW_S } from '../fleet/rules.ts';
import { type KioskCaller, problem, type Reply, type Route, SIGNATURE_PROBLEMS, type UpstreamRequest } from '../http/route.ts';
import type { EnrolledKiosk, JournalStore, NumberedChange, RefusalStore, RegistryStore } from '../store/store.ts';
import { deltaFile, snapshotFile } from './build-slice.ts';
import type { FeedHub } from './feed-hub.ts';

export interface SliceRouteOptions {
  readonly store: RegistryStore & Pick<RefusalStore, 'markSetBack' | 'acceptedVersion'> & Pick<JournalStore, 'raiseAlarm'>;
  /** Folder of the snapshots and deltas. */
  readonly slices: string;
  readonly hub: FeedHub;
  readonly feedKey: Signer;
  readonly sliceKey: Signer;
  /** Files as they are signed offline; read anew each time, so that a new one needs no restart. */
  readonly keyringFile: string;
  readonly policyFile: string | undefined;
  /** Versions of these files as they are now. */
  offlineVersions(): { readonly keyring: number | undefined };
}

const PAGE_VALID_MS = 3_600_000;
const KEY_VALID_MS = 7 * 86_400_000;

export function sliceRoutes(options: SliceRouteOptions, host: Host): Route[] {
  const { store, slices, hub, feedKey, sliceKey } = options;
  const currentSlice = async (sliceId: string) => (await store.publishedSlices(sliceId, 1))[0];

  const header = (audience: string, validMs: number) => {
    const nowMs = host.clock.wallMs();
    return {
      version: Math.floor(nowMs / 1000),
      issuedAt: new Date(nowMs).toISOString(),
      expires: new Date(nowMs + validMs).toISOString(),
      audience,
    };
  };

  /** Kiosks that have said so already: each raises it once, and again where the store is found to be set back anew. */
  const haveSaid = new Set<string>();

  /** A kiosk that has an entry which this store never made had it before the store was set back to a backup. */
  const noteForeignEntry = async (kioskId: string, seq: number): Promise<void> => {
    if ((await store.feedNumbers(seq, 1))[0] === seq) return;
    // An operator's word covers what was made before it.
    if (seq <= (await store.acceptedVersion()) * 1000) return;
    const nowMs = host.clock.wallMs();
    if (seq > nowMs + VERSION_SKEW_S * 1000) return;
    const isNew = await store.markSetBack(nowMs);
    if (!isNew && haveSaid.has(kioskId)) return;
    haveSaid.add(kioskId);
    const detail = `the kiosk has entry ${seq} of the feed, which is not known here`;
    host.log.error('store-set-back', { kiosk: kioskId, detail });
    await store.raiseAlarm({ code: 'store-set-back', kioskId, detail }, nowMs);
  };

  const feed = async (request: UpstreamRequest, { kiosk, nonce }: KioskCaller): Promise<Reply> => {
    const sliceId = sliceIdText.safeParse(request.params.sliceId);
    const query = new URL(request.target, 'http://upstream').searchParams;
    const [after, generation, waitS] = ['after', 'generation', 'wait'].map((name) => Number(query.get(name) ?? Number.NaN));
    if (!sliceId.success || !isCount(after) || !isCount(generation) || !isCount(waitS) || waitS > FEED_WAIT_S_MAX) {
      return problem('request-invalid', `after, generation, wait (0 to ${FEED_WAIT_S_MAX}): whole numbers`);
    }
    const [key, current] = [await store.sliceKey(sliceId.data, generation), await currentSlice(sliceId.data)];
    if (key === undefined || current === undefined) return problem('not-found', 'no such slice or generation');
    if (after > 0) await noteForeignEntry(kiosk.kioskId, after);
    // A kiosk with another slice is answered at once: it has something to fetch.
    const mayWait = waitS > 0 && query.get('slice') === String(current.version);
    if (mayWait && (await store.feedHead()) <= after) await hub.wait(after, waitS * 1000);
    const changes = await store.feedAfter(after, FEED_ENTRIES_MAX);
    const now = (await currentSlice(sliceId.data)) ?? current;
    // Unsigned, and so worth nothing but a new question: for whoever waits and does not ask for a signature.
    const wantsSigned = query.get('signed') === '1';
    if (!wantsSigned && mayWait && changes.length === 0 && now.version === current.version) return { kind: 'none' };
    const page: FeedPage = {
      ...header(kiosk.kioskId, PAGE_VALID_MS),
      sliceId: sliceId.data,
      storeId: store.storeId,
      generation,
      keyCheck: sliceKeyCheck(key.key),
      after,
      upTo: changes.at(-1)?.seq ?? after,
      entries: changes.map((change) => entryOf(change, key.key)),
      more: changes.length === FEED_ENTRIES_MAX,
      sliceVersion: now.version,
      keyringVersion: options.offlineVersions().keyring,
      requestDigest: requestDigest(request.method, request.target, request.body),
      nonce,
    };
    return { kind: 'statement', line: signStatement('feed', page, feedKey) };
  };

  const keyOf = async (request: UpstreamRequest, { kiosk }: KioskCaller): Promise<Reply> => {
    const sliceId = sliceIdText.safeParse(request.params.sliceId);
    const generation = Number(request.params.generation);
    const key = sliceId.success && isCount(generation) ? await store.sliceKey(sliceId.data, generation) : undefined;
    if (!sliceId.success || key === undefined) return problem('not-found');
    return { kind: 'statement', line: sliceKeyStatement(kiosk, { sliceId: sliceId.data, ...key }, sliceKey, host) };
  };

  const file = (path: string | undefined): Reply =>
    path !== undefined && existsSync(path)
      ? { kind: 'statement', line: plainText(readFileSync(path, 'utf8')).trimEnd() }
      : problem('not-found');

  const immutable = (sha256 = '', fileOf: typeof snapshotFile): Reply => {
    const path = /^[0-9a-f]{64}$/.test(sha256) ? fileOf(slices, sha256) : undefined;
    return path !== undefined && existsSync(path) ? { kind: 'file', path } : problem('not-found');
  };

  const open = { method: 'GET', caller: 'anyone', bodyBytesMax: 0 } as const;
  const own = { method: 'GET', caller: 'kiosk', bodyBytesMax: 0 } as const;
  return [
    {
      ...own,
      path: '/v1/feed/{sliceId}',
      operationId: 'readFeed',
      summary:
        'Urgent changes after=N for generation=G; waits up to wait=25 seconds where there are none and slice=VERSION is current. ' +
        'signed=1: a signed page also where nothing is new.',
      reply: { kind: 'statement', description: 'feed: a page bound to the request' },
      none: 'waited, and nothing is new; unsigned, so it proves nothing',
      problems: [...SIGNATURE_PROBLEMS, 'request-invalid', 'not-found'],
      handle: feed,
    },
    {
      ...own,
      path: '/v1/slices/{sliceId}/keys/{generation}',
      operationId: 'readSliceKey',
      summary: 'The row key of a generation, sealed to the kiosk that asks.',
      reply: { kind: 'statement', description: 'slice-key' },
      problems: [...SIGNATURE_PROBLEMS, 'not-found'],
      handle: keyOf,
    },
    {
      ...open,
      path: '/v1/slices/{sliceId}/manifest',
      operationId: 'readManifest',
      summary: 'The manifest of the current slice.',
      reply: { kind: 'statement', description: 'slice-manifest' },
      problems: ['not-found'],
      async handle(request: UpstreamRequest): Promise<Reply> {
        const sliceId = sliceIdText.safeParse(request.params.sliceId);
        const current = sliceId.success ? await currentSlice(sliceId.data) : undefined;
        return current === undefined ? problem('not-found') : { kind: 'statement', line: current.manifest };
      },
    },
    {
      ...open,
      path: '/v1/slices/{sliceId}/snapshots/{sha256}',
      operationId: 'readSnapshot',
      summary: 'A snapshot by its hash; it never changes.',
      reply: { kind: 'file', description: 'SQLite file' },
      problems: ['not-found'],
      handle: async ({ params }: UpstreamRequest) => immutable(params.sha256, snapshotFile),
    },
    {
      ...open,
      path: '/v1/slices/{sliceId}/deltas/{sha256}',
      operationId: 'readDelta',
      summary: 'The changes between two slices, by their hash; they never change.',
      reply: { kind: 'file', description: 'SQLite file' },
      problems: ['not-found'],
      handle: async ({ params }: UpstreamRequest) => immutable(params.sha256, deltaFile),
    },
    {
      ...open,
      path: '/v1/keyring',
      operationId: 'readKeyring',
      summary: 'The current keyring, as the root signed it.',
      reply: { kind: 'statement', description: 'keyring' },
      problems: ['not-found'],
      handle: async () => file(options.keyringFile),
    },
    {
      ...open,
      path: '/v1/policy',
      operationId: 'readPolicy',
      summary: 'The current policy, as the release key signed it.',
      reply: { kind: 'statement', description: 'policy' },
      problems: ['not-found'],
      handle: async () => file(options.policyFile),
    },
  ];
}

/** The row key of a generation, sealed to one kiosk. */
export function sliceKeyStatement(
  { kioskId, sealingKey }: Pick<EnrolledKiosk, 'kioskId' | 'sealingKey'>,
  { sliceId, generation, key }: { readonly sliceId: string; readonly generation: number; readonly key: Uint8Array },
  signer: Signer,
  { clock, random }: Pick<Host, 'clock' | 'random'>,
): string {
  const nowMs = clock.wallMs();
  const body = {
    version: Math.floor(nowMs / 1000),
    issuedAt: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + KEY_VALID_MS).toISOString(),
    audience: kioskId,
    sliceId,
    generation,
    box: Buffer.from(sealBox(key, fromHex(sealingKey), random.bytes(32))).toString('base64url'),
  };
  return signStatement('slice-key', body, signer);
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}

/** Row keys instead of pseudonyms: a kiosk learns no name that another generation or another kiosk would know. */
function entryOf(change: NumberedChange, key: Uint8Array): FeedEntry {
  const { seq, prev } = change;
  if (change.kind === 'revoked') return { seq, prev, kind: 'revoked', cti: toHex(change.cti), expiresAt: change.expiresAt };
  if (change.kind === 'released') return { seq, prev, kind: 'released', cti: toHex(change.cti) };
  if (change.kind === 'key-killed') return { seq, prev, kind: 'key-killed', kid: toHex(change.kid) };
  const { status, fromDay, untilDay, pseudonym } = change;
  return { seq, prev, kind: 'status', key: toHex(sliceRowKey(key, pseudonym)), status, fromDay, untilDay: untilDay ?? null };
}
