import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorityDay } from './authority-time.ts';
import {
  type AcceptedLoss,
  createHoldCounter,
  greatLoss,
  type HeldSlice,
  HOLD_DAYS_MAX,
  holdsOn,
  refuseFork,
  refuseLoss,
  sliceHoldsSchema,
} from './slice-loss.ts';

const A = 'a'.repeat(32);
const today = authorityDay(Date.UTC(2026, 0, 15, 12) / 1000);
const at = (day: number) => new Date(Date.UTC(2026, 0, 15 + day, 12)).toISOString();
const slice = (day: number, version: number, status: number, more: Partial<HeldSlice> = {}): HeldSlice => ({
  ...{ storeId: A, version, issuedAt: at(day) },
  holds: { status: status === 0 ? [] : [{ untilDay: null, count: status }], revoked: [] },
  ...more,
});
const isGreat = (before: number, after: number, days = 0) => greatLoss(slice(0, 1, before), slice(days, 2, after)) !== undefined;

describe('a loss of holds', () => {
  it.each([
    [100, 80, 0, false],
    [100, 79, 0, true],
    [100, 64, 2, false],
    [100, 63, 2, true],
    [100, 30, 7, false],
    [12, 2, 0, false],
    [12, 1, 0, true],
    [5, 1, 0, false],
    [3, 0, 0, true],
    [2, 0, 0, false],
    [3, 0, 30, true],
    [0, 0, 0, false],
    [10, 500, 0, false],
  ])('from %d to %d within %d days is great: %s', (before, after, days, expected) => {
    expect(isGreat(before, after, days)).toBe(expected);
  });

  it('counts none that ended as planned, and those that are revoked like those that are held', () => {
    const planned = {
      status: [
        { untilDay: today + 1, count: 90 },
        { untilDay: null, count: 10 },
      ],
      revoked: [],
    };
    expect(greatLoss(slice(0, 1, 0, { holds: planned }), slice(2, 2, 9))).toBeUndefined();
    expect(greatLoss(slice(0, 1, 0, { holds: planned }), slice(1, 2, 10))).toEqual({
      from: { status: 100, revoked: 0 },
      to: { status: 10, revoked: 0 },
    });
    const revoked = { status: [], revoked: [{ untilDay: today + 8, count: 40 }] };
    expect(greatLoss(slice(0, 1, 0, { holds: revoked }), slice(0, 2, 0))).toMatchObject({ from: { revoked: 40 } });
  });
});

describe('a kiosk', () => {
  const next = (status: number, accepted: readonly { version: number; to: number }[] = [], more: Partial<HeldSlice> = {}) => ({
    ...slice(0, 9, status, more),
    acceptedLosses: accepted.map(({ version, to }) => ({
      version,
      from: { status: 100, revoked: 0 },
      to: { status: to, revoked: 0 },
      setBack: false,
    })),
  });

  it('takes a great loss only where an operator has accepted it since the slice in use', () => {
    const inUse = slice(0, 5, 100);
    expect(refuseLoss(undefined, next(0))).toBeUndefined();
    expect(refuseLoss(inUse, next(0))).toContain('slice-loss');
    expect(refuseLoss(inUse, next(20, [{ version: 7, to: 20 }]))).toBeUndefined();
    expect(refuseLoss(inUse, next(20, [{ version: 5, to: 20 }]))).toContain('slice-loss');
    // What came after the accepted loss.
    expect(refuseLoss(inUse, next(15, [{ version: 7, to: 20 }]))).toBeUndefined();
    expect(refuseLoss(inUse, next(0, [{ version: 7, to: 20 }]))).toContain('slice-loss');
  });

  it('takes one of another store too only where its operator has accepted it', () => {
    const inUse = slice(0, 50, 100);
    const other = { storeId: 'b'.repeat(32) };
    expect(refuseLoss(inUse, next(4, [], other))).toContain('slice-loss');
    expect(refuseLoss(inUse, next(4, [{ version: 9, to: 4 }], other))).toBeUndefined();
    expect(refuseLoss(inUse, next(95, [], other))).toBeUndefined();
  });
});

