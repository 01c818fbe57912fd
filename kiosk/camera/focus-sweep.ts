/** Where to look for the sharpest picture (pure): the whole way of the lens in even steps, then closer around the best. */
import type { Control } from './v4l2-controls.ts';

export interface FocusTry {
  readonly value: number;
  readonly sharpness: number;
}

const COARSE_TRIES = 12;
/** Tries to each side of the best, between its neighbours. */
const FINE_TRIES = 3;

/** Positions to try next, rising; none when the search is over. Call it with everything tried so far. */
export function nextFocusTries(control: Pick<Control, 'min' | 'max' | 'step'>, tried: readonly FocusTry[]): number[] {
  const { min, max, step } = control;
  const onStep = (value: number) => min + Math.round((Math.min(max, Math.max(min, value)) - min) / step) * step;
  if (tried.length === 0) return distinct(spread(min, max, COARSE_TRIES).map(onStep));
  const best = sharpest(tried);
  if (best === undefined) return [];
  const values = tried.map(({ value }) => value).sort((a, b) => a - b);
  const below = values.findLast((value) => value < best.value) ?? best.value;
  const above = values.find((value) => value > best.value) ?? best.value;
  // Once it is hemmed in by a part of a coarse step, closer looks tell noise.
  if (Math.max(best.value - below, above - best.value) <= Math.max(step, (max - min) / (COARSE_TRIES * FINE_TRIES))) return [];
  const near = [...spread(below, best.value, FINE_TRIES), ...spread(best.value, above, FINE_TRIES)].map(onStep);
  return distinct(near).filter((value) => !values.includes(value));
}

export function sharpest(tried: readonly FocusTry[]): FocusTry | undefined {
  return tried.toSorted((a, b) => b.sharpness - a.sharpness)[0];
}

function spread(from: number, to: number, parts: number): number[] {
  return Array.from({ length: parts + 1 }, (_, at) => from + ((to - from) * at) / parts);
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
