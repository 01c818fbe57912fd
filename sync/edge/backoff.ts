/** When to try again (pure): full jitter over a doubling span, never sooner than the other side asked. */

const FIRST_MS = 1_000;
const CAP_MS = 300_000;
/** Of what must not wait: a hold. Full jitter over this span also keeps a fleet from coming back at one moment. */
export const URGENT_CAP_MS = 15_000;

/**
 * Delay before try `failures` + 1, milliseconds. `random` in [0, 1). `retryAfterMs`: what a Retry-After asked for, the
 * least that is waited. `capMs`: the longest span.
 */
export function backoffMs(failures: number, random: number, retryAfterMs = 0, capMs = CAP_MS): number {
  const span = Math.min(capMs, FIRST_MS * 2 ** Math.min(failures, 30));
  return Math.round(retryAfterMs + random * span);
}

/** A number in [0, 1) from 4 random bytes. */
export function fraction(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
}
