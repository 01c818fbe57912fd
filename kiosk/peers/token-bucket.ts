/** How much somebody may do: `burst` at once, and `perS` in the long run. */
import type { Clock } from '../../config/ports/clock.ts';

export interface TokenBucket {
  /** Takes `count`; returns the milliseconds until nothing is owed any more, 0 where nothing is. */
  take(count: number): number;
}

export function createTokenBucket({ perS, burst }: { readonly perS: number; readonly burst: number }, clock: Clock): TokenBucket {
  let tokens = burst;
  let atMs = clock.monotonicMs();
  return {
    take(count) {
      const nowMs = clock.monotonicMs();
      tokens = Math.min(burst, tokens + ((nowMs - atMs) / 1000) * perS) - count;
      atMs = nowMs;
      return tokens >= 0 ? 0 : Math.ceil((-tokens / perS) * 1000);
    },
  };
}
