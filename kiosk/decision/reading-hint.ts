/**
 * Which advice stands on the screen (pure): what was measured frame by frame changes too fast to be read, so an advice must
 * hold for a moment before it replaces another, and each stays for about a second.
 */
import type { ReadingHint } from './citizen-view.ts';

export interface HintState {
  readonly shown: ReadingHint;
  /** When the present one replaced another; undefined: the first one, which says little, may be replaced at once. */
  readonly changedAtMs: number | undefined;
  /** What is measured instead, since when. */
  readonly next: { readonly hint: ReadingHint; readonly sinceMs: number } | undefined;
  readonly lastMs: number;
}

const HOLD_MS = 300;
const CHANGE_MS = 1_000;
/** A reading that was interrupted for longer is another one. */
const ANEW_MS = 1_000;
const FIRST: ReadingHint = 'hold-still';

/** `advice`: what was measured in this look; undefined where nothing was, which changes nothing. */
export function settleHint(before: HintState | undefined, advice: ReadingHint | undefined, atMs: number): HintState {
  const state =
    before === undefined || atMs - before.lastMs > ANEW_MS
      ? { shown: FIRST, changedAtMs: undefined, next: undefined, lastMs: atMs }
      : { ...before, lastMs: atMs };
  if (advice === undefined) return state;
  if (advice === state.shown) return { ...state, next: undefined };
  const next = state.next?.hint === advice ? state.next : { hint: advice, sinceMs: atMs };
  const isRested = state.changedAtMs === undefined || atMs - state.changedAtMs >= CHANGE_MS;
  if (atMs - next.sinceMs < HOLD_MS || !isRested) return { ...state, next };
  return { ...state, shown: advice, changedAtMs: atMs, next: undefined };
}
