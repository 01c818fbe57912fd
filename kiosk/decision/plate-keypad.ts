/** Plates that staff type on the supervisor's page: each is for the vehicle that stands there, and forgotten after a minute. */
import type { Clock } from '../../config/ports/clock.ts';
import { normalisePlate } from '../../sync/protocol/tags.ts';
import type { PlateSource } from './plate-source.ts';

export interface PlateKeypad extends PlateSource {
  /** False for what is no plate: five to ten letters and digits. */
  enter(typed: string): boolean;
}

const PLATE_MS = 60_000;

export function createPlateKeypad(clock: Clock): PlateKeypad {
  let entered: { readonly plate: string; readonly atMs: number } | undefined;
  return {
    enter(typed) {
      const plate = normalisePlate(typed);
      if (!/^[A-Z0-9]{5,10}$/.test(plate)) return false;
      entered = { plate, atMs: clock.monotonicMs() };
      return true;
    },
    plate: () => (entered !== undefined && clock.monotonicMs() - entered.atMs <= PLATE_MS ? entered.plate : undefined),
    used() {
      entered = undefined;
    },
  };
}
