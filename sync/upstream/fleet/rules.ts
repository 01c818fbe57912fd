/** What heartbeats mean, and the end of a kiosk (pure). */
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import type { Heartbeat } from '../../protocol/heartbeat.ts';
import { DRAIN_MS, type KioskRevocation } from '../../protocol/revocation.ts';
import type { Alarm, EnrolledKiosk, StoredJournal, TakenRequests } from '../store/store.ts';

/**
 * Whether records that a kiosk reported are gone: its journal ends before where it ended, or it has begun another one that
 * does not follow from the old, of which not everything arrived.
 */
export function truncation(
  kioskId: string,
  before: Heartbeat['journal'],
  now: Heartbeat['journal'],
  arrived: Pick<StoredJournal, 'n'> | undefined,
): Alarm | undefined {
  const isSame = before.journalId === now.journalId;
  const isShorter = isSame && (now.n < before.n || (now.n === before.n && now.head !== before.head));
  const isForsaken = !isSame && now.parentId !== before.journalId && (arrived?.n ?? 0) < before.n;
  if (!isShorter && !isForsaken) return undefined;
  const end = isSame ? `now ends at ${now.n}` : `only ${arrived?.n ?? 0} arrived`;
  return { code: 'journal-truncated', kioskId, detail: `journal ${before.journalId} had ${before.n} records, ${end}` };
}

export interface DatedRequest {
  readonly nonce: string;
  /** The kiosk's date, Unix seconds. */
  readonly createdS: number;
}

/** So many nonces are kept: they only tell apart what has one date and one position. */
const NONCES_KEPT = 64;
/** A date so far ahead of the centre says nothing about order. */
const AHEAD_S_MAX = 600;

/**
 * Whether a heartbeat was taken before, or is older than the last one that was. A date alone refuses nobody, because a kiosk
 * whose clock was set back must be heard: its journal has grown since, as each start and each closing of the lane is a record.
 * What has an older date and brings no newer record is an old request of somebody else.
 */
export function staleness(
  now: DatedRequest & { readonly journal: Heartbeat['journal'] },
  before: { readonly taken: TakenRequests; readonly journal: Heartbeat['journal'] } | undefined,
  nowMs: number,
): 'request-repeated' | 'request-stale' | undefined {
  if (before === undefined) return undefined;
  if (before.taken.nonces.includes(now.nonce)) return 'request-repeated';
  const isSame = now.journal.journalId === before.journal.journalId;
  const isAhead = now.createdS > nowMs / 1000 + AHEAD_S_MAX;
  const isNewer = isSame ? now.journal.n > before.journal.n : now.journal.parentId === before.journal.journalId;
  // A kiosk that is ahead of the centre and closed for it has no newer records, and is to be heard of.
  const isAsBefore = isAhead && isSame && now.journal.n === before.journal.n && now.journal.head === before.journal.head;
  const isLater = !isAhead && now.createdS >= before.taken.createdS;
  return isNewer || isAsBefore || isLater ? undefined : 'request-stale';
}

export function taking({ nonce, createdS }: DatedRequest, before: TakenRequests | undefined): TakenRequests {
  return { createdS, nonces: [...(before?.nonces ?? []), nonce].slice(-NONCES_KEPT) };
}

/** The highest versions that this centre has made or has in its files. */
export interface MadeVersions {
  readonly storeId: string;
  readonly slice: number;
  /** Whether this store has published the slice that the kiosk uses. */
  readonly knowsSlice: boolean;
  /** Version of the last publication that an operator gave a word for; 0 for none. */
  readonly accepted: number;
  readonly keyring: number | undefined;
  readonly policy: number | undefined;
  readonly config: number;
  readonly peers: number | undefined;
}

/** How far a kiosk's clock, or the clock of another centre, may be ahead of this one's. */
export const VERSION_SKEW_S = 300;

/**
 * What it means that a kiosk names newer versions than this centre ever made. `publish`: it uses a slice of another store,
 * and only a newer one of this store brings it back. `hold-back`: the slice is of this very store, which was therefore set
 * back to a backup; a new publication would end the holds that were made since, so an operator has the word. A version
 * further ahead than clocks differ may be a lie, and moves nothing but an alarm.
 */
export function versionsFromElsewhere(
  kioskId: string,
  { versions, storeId }: Pick<Heartbeat, 'versions' | 'storeId'>,
  made: MadeVersions,
  nowS: number,
): { readonly alarms: readonly Alarm[]; readonly answer: 'publish' | 'hold-back' | undefined } {
  const newer = (['slice', 'keyring', 'policy', 'config', 'peers'] as const).flatMap((name) => {
    const [named, own] = [versions[name], made[name]];
    return named === undefined || own === undefined || named <= own ? [] : [`${name} ${named}, here ${own}`];
  });
  const slice = versions.slice ?? 0;
  // Also where the next publication has a higher number already: what this store does not know was published after the backup.
  const isOwn = slice > made.accepted && storeId === made.storeId && !made.knowsSlice;
  if (newer.length === 0 && !isOwn) return { alarms: [], answer: undefined };
  const isSlice = isOwn || slice > made.slice;
  const isPlausible = isSlice && slice <= nowS + VERSION_SKEW_S;
  const store = storeId === undefined || isOwn ? '' : ` of store ${storeId}`;
  const named = newer.length > 0 ? newer.join('; ') : `slice ${slice}, which is not known here`;
  const code = isOwn ? 'store-set-back' : 'versions-from-elsewhere';
  return {
    alarms: [{ code, kioskId, detail: `the kiosk uses ${named}${isSlice ? store : ''}` }],
    answer: isPlausible ? (isOwn ? 'hold-back' : 'publish') : undefined,
  };
}

/** Whether a revoked kiosk may still bring what it had recorded. */
export function mayDrain(revokedAtMs: number, nowMs: number): boolean {
  return nowMs < revokedAtMs + DRAIN_MS;
}

/** The statement that ends a kiosk, one base64url line. */
export function revocationOf({ kioskId, signingKey, revokedAtMs = 0 }: EnrolledKiosk, nowMs: number, fleetKey: Signer): string {
  const body: KioskRevocation = {
    version: Math.floor(revokedAtMs / 1000),
    issuedAt: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + 365 * 86_400_000).toISOString(),
    audience: kioskId,
    kioskId,
    signingKey,
    drainUntil: new Date(revokedAtMs + DRAIN_MS).toISOString(),
  };
  return signStatement('revocation', body, fleetKey);
}
