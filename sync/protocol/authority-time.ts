/**
 * The one time zone of days, hours and pages: the authority's, whatever the zone of a PC or browser. Pure and free of Node,
 * because pages use it too.
 */

/** Viet Nam keeps UTC+7 all year: status days begin at midnight there. */
const AUTHORITY_OFFSET_S = 7 * 3_600;

/** How the zone is called beside a time that somebody reads. */
export const AUTHORITY_ZONE = { vi: 'giờ Việt Nam (UTC+7)', en: 'Vietnam time (UTC+7)' } as const;

/** Day number of an instant (Unix seconds) in the authority's time zone. */
export function authorityDay(unixS: number): number {
  return Math.floor((unixS + AUTHORITY_OFFSET_S) / 86_400);
}

/** The instant (Unix milliseconds) at which the authority's day of another instant began. */
export function authorityDayStartMs(unixMs: number): number {
  return (authorityDay(unixMs / 1000) * 86_400 - AUTHORITY_OFFSET_S) * 1000;
}

/** Time of day and ISO weekday (1 Monday to 7 Sunday) of an instant (Unix seconds) in the authority's time zone. */
export function localClock(unixS: number): { readonly weekday: number; readonly minute: number } {
  const minute = Math.floor((unixS + AUTHORITY_OFFSET_S - authorityDay(unixS) * 86_400) / 60);
  // 1970-01-01 was a Thursday.
  return { weekday: ((authorityDay(unixS) + 3) % 7) + 1, minute };
}

/** The instant (Unix seconds) of a local time such as 2026-01-15T10:00. */
export function localInstantS(localMinute: string): number {
  return Date.parse(`${localMinute}:00Z`) / 1000 - AUTHORITY_OFFSET_S;
}

/** Day number as YYYY-MM-DD. */
export function localDayText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}

/** Instant (Unix seconds) in the authority's time zone, to the minute. */
export function localTimeText(unixS: number): string {
  return local(unixS * 1000)
    .slice(0, 16)
    .replace('T', ' ');
}

/** Time of day of an instant (Unix milliseconds), as pages show it: 10:04:05. */
export function clockText(unixMs: number): string {
  return local(unixMs).slice(11, 19);
}

/** Day of an instant (Unix milliseconds), as pages show it: 15/01/2026. */
export function dateText(unixMs: number): string {
  const { year, month, day } = localParts(unixMs);
  return `${day}/${month}/${year}`;
}

/** What stands in the fields of a form, with leading zeros. */
export function localParts(unixMs: number): Readonly<Record<'year' | 'month' | 'day' | 'hour' | 'minute', string>> {
  const [, year = '', month = '', day = '', hour = '', minute = ''] = /^([+-]?\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(local(unixMs)) ?? [];
  return { year, month, day, hour, minute };
}

/** The instant (Unix milliseconds) of a date and time as somebody typed it; undefined where there is no such date. */
export function localInstantMs(year: number, month: number, day: number, minuteOfDay: number): number | undefined {
  const date = new Date(Date.UTC(year, month - 1, day, 0, minuteOfDay));
  // The 31st of a month that has none would become the first of the next.
  const isThatDate = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isThatDate ? date.getTime() - AUTHORITY_OFFSET_S * 1000 : undefined;
}

/** RFC 3339, its Z not being true. */
function local(unixMs: number): string {
  return new Date(unixMs + AUTHORITY_OFFSET_S * 1000).toISOString();
}
