/** What the holder's page shows at an instant: a code only while the credential counts. Pure: the page asks again and again. */
import { STEP_S, stepAt } from '../credential/proof.ts';
import { outsideValidity } from '../credential/validity.ts';
import type { HeldCredential } from './held-credential.ts';

export type HolderView =
  | { readonly state: 'empty' | 'not-yet-valid' | 'expired' }
  /** Nothing is left on a page that nobody sees: it may come back long after, with another clock. */
  | { readonly state: 'hidden' }
  | {
      readonly state: 'code';
      readonly step: number;
      /** Until the next step. */
      readonly remainingMs: number;
    };

export function holderView(held: HeldCredential | undefined, nowMs: number, isHidden: boolean): HolderView {
  if (held === undefined) return { state: 'empty' };
  const outside = outsideValidity(held.claims, nowMs / 1000);
  if (outside !== undefined) return { state: outside };
  if (isHidden) return { state: 'hidden' };
  const step = stepAt(nowMs / 1000);
  return { state: 'code', step, remainingMs: (step + 1) * STEP_S * 1000 - nowMs };
}
