/** A policy to begin with, for each kind of place: sensible and cautious, with golden cases, to be changed and signed. */
import type { z } from 'zod';
import { credentialClasses } from '../credential/claims.ts';
import type { GoldenCase, goldenCaseSchema } from './golden-case.ts';
import type { Policy } from './policy.ts';

type GoldenInput = z.input<typeof goldenCaseSchema>;
/** Without what signing adds; golden cases as short as they may be written. */
export type PolicyTemplate = Omit<Policy, 'version' | 'issuedAt' | 'expires' | 'audience' | 'golden'> & {
  readonly golden: readonly (GoldenInput | GoldenCase)[];
};

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
const ALL = [1, 2, 3, 4, 5, 6];
const LOW_RISK = [credentialClasses.duty, credentialClasses.medical];
const VENUE_MAX = 50;

export function policyTemplate(profile: Policy['profile']): PolicyTemplate {
  const lists = { amberS: 6 * HOUR_S, restrictedS: DAY_S, closedS: 3 * DAY_S, amberClasses: ALL, restrictedClasses: LOW_RISK };
  return {
    id: profile,
    profile,
    access: [{ classes: ALL }],
    curfews: [],
    ...(profile === 'venue' && { occupancy: { max: VENUE_MAX, stayS: HOUR_S } }),
    staleness: {
      statuses: lists,
      revocations: lists,
      keys: { amberS: 14 * DAY_S, restrictedS: 30 * DAY_S, closedS: 45 * DAY_S, amberClasses: ALL, restrictedClasses: LOW_RISK },
    },
    declarationAgeS: { default: 3 * DAY_S, byClass: { 5: null, 6: null } },
    alsoHold: [],
    plateUnchecked: 'pass-flagged',
    paperClasses: ALL,
    askIdClasses: [],
    antiPassbackS: { default: 15 * 60, byClass: { 3: 5 * 60 } },
    repeatS: 120,
    passOnUnknownClock: false,
    golden: [
      { rule: 'a good code passes', expect: 'ok' },
      { rule: 'F0 sees staff', status: 'F0', expect: 'status-hold' },
      { rule: 'a revoked code is stopped', revoked: true, expect: 'revoked' },
      { rule: 'a code for another area is stopped', areas: [1], expect: 'area-not-permitted' },
      { rule: 'a declaration of four days ago is too old', declaredAgoS: 4 * DAY_S, expect: 'declaration-stale' },
      { rule: 'medical staff need no declaration', class: 6, declaredAgoS: 30 * DAY_S, expect: 'ok' },
      { rule: 'a code passed on to a friend is stopped', passedAgoS: 300, expect: 'anti-passback' },
      { rule: 'a day without new lists stops travellers', agesS: { statuses: DAY_S }, expect: 'class-restricted' },
      { rule: 'a day without new lists passes medical staff', class: 6, agesS: { statuses: DAY_S }, expect: 'ok' },
      { rule: 'after three days without new lists nobody passes', class: 6, agesS: { statuses: 3 * DAY_S }, expect: 'slice-stale' },
      { rule: 'nobody passes before the time is known', clock: 'unknown', expect: 'clock-unknown' },
      ...(profile === 'venue' ? VENUE_GOLDEN : []),
    ],
  };
}

const VENUE_GOLDEN: readonly GoldenInput[] = [
  { rule: 'the last one for whom there is room comes in', inside: VENUE_MAX - 1, expect: 'ok' },
  { rule: 'a full house asks to wait', inside: VENUE_MAX, expect: 'venue-full' },
  { rule: 'a full house lets out', inside: VENUE_MAX, direction: 'out', expect: 'ok' },
];
