/**
 * How long what a kiosk works with still counts: what runs out closes the lane, so that somebody must know of it weeks before.
 * Pure, and shared by the kiosk, its pages and the centre.
 */
import { type AgeBounds, type Grade, worstOf } from './evidence.ts';

export const expiring = ['keyring', 'policy', 'slice', 'certificate'] as const;
export type Expiring = (typeof expiring)[number];

/** Unix milliseconds; undefined: there is none. */
export type Expiries = Readonly<Record<Expiring, number | undefined>>;

const DAY_MS = 86_400_000;

/** A new one needs a person, a ceremony or a visit: three weeks. */
const BY_PEOPLE: AgeBounds = { amberMs: 21 * DAY_MS, redMs: 3 * DAY_MS };

/** Time that is left, where an age counts up. */
const LEFT: Readonly<Record<Expiring, AgeBounds>> = {
  keyring: BY_PEOPLE,
  policy: BY_PEOPLE,
  certificate: BY_PEOPLE,
  // The centre signs one by itself whenever the lists change, for seven days.
  slice: { amberMs: 3 * DAY_MS, redMs: DAY_MS },
};

export function gradeExpiry(name: Expiring, expiresAtMs: number, nowMs: number): Grade {
  const leftMs = expiresAtMs - nowMs;
  if (!(leftMs > LEFT[name].redMs)) return 'red';
  return leftMs > LEFT[name].amberMs ? 'green' : 'amber';
}

/** Whole days that are left; 0 on the last day, below zero once it is over. */
export function daysLeft(expiresAtMs: number, nowMs: number): number {
  return Math.floor((expiresAtMs - nowMs) / DAY_MS);
}

export interface NextExpiry {
  readonly name: Expiring;
  readonly days: number;
  readonly grade: Grade;
}

/** Those that are there, the worst first; of equal ones the one that ends first. */
export function nextExpiries(expiries: Partial<Expiries>, nowMs: number): NextExpiry[] {
  return expiring
    .flatMap((name) => {
      const atMs = expiries[name];
      return atMs === undefined ? [] : [{ name, days: daysLeft(atMs, nowMs), grade: gradeExpiry(name, atMs, nowMs) }];
    })
    .sort((a, b) => (a.grade === b.grade ? a.days - b.days : worstOf(a.grade, b.grade) === a.grade ? -1 : 1));
}
