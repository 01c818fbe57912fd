/**
 * How much what is shown can be believed: each value has the age of its own evidence, and the age has a grade. No success
 * is no evidence. Pure, and shared by the kiosk and the centre.
 *
 * The bounds follow from how often each loop is answered when all is well: the feed within its wait of 25 seconds, the
 * heartbeat every two minutes, the round of lists every hour. Amber is one answer missed with slack, red is several.
 */
import type { ClockState } from './records.ts';

export type Grade = 'green' | 'amber' | 'red';

/** The loops between a kiosk and its centre. */
export const syncLoops = ['push', 'pull', 'feed', 'heartbeat'] as const;
export type SyncLoop = (typeof syncLoops)[number];

/** Age of the last answer that was signed and bound to its request, milliseconds; undefined: none since the start. */
export type SyncAges = Readonly<Record<SyncLoop, number | undefined>>;

export interface AgeBounds {
  readonly amberMs: number;
  readonly redMs: number;
}

const MINUTE_MS = 60_000;

export const ageBounds = {
  /** A hold arrives by it. It waits 25 s for news; three minutes are as long as the centre takes to call a kiosk silent. */
  feed: { amberMs: 45_000, redMs: 3 * MINUTE_MS },
  /** Two minutes and a tenth between two. */
  heartbeat: { amberMs: 5 * MINUTE_MS, redMs: 10 * MINUTE_MS },
  /** One an hour; how old the lists are is told by their own age. */
  pull: { amberMs: 75 * MINUTE_MS, redMs: 180 * MINUTE_MS },
  /** Counts only while records wait: after an outage the first is spread over a minute. */
  push: { amberMs: 2 * MINUTE_MS, redMs: 10 * MINUTE_MS },
  /** Frames come many times a second; two seconds without one close the lane. */
  frame: { amberMs: 1_000, redMs: 2_000 },
  /** The citizen page confirms each second; silence of 2.5 s closes the lane. */
  screen: { amberMs: 1_800, redMs: 2_500 },
  /** Since the last signed time. The monotonic clock loses less than ten seconds in a day. */
  signedTime: { amberMs: 24 * 60 * MINUTE_MS, redMs: 7 * 24 * 60 * MINUTE_MS },
} as const satisfies Readonly<Record<string, AgeBounds>>;

const ORDER: readonly Grade[] = ['green', 'amber', 'red'];

/** An age that nobody knows, or below zero by more than a rounding, is no evidence. */
export function gradeAge(ageMs: number | undefined, { amberMs, redMs }: AgeBounds): Grade {
  if (ageMs === undefined || Number.isNaN(ageMs) || ageMs >= redMs) return 'red';
  return ageMs >= amberMs ? 'amber' : 'green';
}

export function worstOf(...grades: readonly Grade[]): Grade {
  return grades.reduce((worst, grade) => (ORDER.indexOf(grade) > ORDER.indexOf(worst) ? grade : worst), 'green');
}

export interface CentreEvidence {
  /** The centre said, unsigned, that it does not know this kiosk. */
  readonly isUnknown?: boolean;
  readonly ages: SyncAges;
  /** Records that the centre has not acknowledged, and how old the first of them is; undefined where nobody knows. */
  readonly queue: { readonly records: number; readonly oldestAgeMs: number | undefined };
}

/** Each loop by itself: one that is well says nothing about another. */
export function gradeLoops({ ages, queue }: CentreEvidence): Readonly<Record<SyncLoop, Grade>> {
  // A kiosk that has nothing to send sends nothing. While a long queue moves, its first record may be old.
  const pushAgeMs = Math.min(ages.push ?? Number.POSITIVE_INFINITY, queue.oldestAgeMs ?? Number.POSITIVE_INFINITY);
  return {
    push: queue.records === 0 ? 'green' : gradeAge(pushAgeMs, ageBounds.push),
    pull: gradeAge(ages.pull, ageBounds.pull),
    feed: gradeAge(ages.feed, ageBounds.feed),
    heartbeat: gradeAge(ages.heartbeat, ageBounds.heartbeat),
  };
}

/** The tile "centre". */
export function gradeCentre(evidence: CentreEvidence): Grade {
  const { push, pull, feed, heartbeat } = gradeLoops(evidence);
  return worstOf(push, pull, feed, heartbeat);
}

export interface ClockEvidence {
  readonly state: ClockState;
  /** Since signed time was last taken; undefined: not in this boot. */
  readonly signedAgeMs: number | undefined;
  /** Whether the policy lets anybody pass while nobody has confirmed the time. */
  readonly passesOnUnknown: boolean;
}

/** Green is for signed time alone. What staff confirmed works, and rests on a person's watch. */
export function gradeClock({ state, signedAgeMs, passesOnUnknown }: ClockEvidence): Grade {
  if (state === 'trusted') return gradeAge(signedAgeMs, ageBounds.signedTime);
  if (state === 'confirmed') return 'amber';
  return state === 'unknown' && passesOnUnknown ? 'amber' : 'red';
}

/** The banner over all tiles: an open lane at which nobody can pass is not green. */
export function gradeLane(isOpen: boolean, clock: ClockEvidence): Grade {
  if (!isOpen) return 'red';
  return clock.state === 'trusted' || clock.state === 'confirmed' || clock.passesOnUnknown ? 'green' : 'amber';
}

/** Connected other lanes out of those listed; an old connection ends by itself within seconds. */
export function gradeLanes({ connected, listed }: { readonly connected: number; readonly listed: number }): Grade {
  if (listed === 0 || connected >= listed) return listed === 0 ? 'amber' : 'green';
  return connected === 0 ? 'red' : 'amber';
}
