/** Whether an instant lies in the validity of a credential: one rule for the lane and for the holder's phone. Free of Node. */
import type { Claims } from './claims.ts';

/** Clocks differ: a credential counts a little before its time. At its end no such grace is given. */
export const SKEW_S = 60;

/** `now` in Unix seconds; undefined inside of the validity. */
export function outsideValidity(
  { notBefore, expiresAt }: Pick<Claims, 'notBefore' | 'expiresAt'>,
  now: number,
): 'not-yet-valid' | 'expired' | undefined {
  if (now + SKEW_S < notBefore) return 'not-yet-valid';
  // Asked so that a time which is no number lets nothing pass.
  return now < expiresAt ? undefined : 'expired';
}
