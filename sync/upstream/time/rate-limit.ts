/** How often somebody may ask: so many at once, then so many a second, for each address and for all together. In memory. */
import type { Clock } from '../../../config/ports/clock.ts';
import { networkOf } from '../http/network-of.ts';

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export interface RateLimit {
  /** Counts one request; false where it is one too many. */
  admits(address: string): boolean;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** An address that is not among the newest has its full burst again: memory is bounded, and so is everybody together. */
const ADDRESSES_MAX = 10_000;

export function createRateLimit(each: Rate, all: Rate, clock: Clock): RateLimit {
  const buckets = new Map<string, Bucket>();
  const total: Bucket = { left: all.burst, atMs: clock.monotonicMs() };

  const refill = (bucket: Bucket, { burst, perSecond }: Rate, nowMs: number) => {
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = nowMs;
  };

  return {
    admits(address) {
      const nowMs = clock.monotonicMs();
      const key = networkOf(address);
      const own = buckets.get(key) ?? { left: each.burst, atMs: nowMs };
      buckets.delete(key);
      buckets.set(key, own);
      const [oldest] = buckets.keys();
      if (buckets.size > ADDRESSES_MAX && oldest !== undefined) buckets.delete(oldest);
      refill(own, each, nowMs);
      refill(total, all, nowMs);
      // Whoever is refused for its own sake takes nothing from the others.
      if (own.left < 1 || total.left < 1) return false;
      own.left--;
      total.left--;
      return true;
    },
  };
}
