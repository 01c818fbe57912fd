/**
 * What the citizen's screen shows when (pure): the lane closed wins over everything, then the last result for as long as it
 * dwells, then reading, then that a code still held up is done with, then idle. Times are monotonic milliseconds.
 */
import { type FaultCode, faults } from '../../config/faults.ts';
import type { ReadingHint, ResultView } from '../decision/citizen-view.ts';

export type ScreenView =
  | { readonly state: 'out-of-service'; readonly code: string }
  | { readonly state: 'idle' }
  | { readonly state: 'reading'; readonly hint: ReadingHint }
  /** The code that is still held up was decided on: go on, or staff. */
  | { readonly state: 'done'; readonly next: 'go' | 'staff'; readonly place?: 'venue' }
  | ResultView;

export interface ScreenModel {
  /** Undefined: the lane is open. */
  readonly fault: FaultCode | undefined;
  readonly result: { readonly view: ResultView; readonly sinceMs: number } | undefined;
  readonly reading: { readonly hint: ReadingHint; readonly sinceMs: number } | undefined;
  /** A result whose code was held up when the kiosk last looked. */
  readonly held: { readonly result: ResultView; readonly saidMs: number } | undefined;
}

export const closedScreen: ScreenModel = { fault: 'starting', result: undefined, reading: undefined, held: undefined };

type ResultState = ResultView['state'];

/** How long a result stays. */
export const DWELL_MS: Readonly<Record<ResultState, number>> = {
  pass: 2_500,
  deny: 6_000,
  'see-staff': 6_000,
  ask: 15_000,
  'already-recorded': 2_000,
};

/** How long it stays at least before another result may replace it. Keeps the screen far below three changes a second. */
const CUT_IN_MS: Readonly<Record<ResultState, number>> = {
  pass: 1_200,
  deny: 3_000,
  'see-staff': 3_000,
  // What was asked for may be there at once; and an answer to a sticker must hold up nobody.
  ask: 500,
  'already-recorded': 1_200,
};

/** Reading ends in a decision; this bounds it where none comes. */
const READING_MS_MAX = 5_500;

/** A path that has stopped looking says nothing about what is held up. */
const HELD_MS_MAX = 1_500;

/** A question that nobody answered. */
const AFTER_ASK: Pick<ResultView, 'state' | 'words' | 'code'> = { state: 'see-staff', words: 'see-staff', code: 'S-10' };

export interface Shown {
  readonly view: ScreenView;
  /** After so long the view is over; undefined: it stays. */
  readonly remainingMs: number | undefined;
}

export function viewAt(model: ScreenModel, nowMs: number): Shown {
  if (model.fault !== undefined) return { view: { state: 'out-of-service', code: faults[model.fault].screenCode }, remainingMs: undefined };
  const result = model.result === undefined ? undefined : resultAt(model.result, nowMs);
  if (result !== undefined) return result;
  const { reading } = model;
  if (reading !== undefined && nowMs - reading.sinceMs < READING_MS_MAX) {
    return { view: { state: 'reading', hint: reading.hint }, remainingMs: READING_MS_MAX - (nowMs - reading.sinceMs) };
  }
  // Only on the page that showed a result: to one that came later it would be news.
  if (model.result !== undefined && model.held !== undefined && nowMs - model.held.saidMs <= HELD_MS_MAX) {
    return { view: doneView(model.held.result), remainingMs: undefined };
  }
  return { view: { state: 'idle' }, remainingMs: undefined };
}

function doneView({ state, place }: ResultView): ScreenView {
  const isThrough = state === 'pass' || state === 'already-recorded';
  return { state: 'done', next: isThrough ? 'go' : 'staff', ...(place !== undefined && { place }) };
}

function resultAt({ view, sinceMs }: { view: ResultView; sinceMs: number }, nowMs: number): Shown | undefined {
  const remainingMs = DWELL_MS[view.state] - (nowMs - sinceMs);
  if (remainingMs > 0) return { view, remainingMs };
  const { ask: _ask, ...kept } = view;
  const staffMs = remainingMs + DWELL_MS['see-staff'];
  return view.state === 'ask' && staffMs > 0 ? { view: { ...kept, ...AFTER_ASK }, remainingMs: staffMs } : undefined;
}

/** Whether another result may be shown now. */
export function mayCutIn(model: ScreenModel, nowMs: number): boolean {
  return model.result === undefined || nowMs - model.result.sinceMs >= CUT_IN_MS[model.result.view.state];
}

/** Two views that look the same need no new painting. */
export function isSameView(a: ScreenView, b: ScreenView): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
