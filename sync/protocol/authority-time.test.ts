import { afterEach, describe, expect, it } from 'vitest';
import { authorityDayStartMs, clockText, dateText, localInstantMs, localParts, localTimeText } from './authority-time.ts';

const zoneBefore = process.env.TZ;
/** A quarter of an hour before the end of a year in UTC: the next day and year in Viet Nam. */
const ATMS = Date.UTC(2025, 11, 31, 23, 45, 6);

describe('times that people read', () => {
  afterEach(() => {
    if (zoneBefore === undefined) delete process.env.TZ;
    else process.env.TZ = zoneBefore;
  });

  it.each(['UTC', 'America/New_York', 'Asia/Kolkata'])('are those of Viet Nam whatever the zone of the process (%s)', (zone) => {
    process.env.TZ = zone;
    expect([clockText(ATMS), dateText(ATMS), localTimeText(ATMS / 1000)]).toEqual(['06:45:06', '01/01/2026', '2026-01-01 06:45']);
    expect(localParts(ATMS)).toEqual({ year: '2026', month: '01', day: '01', hour: '06', minute: '45' });
    expect(authorityDayStartMs(ATMS)).toBe(Date.UTC(2025, 11, 31, 17));
    expect(localInstantMs(2026, 1, 1, 6 * 60 + 45)).toBe(Date.UTC(2025, 11, 31, 23, 45));
  });

  it('are refused where there is no such date', () => {
    expect([localInstantMs(2026, 2, 29, 0), localInstantMs(2026, 13, 1, 0), localInstantMs(Number.NaN, 1, 1, 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(localInstantMs(2028, 2, 29, 0)).toBe(Date.UTC(2028, 1, 28, 17));
  });
});
