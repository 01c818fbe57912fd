/**
 * Whether a request shows that a kiosk is there now. A signed question that somebody sends again would else keep a dead kiosk
 * "seen": only a date that is near the centre's and later than any before counts. A kiosk whose clock is wrong is seen by its
 * heartbeats and batches, which are judged by what they bring.
 */
import type { KioskCaller } from './route.ts';

export interface Sightings {
  /** Call with each request of the kiosk, once. */
  isNew(caller: KioskCaller, nowMs: number): boolean;
}

/** Not each of a waiting kiosk's questions is worth a write. */
const SEEN_MS = 60_000;
const DATE_MS_MAX = 600_000;

export function createSightings(): Sightings {
  const newestS = new Map<string, number>();
  return {
    isNew({ kiosk: { kioskId, seenAtMs = 0 }, createdS }, nowMs) {
      if (Math.abs(createdS * 1000 - nowMs) > DATE_MS_MAX) return false;
      const isLater = createdS > (newestS.get(kioskId) ?? 0);
      if (isLater) newestS.set(kioskId, createdS);
      return isLater && nowMs - seenAtMs > SEEN_MS;
    },
  };
}
