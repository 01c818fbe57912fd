import { describe, expect, it } from 'vitest';
import {
  type Clocks,
  clockState,
  confirmTime,
  disputedNowMs,
  noteDispute,
  noteSignedTime,
  noteStatement,
  startTime,
  type TrustedTime,
  trustedNowMs,
  watchClock,
} from './trusted-time.ts';

const S = 1_000;
const MIN = 60 * S;
const DAY = 86_400 * S;
/** When the centre last said what time it was, before the power went. */
const FLOOR = Date.UTC(2026, 0, 15, 3, 0, 0);
const NOW = FLOOR + 3 * DAY;
const KEYRING_ENDS = FLOOR + 30 * DAY;
const YEAR_2099 = Date.UTC(2099, 5, 1);
const YEAR_2000 = Date.UTC(2000, 0, 1);

/** The clocks `afterMs` into a boot; `wallMs` where the machine's clock says something else than it should. */
const boot = (wallMs: number, floorMs = FLOOR) => {
  const clocks = (afterMs: number, wall = wallMs + afterMs): Clocks => ({ wallMs: wall, monotonicMs: 5_000 + afterMs });
  return { time: startTime(clocks(0), floorMs), clocks, at: (afterMs: number) => clocks(afterMs).monotonicMs };
};
const sign = (time: TrustedTime, issuedAtMs: number, clocks: Clocks, roundTripMs = 100) => {
  const outcome = noteSignedTime(time, { issuedAtMs, roundTripMs }, KEYRING_ENDS, clocks);
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.value;
};
const confirm = (time: TrustedTime, enteredMs: number, clocks: Clocks) => {
  const outcome = confirmTime(time, enteredMs, KEYRING_ENDS, clocks);
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.value;
};

describe('the floor', () => {
  it('is raised by signed time', () => {
    const { time, clocks } = boot(NOW);
    expect(sign(time, NOW + 5 * S, clocks(0)).floorMs).toBe(NOW + 5 * S);
  });

  it.each([
    ['a statement dated after it', (time: TrustedTime) => noteStatement(time, FLOOR + DAY)],
    ['a statement dated a little ahead of now', (time: TrustedTime) => noteStatement(time, NOW + 9 * MIN)],
    ['a statement dated far ahead', (time: TrustedTime) => noteStatement(time, YEAR_2099)],
    ['what staff confirm', (time: TrustedTime) => confirm(time, NOW + DAY, boot(NOW).clocks(MIN))],
    ['a jump of the machine clock', (time: TrustedTime) => watchClock(time, boot(NOW).clocks(MIN, YEAR_2099))],
  ])('is not moved by %s', (_name, happens) => {
    expect(happens(boot(NOW).time).floorMs).toBe(FLOOR);
  });

  it('is not moved by signed time whose round trip took over ten seconds', () => {
    const { time, clocks } = boot(NOW);
    const noted = (roundTripMs: number) => noteSignedTime(time, { issuedAtMs: NOW, roundTripMs }, KEYRING_ENDS, clocks(0));
    expect(noted(10_001)).toEqual({ ok: false, reason: 'signed-time-slow' });
    expect(noted(10_000)).toMatchObject({ ok: true, value: { floorMs: NOW } });
  });

  it('is not moved back by signed time from before it', () => {
    const { time, clocks } = boot(NOW);
    const noted = (issuedAtMs: number) => noteSignedTime(time, { issuedAtMs, roundTripMs: 100 }, KEYRING_ENDS, clocks(0));
    expect(noted(FLOOR - 1)).toEqual({ ok: false, reason: 'signed-time-before-floor' });
    expect(noted(FLOOR)).toMatchObject({ ok: true });
  });

  it('is not moved past the end of the keyring, which vouches for no key after that', () => {
    const { time, clocks } = boot(NOW);
    const noted = (issuedAtMs: number) => noteSignedTime(time, { issuedAtMs, roundTripMs: 100 }, KEYRING_ENDS, clocks(0));
    expect(noted(KEYRING_ENDS)).toEqual({ ok: false, reason: 'signed-time-after-keyring' });
    expect(noted(KEYRING_ENDS - 1)).toMatchObject({ ok: true });
  });
});

