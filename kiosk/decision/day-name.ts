/** The authority's calendar day of an instant, YYYY-MM-DD (pure). */
import { authorityDay, localDayText } from '../../sync/protocol/authority-time.ts';

export function dayName(nowMs: number): string {
  return localDayText(authorityDay(nowMs / 1000));
}
