/**
 * How many holds a slice may lose against the one before it (pure): the same rule at the centre, which does not publish a
 * greater loss without an operator's word, and at the kiosk, which does not take one that is not marked as accepted. An empty
 * store, a half import and a wrong file all look like many people released at once.
 *
 * Manifests count holds by their last day, so that holds that end as planned are no loss. Of the others a fifth may go in a
 * day: releases by hand are single ones, and a mistake in bulk takes nearly all. Up to ten may always go, because a fifth of
 * a small list is one household; but a list of three and more does not become empty unasked.
 */
import { z } from 'zod';
import { authorityDay } from './authority-time.ts';

/** Days that are told apart, the nearest ones; later ones count as without an end. */
export const HOLD_DAYS_MAX = 400;
const SHARE_MAX = 0.2;
const ROWS_ALWAYS = 10;
/** A fifth of 100, twice, leaves 64 and not a hair more. */
const ROUNDING = 1e-9;
const EMPTY_FROM = 3;
const DAY_MS = 86_400_000;
export const ACCEPTED_LOSSES_MAX = 16;
/** Publications, and entries of the feed, that a manifest names as its own past: a day and more at the usual pace. */
export const EARLIER_MAX = 200;

const count = z.number().int().min(0);
const daysSchema = z.array(z.object({ untilDay: z.number().int().nullable(), count: z.number().int().positive() })).max(HOLD_DAYS_MAX + 1);

/** Holds by their last day (null: none known): people and vehicles that are not clear, and revoked credentials. */
export const sliceHoldsSchema = z.object({ status: daysSchema, revoked: daysSchema });
export type SliceHolds = z.infer<typeof sliceHoldsSchema>;

const totalsSchema = z.object({ status: count, revoked: count });
export type HoldTotals = z.infer<typeof totalsSchema>;

/**
 * An operator's word: slices from `version` on may have as few holds as `to`. `setBack`: the store was set back to a backup
 * before, and the operator says that it is whole again; a word for a loss alone does not say so.
 */
export const acceptedLossSchema = z.object({
  version: z.number().int().positive(),
  from: totalsSchema,
  to: totalsSchema,
  setBack: z.boolean().default(false),
});
export type AcceptedLoss = z.infer<typeof acceptedLossSchema>;

export interface HeldSlice {
  readonly storeId: string;
  readonly version: number;
  readonly issuedAt: string;
  readonly holds: SliceHolds;
}

/** Counts holds while rows are read. Those whose last day lies before `fromDay` are over, and none of them counts. */
export function createHoldCounter(fromDay = Number.NEGATIVE_INFINITY): {
  add(untilDay: number | null): void;
  days(): SliceHolds['status'];
} {
  const byDay = new Map<number | null, number>();
  const add = (untilDay: number | null, more = 1) => byDay.set(untilDay, (byDay.get(untilDay) ?? 0) + more);
  return {
    add(untilDay) {
      if (untilDay === null || untilDay >= fromDay) add(untilDay);
    },
    days() {
      const late = [...byDay.keys()]
        .filter((day) => day !== null)
        .sort((a, b) => a - b)
        .slice(HOLD_DAYS_MAX);
      for (const day of late) {
        add(null, byDay.get(day) ?? 0);
        byDay.delete(day);
      }
      return [...byDay]
        .map(([untilDay, holds]) => ({ untilDay, count: holds }))
        .sort((a, b) => (a.untilDay ?? Infinity) - (b.untilDay ?? Infinity));
    },
  };
}

/** Holds that count on a day. */
export function holdsOn(holds: SliceHolds, day: number): HoldTotals {
  const sum = (days: SliceHolds['status']) =>
    days.reduce((total, { untilDay, count: more }) => total + (untilDay === null || untilDay >= day ? more : 0), 0);
  return { status: sum(holds.status), revoked: sum(holds.revoked) };
}

/**
 * What `next` loses against `before`, where it is more than may go between their dates; undefined where it is not. `untilMs`:
 * when it was refused first, because a loss does not become smaller by waiting for an operator's word.
 */