describe('within a boot', () => {
  it('time runs from the signed time on the monotonic clock, whatever the machine clock was', () => {
    for (const wallMs of [NOW, YEAR_2000, YEAR_2099, FLOOR]) {
      const { time, clocks, at } = boot(wallMs);
      const signed = sign(time, NOW, clocks(MIN));
      expect(trustedNowMs(signed, at(MIN))).toBe(NOW);
      expect(trustedNowMs(signed, at(MIN + DAY))).toBe(NOW + DAY);
      expect(clockState(signed, at(MIN + DAY))).toBe('trusted');
    }
  });

  it.each([
    ['ahead by over a minute', MIN + 1, 'untrusted'],
    ['back by over a minute', -MIN - 1, 'untrusted'],
    ['ahead by a minute', MIN, 'trusted'],
    ['back by a minute', -MIN, 'trusted'],
  ] as const)('a machine clock that jumps %s makes signed time %s', (_name, jumpMs, state) => {
    const { time, clocks, at } = boot(NOW);
    const signed = sign(time, NOW, clocks(0));
    const jumped = watchClock(signed, clocks(10 * S, NOW + 10 * S + jumpMs));
    expect(clockState(jumped, at(10 * S))).toBe(state);
    // The time itself runs on as it did.
    expect(trustedNowMs(jumped, at(10 * S))).toBe(NOW + 10 * S);
  });

  it('a jump stays until signed time or staff say what time it is', () => {
    const { time, clocks, at } = boot(NOW);
    const jumped = watchClock(sign(time, NOW, clocks(0)), clocks(10 * S, NOW + DAY));
    const backAgain = watchClock(jumped, clocks(20 * S));
    expect(clockState(backAgain, at(20 * S))).toBe('untrusted');
    const later = clocks(30 * S, NOW + DAY);
    expect(clockState(watchClock(sign(jumped, NOW + 30 * S, later), later), at(30 * S))).toBe('trusted');
    expect(clockState(watchClock(confirm(jumped, NOW + 30 * S, later), later), at(30 * S))).toBe('confirmed');
  });
});

describe('after a boot', () => {
  it('time is the machine clock, and unknown until signed time arrives', () => {
    const { time, clocks, at } = boot(NOW);
    expect(trustedNowMs(time, at(MIN))).toBe(NOW + MIN);
    expect(clockState(time, at(MIN))).toBe('unknown');
    expect(clockState(sign(time, NOW + MIN, clocks(MIN)), at(MIN))).toBe('trusted');
  });

  it('time is the floor where the machine clock is before it, and untrusted over ten minutes before it', () => {
    const near = boot(FLOOR - 10 * MIN);
    expect([trustedNowMs(near.time, near.at(0)), clockState(near.time, near.at(0))]).toEqual([FLOOR, 'unknown']);
    const far = boot(FLOOR - 10 * MIN - 1);
    expect([trustedNowMs(far.time, far.at(0)), clockState(far.time, far.at(0))]).toEqual([FLOOR, 'untrusted']);
  });

  it('without any floor, time is the machine clock', () => {
    const { time, at } = boot(NOW, 0);
    expect([trustedNowMs(time, at(0)), clockState(time, at(0))]).toEqual([NOW, 'unknown']);
  });

  it.each([
    ['1970', 0],
    ['2000', YEAR_2000],
  ])('a first boot with an empty battery, in %s, is untrusted once a statement is there, and signed time mends it', (_name, wallMs) => {
    const { time, clocks, at } = boot(wallMs, 0);
    const stated = noteStatement(time, FLOOR);
    expect(clockState(stated, at(MIN))).toBe('untrusted');
    expect(stated.floorMs).toBe(0);
    const signed = noteStatement(sign(stated, NOW, clocks(MIN)), FLOOR);
    expect([trustedNowMs(signed, at(2 * MIN)), clockState(signed, at(2 * MIN))]).toEqual([NOW + MIN, 'trusted']);
  });

  it.each([
    ['1970', 0],
    ['2000', YEAR_2000],
  ])('a first boot with an empty battery, in %s, is mended by staff too', (_name, wallMs) => {
    const { time, clocks, at } = boot(wallMs, 0);
    const confirmed = noteStatement(confirm(noteStatement(time, FLOOR), NOW, clocks(MIN)), FLOOR);
    expect([trustedNowMs(confirmed, at(2 * MIN)), clockState(confirmed, at(2 * MIN))]).toEqual([NOW + MIN, 'confirmed']);
  });
});

