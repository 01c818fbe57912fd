/** Spans of time as staff read them: one unit, two from an hour on. Pure. */
import type { Language } from './words.ts';

const units = {
  second: ['giây', 's'],
  minute: ['phút', 'min'],
  hour: ['giờ', 'h'],
  day: ['ngày', 'days'],
} as const;

export function spanText(spanMs: number, language: Language): string {
  const at = language === 'vi' ? 0 : 1;
  const say = (count: string | number, unit: keyof typeof units) => `${count} ${units[unit][at]}`;
  const seconds = Math.max(0, spanMs) / 1000;
  // Below ten seconds a tenth tells a picture that moves from one that stands.
  if (seconds < 10) return say(decimal(seconds, language), 'second');
  if (seconds < 60) return say(Math.floor(seconds), 'second');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return say(minutes, 'minute');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? say(hours, 'hour') : `${say(hours, 'hour')} ${say(minutes % 60, 'minute')}`;
  return say(Math.floor(hours / 24), 'day');
}

export function decimal(value: number, language: Language, digits = 1): string {
  const text = value.toFixed(digits);
  return language === 'vi' ? text.replace('.', ',') : text;
}

export function countText(count: number, language: Language): string {
  return count.toLocaleString(language === 'vi' ? 'vi-VN' : 'en-GB');
}
