/** When two passes at different lanes are a code used twice (pure): the policy would have stopped the later one, had it been known. */

export interface TimedPass {
  readonly passedAtMs: number;
  /** So long after an earlier pass this one should not have been. */
  readonly windowMs: number;
}

/** `uses`: passes of the credential at all lanes, as far as they are known; `maxUses` as it says itself. */
export function isDoubleUse(
  a: TimedPass,
  b: TimedPass,
  { isSameCredential, uses, maxUses }: { readonly isSameCredential: boolean; readonly uses: number; readonly maxUses: number | undefined },
): boolean {
  const [earlier, later] = a.passedAtMs <= b.passedAtMs ? [a, b] : [b, a];
  // Of two at the same moment either may be the later one.
  const windowMs = a.passedAtMs === b.passedAtMs ? Math.max(a.windowMs, b.windowMs) : later.windowMs;
  if (later.passedAtMs - earlier.passedAtMs < windowMs) return true;
  return isSameCredential && maxUses !== undefined && uses > maxUses;
}