describe('three days without power, booted offline', () => {
  it.each([
    ['with the clock right', NOW, NOW],
    ['with a clock that stood still meanwhile', FLOOR + MIN, FLOOR + MIN],
    ['with a clock in 2099', YEAR_2099, YEAR_2099],
  ])('%s, time is unknown, and signed time and staff each mend it', (_name, wallMs, expectedMs) => {
    const { time, clocks, at } = boot(wallMs);
    const stated = noteStatement(time, FLOOR);
    expect([trustedNowMs(stated, at(0)), clockState(stated, at(0))]).toEqual([expectedMs, 'unknown']);
    expect(stated.floorMs).toBe(FLOOR);
    for (const mended of [sign(stated, NOW, clocks(0)), confirm(stated, NOW, clocks(0))]) {
      expect(trustedNowMs(mended, at(MIN))).toBe(NOW + MIN);
      expect(['trusted', 'confirmed']).toContain(clockState(mended, at(MIN)));
    }
  });

  it('a year in 2099 leaves nothing behind: the next boot with the clock right is as if it had not been', () => {
    const wrong = boot(YEAR_2099);
    const seen = watchClock(noteStatement(wrong.time, FLOOR), wrong.clocks(DAY));
    const right = boot(NOW + DAY, seen.floorMs);
    expect([trustedNowMs(right.time, right.at(0)), clockState(right.time, right.at(0))]).toEqual([NOW + DAY, 'unknown']);
  });
});

describe('a statement', () => {
  it('pushes an unconfirmed clock on by up to ten minutes, and no signed one', () => {
    const { time, clocks, at } = boot(NOW);
    expect(trustedNowMs(noteStatement(time, NOW + 10 * MIN), at(0))).toBe(NOW + 10 * MIN);
    expect(trustedNowMs(noteStatement(sign(time, NOW, clocks(0)), NOW + 10 * MIN), at(0))).toBe(NOW);
  });

  it.each([
    ['an unconfirmed clock', (time: TrustedTime) => time, 'unknown'],
    ['a confirmed one', (time: TrustedTime) => confirm(time, NOW, boot(NOW).clocks(0)), 'confirmed'],
    ['signed time', (time: TrustedTime) => sign(time, NOW, boot(NOW).clocks(0)), 'trusted'],
  ])('dated over ten minutes ahead contradicts %s, until time has come near it', (_name, prepare, state) => {
    const { time, at } = boot(NOW);
    const stated = noteStatement(prepare(time), NOW + 10 * MIN + 1);
    expect([clockState(stated, at(0)), trustedNowMs(stated, at(0))]).toEqual(['untrusted', NOW]);
    expect(clockState(stated, at(1))).toBe(state);
  });

  it('that was replaced by a rightly dated one is forgotten', () => {
    const { time, at } = boot(NOW);
    expect(clockState(noteStatement(noteStatement(time, YEAR_2099), FLOOR), at(0))).toBe('unknown');
  });
});

