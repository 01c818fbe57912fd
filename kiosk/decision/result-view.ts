/** From a decision to what the citizen's screen says of it: a class of words and a code, never the reason (pure). */
import type { Policy } from '../../sync/protocol/policy.ts';
import { reasons } from '../../sync/protocol/reasons.ts';
import type { ResultView } from './citizen-view.ts';
import type { Decision } from './decide.ts';

export interface ResultFacts {
  /** Running number of today's passes, shown with a pass only. */
  readonly turn: number;
  /** Of the data that has the decision's grade. */
  readonly dataAgeMs: number;
  readonly profile: Policy['profile'];
}

export function resultView(decision: Decision, { turn, dataAgeMs, profile }: ResultFacts): ResultView {
  const { screen, words, ask, code } = reasons[decision.reason];
  return {
    state: screen,
    ...(words !== undefined && { words }),
    ...(ask !== undefined && { ask }),
    ...(code !== undefined && { code }),
    ...(screen === 'pass' && { turn }),
    ...(profile === 'venue' && { place: profile }),
    grade: decision.grade,
    sliceAgeMinutes: Math.max(0, Math.floor(dataAgeMs / 60_000)),
  };
}
