/**
 * What a receipt means for the own journal (pure). Records up to n are acknowledged if, and only if, the receipt's head is
 * the kiosk's own entry_hash(n); everything else is a gap, a fork or a lost range, and says what to send next.
 */
import type { ChainPoint } from '../protocol/batch.ts';
import type { Receipt } from '../protocol/receipt.ts';

/** The own journal as far as it is still here. */
export interface OwnJournal {
  readonly firstSeq: number;
  readonly lastSeq: number;
  hashAt(n: number): string | undefined;
}

export type OutboxStep =
  | { readonly kind: 'acknowledge'; readonly n: number }
  /** Upstream knows nothing of it and all of it is here: send from the start. */
  | { readonly kind: 'restart' }
  /** Go on in a new journal with the records above `afterSeq`; `lost`: those that neither side has any more. */
  | { readonly kind: 'new-journal'; readonly afterSeq: number; readonly lost: { readonly from: number; readonly to: number } | undefined };

export function judgeReceipt(
  { outcome, n, head, points }: Pick<Receipt, 'outcome' | 'n' | 'head' | 'points'>,
  own: OwnJournal,
): OutboxStep {
  if (outcome === 'unknown-journal') {
    if (own.firstSeq === 0) return { kind: 'restart' };
    return { kind: 'new-journal', afterSeq: own.firstSeq, lost: { from: 1, to: own.firstSeq } };
  }
  // The mark lies before everything that is still here: what is between exists nowhere any more.
  if (n < own.firstSeq) return { kind: 'new-journal', afterSeq: own.firstSeq, lost: { from: n + 1, to: own.firstSeq } };
  if (n <= own.lastSeq && own.hashAt(n) === head) return { kind: 'acknowledge', n };
  return { kind: 'new-journal', afterSeq: lastShared(points, own) ?? own.firstSeq, lost: undefined };
}

/** The highest point of upstream's history that is also the own. */
function lastShared(points: readonly ChainPoint[], own: OwnJournal): number | undefined {
  const shared = points.filter(({ n, head }) => n >= own.firstSeq && n <= own.lastSeq && own.hashAt(n) === head);
  return shared.length === 0 ? undefined : Math.max(...shared.map(({ n }) => n));
}