export function greatLoss(
  before: Pick<HeldSlice, 'issuedAt' | 'holds'>,
  next: Pick<HeldSlice, 'issuedAt' | 'holds'>,
  untilMs = Number.POSITIVE_INFINITY,
): { readonly from: HoldTotals; readonly to: HoldTotals } | undefined {
  // The day of the newer one, which is signed: a wrong clock hides no loss.
  const day = authorityDay(Date.parse(next.issuedAt) / 1000);
  const days = Math.max(1, Math.ceil((Math.min(Date.parse(next.issuedAt), untilMs) - Date.parse(before.issuedAt)) / DAY_MS));
  const [from, to] = [holdsOn(before.holds, day), holdsOn(next.holds, day)];
  return isGreat(from.status, to.status, days) || isGreat(from.revoked, to.revoked, days) ? { from, to } : undefined;
}

function isGreat(from: number, to: number, days: number): boolean {
  if (to === 0 && from >= EMPTY_FROM) return true;
  return from - to > ROWS_ALWAYS && to < Math.floor(from * (1 - SHARE_MAX) ** days + ROUNDING);
}

/** Whether an operator has accepted a loss down to `to`: no more is let through than was seen. */
export function coversLoss(accepted: Pick<AcceptedLoss, 'to'>, to: HoldTotals): boolean {
  return to.status >= accepted.to.status - ROWS_ALWAYS && to.revoked >= accepted.to.revoked - ROWS_ALWAYS && !becomesEmpty(accepted.to, to);
}

function becomesEmpty(before: HoldTotals, to: HoldTotals): boolean {
  return (to.status === 0 && before.status >= EMPTY_FROM) || (to.revoked === 0 && before.revoked >= EMPTY_FROM);
}

/** The kiosk's rule: a sentence where a slice loses more than may go and no operator has said so; undefined where it may be taken. */
export function refuseLoss(
  inUse: HeldSlice | undefined,
  next: HeldSlice & { readonly acceptedLosses: readonly AcceptedLoss[] },
): string | undefined {
  const loss = inUse && greatLoss(inUse, next);
  if (inUse === undefined || loss === undefined) return undefined;
  const isLater = ({ version }: AcceptedLoss) => inUse.storeId !== next.storeId || version > inUse.version;
  if (next.acceptedLosses.some((accepted) => isLater(accepted) && coversLoss(accepted, loss.to))) return undefined;
  return `slice-loss: slice ${next.version} has ${lossText(loss)} that the slice in use has, and no operator has accepted it`;
}

/** What a manifest says of its past, each list the newest first. */
export interface SlicePast {
  readonly feedSeq: number;
  readonly acceptedLosses: readonly AcceptedLoss[];
  readonly earlier: readonly number[];
  readonly earlierEntries: readonly number[];
}

/**
 * Whether a slice follows from the one in use, both of one store: a store that was set back to a backup knows neither the
 * slices that it had published since nor the entries of its feed, and its next slice lacks the holds that were made since. A
 * sentence where it does not follow and no operator has said that it is whole again. `heardSeq`: the newest entry of the feed
 * that the kiosk has; one that is newer than the slice stays beside it. What is older than the past that is named cannot be
 * judged.
 */
export function refuseFork(inUse: HeldSlice | undefined, next: HeldSlice & SlicePast, heardSeq = 0): string | undefined {
  if (inUse === undefined || inUse.storeId !== next.storeId) return undefined;
  if (inUse.version === next.version) return inUse.issuedAt === next.issuedAt ? undefined : twin(next.version);
  if (next.acceptedLosses.some(({ version, setBack }) => setBack && version > inUse.version)) return undefined;
  const isReplaced = heardSeq > 0 && heardSeq <= next.feedSeq;
  const missing = !isPast(inUse.version, next.earlier)
    ? `slice ${inUse.version}`
    : isReplaced && !isPast(heardSeq, next.earlierEntries)
      ? `entry ${heardSeq} of the feed`
      : undefined;
  if (missing === undefined) return undefined;
  return `store-set-back: slice ${next.version} does not know ${missing}, which is in use; the store was set back to a backup`;
}

/** One number stands for one publication: a store gives it again only where it has forgotten the first. */
function twin(version: number): string {
  return `store-set-back: slice ${version} is another one than slice ${version} in use; the store was set back to a backup`;
}

function isPast(number: number, newestFirst: readonly number[]): boolean {
  return newestFirst.includes(number) || newestFirst.every((one) => number < one);
}

export function lossText({ from, to }: { readonly from: HoldTotals; readonly to: HoldTotals }): string {
  return `${to.status} of ${from.status} holds and ${to.revoked} of ${from.revoked} revocations`;
}
