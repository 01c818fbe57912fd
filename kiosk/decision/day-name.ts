/** The authority's calendar day of an instant, YYYY-MM-DD (pure). */
import { authorityDay } from '../../sync/protocol/slice.ts';

export function dayName(nowMs: number): string {
  return new Date(authorityDay(nowMs / 1000) * 86_400_000).toISOString().slice(0, 10);
}
