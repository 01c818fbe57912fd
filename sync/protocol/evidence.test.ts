import { describe, expect, it } from 'vitest';
import {
  ageBounds,
  type CentreEvidence,
  gradeAge,
  gradeCentre,
  gradeClock,
  gradeLane,
  gradeLanes,
  gradeLoops,
  worstOf,
} from './evidence.ts';

const fresh = { push: 1_000, pull: 60_000, feed: 20_000, heartbeat: 90_000 };
const nothingWaits = { records: 0, oldestAgeMs: 0 };
const centre = (more: Partial<CentreEvidence['ages']>, queue: CentreEvidence['queue'] = nothingWaits) => ({
  ages: { ...fresh, ...more },
  queue,
});

describe('the grade of an age', () => {
  it('is red where there is no evidence, and passes through amber', () => {
    expect(gradeAge(undefined, ageBounds.feed)).toBe('red');
    expect(gradeAge(Number.NaN, ageBounds.feed)).toBe('red');
    expect(gradeAge(Number.POSITIVE_INFINITY, ageBounds.feed)).toBe('red');
    expect([0, 44_999, 45_000, 179_999, 180_000].map((age) => gradeAge(age, ageBounds.feed))).toEqual([
      ...['green', 'green', 'amber', 'amber', 'red'],
    ]);
    for (const { amberMs, redMs } of Object.values(ageBounds)) expect(amberMs).toBeLessThan(redMs);
  });

  it('is the worst of several', () => {
    expect(worstOf()).toBe('green');
    expect(worstOf('green', 'amber')).toBe('amber');
    expect(worstOf('red', 'amber', 'green')).toBe('red');
  });
});

describe('the centre', () => {
  it('is green only while each loop was answered lately', () => {
    expect(gradeCentre(centre({}))).toBe('green');
    expect(gradeCentre(centre({ feed: 50_000 }))).toBe('amber');
    expect(gradeCentre(centre({ feed: 200_000 }))).toBe('red');
    expect(gradeCentre(centre({ heartbeat: 301_000 }))).toBe('amber');
    expect(gradeCentre(centre({ pull: undefined }))).toBe('red');
  });

  it('is not green by a heartbeat while the feed is away', () => {
    expect(gradeLoops(centre({ feed: 200_000, heartbeat: 0 }))).toMatchObject({ feed: 'red', heartbeat: 'green' });
  });

  it('is red before any loop was answered', () => {
    expect(gradeCentre(centre({ push: undefined, pull: undefined, feed: undefined, heartbeat: undefined }))).toBe('red');
  });

  it('asks for no receipt while nothing waits, and for one while something does', () => {
    expect(gradeLoops(centre({ push: 86_400_000 })).push).toBe('green');
    const waiting = (oldestAgeMs: number | undefined) => ({ records: 3, oldestAgeMs });
    expect(gradeLoops(centre({ push: 86_400_000 }, waiting(5_000))).push).toBe('green');
    expect(gradeLoops(centre({ push: 86_400_000 }, waiting(300_000))).push).toBe('amber');
    expect(gradeLoops(centre({ push: 86_400_000 }, waiting(900_000))).push).toBe('red');
    expect(gradeLoops(centre({ push: undefined }, waiting(undefined))).push).toBe('red');
    expect(gradeLoops(centre({ push: 2_000 }, waiting(900_000))).push).toBe('green');
  });
});

describe('the clock and the banner', () => {
  const clock = { state: 'trusted', signedAgeMs: 60_000, passesOnUnknown: false } as const;

  it('are not green while nobody can pass for want of the time', () => {
    const unknown = { ...clock, state: 'unknown', signedAgeMs: undefined } as const;
    expect(gradeClock(unknown)).toBe('red');
    expect(gradeLane(true, unknown)).toBe('amber');
    expect(gradeClock({ ...unknown, passesOnUnknown: true })).toBe('amber');
    expect(gradeClock({ ...unknown, state: 'untrusted', passesOnUnknown: true })).toBe('red');
  });

  it('are green by signed time, and amber by the word of staff', () => {
    expect(gradeClock(clock)).toBe('green');
    expect(gradeLane(true, clock)).toBe('green');
    expect(gradeLane(false, clock)).toBe('red');
    expect(gradeClock({ ...clock, signedAgeMs: 2 * 86_400_000 })).toBe('amber');
    expect(gradeClock({ ...clock, state: 'confirmed', signedAgeMs: undefined })).toBe('amber');
  });
});

it('other lanes are green only where all that are listed are connected', () => {
  expect([
    gradeLanes({ connected: 2, listed: 2 }),
    gradeLanes({ connected: 1, listed: 2 }),
    gradeLanes({ connected: 0, listed: 2 }),
  ]).toEqual([...['green', 'amber', 'red']]);
  expect(gradeLanes({ connected: 0, listed: 0 })).toBe('amber');
});
