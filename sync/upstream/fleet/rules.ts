/** What heartbeats mean, and the end of a kiosk (pure). */
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import type { Heartbeat } from '../../protocol/heartbeat.ts';
import { DRAIN_MS, type KioskRevocation } from '../../protocol/revocation.ts';
import type { Alarm, EnrolledKiosk, StoredJournal } from '../store/store.ts';

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
