/** Who was turned away at the pages' door: counted, and logged at once and then once a minute, so that no stranger fills the log. */
import type { Host } from '../../config/ports/host.ts';

export const refusedDoors = ['page-token', 'page-socket'] as const;
export type RefusedDoor = (typeof refusedDoors)[number];

export interface Refusals {
  /** `why` is a word of ours, never what a stranger sent. */
  refused(door: RefusedDoor, why: string): void;
  counts(): Readonly<Record<RefusedDoor, number>>;
}

const LOG_AGAIN_MS = 60_000;

export function createRefusals({ clock, log }: Pick<Host, 'clock' | 'log'>): Refusals {
  const counts: Record<RefusedDoor, number> = { 'page-token': 0, 'page-socket': 0 };
  const loggedAtMs = new Map<RefusedDoor, number>();
  return {
    refused(door, why) {
      counts[door]++;
      const nowMs = clock.monotonicMs();
      if (nowMs - (loggedAtMs.get(door) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_MS) return;
      loggedAtMs.set(door, nowMs);
      log.warn('display-refused', { door, why, total: counts[door] });
    },
    counts: () => ({ ...counts }),
  };
}
