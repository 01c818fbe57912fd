/** From a decision to what the citizen's screen says of it: a class of words and a code, never the reason (pure). */
import { reasons } from '../../sync/protocol/reasons.ts';
import type { ResultView } from './citizen-view.ts';
import type { Decision } from './decide.ts';

/** `turn` is the running number of today's passes, shown with a pass only. */
export function resultView(decision: Decision, turn: number, sliceAgeMs: number): ResultView {
  const { screen, words, ask, code } = reasons[decision.reason];
  return {
    state: screen,
    ...(words !== undefined && { words }),
    ...(ask !== undefined && { ask }),
    ...(code !== undefined && { code }),
    ...(screen === 'pass' && { turn }),
    grade: decision.grade,
    sliceAgeMinutes: Math.max(0, Math.floor(sliceAgeMs / 60_000)),
  };
}