describe('a slice of a store that was set back to a backup', () => {
  const next = (earlier: readonly number[], more: Partial<HeldSlice & { acceptedLosses: AcceptedLoss[] }> = {}) => ({
    ...slice(0, 9, 10),
    ...{ earlier, earlierEntries: [900, 500, 100], feedSeq: 900, acceptedLosses: [] },
    ...more,
  });
  const inUse = slice(0, 6, 10);

  it('is not taken where it does not know the slice in use', () => {
    expect(refuseFork(inUse, next([8, 5, 4]))).toContain('store-set-back');
    expect(refuseFork(inUse, next([8, 6, 5]))).toBeUndefined();
    expect(refuseFork(inUse, next([8, 7]))).toBeUndefined();
    expect(refuseFork(undefined, next([8, 5]))).toBeUndefined();
    expect(refuseFork(inUse, next([8, 5], { storeId: 'b'.repeat(32) }))).toBeUndefined();
    expect(refuseFork(inUse, next([5], { version: 6 }))).toBeUndefined();
    expect(refuseFork(inUse, next([5], { version: 6, issuedAt: '2026-01-02T00:00:00Z' }))).toContain('another one than slice 6');
  });

  it('is not taken where it lacks an entry of the feed that was heard, but for those that are newer than it', () => {
    for (const heard of [501, 899]) expect(refuseFork(inUse, next([6]), heard)).toContain(`entry ${heard} of the feed`);
    for (const heard of [undefined, 0, 50, 100, 500, 900, 901]) expect(refuseFork(inUse, next([6]), heard)).toBeUndefined();
  });

  it('is taken where an operator has given the word since', () => {
    const word = (version: number, setBack = true) => [
      { version, from: { status: 10, revoked: 0 }, to: { status: 10, revoked: 0 }, setBack },
    ];
    expect(refuseFork(inUse, next([8, 5], { acceptedLosses: word(8) }))).toBeUndefined();
    expect(refuseFork(inUse, next([8, 6], { acceptedLosses: word(8) }), 899)).toBeUndefined();
    expect(refuseFork(inUse, next([8, 5], { acceptedLosses: word(6) }))).toContain('store-set-back');
    // A word for a loss speaks of another thing.
    expect(refuseFork(inUse, next([8, 5], { acceptedLosses: word(8, false) }))).toContain('store-set-back');
  });
});

it('holds are told apart by so many days, and later ones count for longer', () => {
  const counter = createHoldCounter();
  for (let day = 0; day < HOLD_DAYS_MAX + 50; day++) counter.add(today + day);
  counter.add(null);
  const holds = { status: counter.days(), revoked: [] };
  expect(sliceHoldsSchema.safeParse(holds).success).toBe(true);
  expect(holdsOn(holds, today).status).toBe(HOLD_DAYS_MAX + 51);
  expect(holdsOn(holds, today + HOLD_DAYS_MAX + 10).status).toBe(51);
});

it('holds that end are counted to their last day, however many days have gone by and lie ahead', () => {
  const day = fc.option(fc.integer({ min: today - 2_000, max: today + 2_000 }), { nil: null });
  fc.assert(
    fc.property(fc.array(day, { maxLength: 1_000, size: 'max' }), fc.integer({ min: 0, max: HOLD_DAYS_MAX - 1 }), (days, later) => {
      const counter = createHoldCounter(today);
      for (const one of days) counter.add(one);
      const holds = { status: counter.days(), revoked: [] };
      expect(sliceHoldsSchema.safeParse(holds).success).toBe(true);
      const open = days.filter((one) => one === null || one >= today + later);
      expect(holdsOn(holds, today + later).status).toBe(open.length);
    }),
    { numRuns: 20 },
  );
});