describe('what staff enter', () => {
  const { time, clocks, at } = boot(YEAR_2099);
  const refused = (enteredMs: number, from = time) => confirmTime(from, enteredMs, KEYRING_ENDS, clocks(0));

  it.each([
    ['no whole number', NOW + 0.5],
    ['not a number', Number.NaN],
    ['before 1970', -1],
    ['later than dates go', 8_640_000_000_000_001],
  ])('is refused where it is no date: %s', (_name, enteredMs) => {
    expect(refused(enteredMs)).toEqual({ ok: false, reason: 'time-not-a-date' });
  });

  it('is refused before the floor, but for the minute in which it lies, where the floor counts', () => {
    expect(refused(FLOOR - MIN)).toEqual({ ok: false, reason: 'time-before-floor' });
    expect(trustedNowMs(confirm(time, FLOOR - MIN + 1, clocks(0)), at(0))).toBe(FLOOR);
  });

  it('is refused over ten minutes before the lists', () => {
    const stated = noteStatement(time, NOW);
    expect(refused(NOW - 10 * MIN - 1, stated)).toEqual({ ok: false, reason: 'time-before-lists' });
    expect(refused(NOW - 10 * MIN, stated)).toMatchObject({ ok: true });
  });

  it('is refused after the end of the keyring', () => {
    expect(refused(KEYRING_ENDS)).toEqual({ ok: false, reason: 'time-after-keyring' });
    expect(refused(KEYRING_ENDS - 1)).toMatchObject({ ok: true });
  });

  it('is refused where signed time is known', () => {
    expect(refused(NOW, sign(time, NOW, clocks(0)))).toEqual({ ok: false, reason: 'time-known' });
  });

  it('may be corrected, and gives way to signed time, also to an earlier one', () => {
    const wrong = confirm(time, NOW + DAY, clocks(0));
    expect(trustedNowMs(confirm(wrong, NOW, clocks(0)), at(0))).toBe(NOW);
    const signed = sign(wrong, NOW, clocks(0));
    expect([trustedNowMs(signed, at(0)), clockState(signed, at(0))]).toEqual([NOW, 'trusted']);
  });

  it('is good for one boot', () => {
    const next = boot(NOW, confirm(time, NOW, clocks(0)).floorMs);
    expect(clockState(next.time, next.at(0))).toBe('unknown');
  });
});

describe('a floor that a centre with a wrong clock has set ahead', () => {
  const AHEAD = NOW + 20 * DAY;
  const kiosk = () => {
    const { time, clocks, at } = boot(NOW, AHEAD);
    return { time, clocks, at };
  };

  it('is lowered where the centre signs another time now and staff read the same off a watch', () => {
    const { time, clocks, at } = kiosk();
    const disputed = noteDispute(time, NOW + MIN, at(MIN));
    const lowered = confirm(disputed, NOW + 2 * MIN, clocks(2 * MIN));
    expect(lowered.floorMs).toBe(NOW + 2 * MIN);
    expect(trustedNowMs(lowered, at(3 * MIN))).toBe(NOW + 3 * MIN);
    expect(clockState(lowered, at(3 * MIN))).toBe('confirmed');
    expect(clockState(sign(lowered, NOW + 4 * MIN, clocks(4 * MIN)), at(4 * MIN))).toBe('trusted');
  });

  it('is lowered by neither of them alone, nor where they disagree', () => {
    const { time, clocks, at } = kiosk();
    const why = (of: TrustedTime, enteredMs: number, afterMs: number) => confirmTime(of, enteredMs, KEYRING_ENDS, clocks(afterMs));
    expect(why(time, NOW, 0)).toEqual({ ok: false, reason: 'time-before-floor' });
    const disputed = noteDispute(time, NOW, at(0));
    expect(disputed.floorMs).toBe(AHEAD);
    expect(why(disputed, NOW - DAY, 0)).toEqual({ ok: false, reason: 'time-disputed' });
    expect(why(disputed, AHEAD, 0)).toEqual({ ok: false, reason: 'time-disputed' });
    // What the centre said long ago is over.
    expect(why(disputed, NOW + 16 * MIN, 16 * MIN)).toEqual({ ok: false, reason: 'time-before-floor' });
  });

  it('is disputed also in the boot that believes it, and not by an answer that is a moment late', () => {
    const { clocks, at } = boot(NOW);
    const ahead = sign(startTime(clocks(0), FLOOR), AHEAD, clocks(0));
    expect(confirmTime(ahead, NOW, KEYRING_ENDS, clocks(0))).toEqual({ ok: false, reason: 'time-known' });
    const disputed = noteDispute(ahead, NOW, at(0));
    expect(confirm(disputed, NOW, clocks(0)).floorMs).toBe(NOW);
    expect(disputedNowMs(noteDispute(ahead, AHEAD - MIN, at(0)), at(0))).toBeUndefined();
  });
});
