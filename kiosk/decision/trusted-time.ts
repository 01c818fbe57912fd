/**
 * Trusted time: what the kiosk takes for now. Within a boot it runs on the monotonic clock from where the machine's clock
 * stood at the start, and never below the floor, the newest instant that a signed statement vouches for. A machine clock
 * that jumps, or lies before the floor, is not believed. Pure: both clocks are arguments.
 */
import type { ClockState } from '../../sync/protocol/records.ts';

/** Wall and monotonic clock may drift apart by so much within a boot. */
const JUMP_MS_MAX = 60_000;
/** A statement may be dated so far ahead of the machine's clock. */
const AHEAD_MS_MAX = 600_000;

export interface TrustedTime {
  /** Wall clock and monotonic clock read at the same moment, at the start. */
  readonly startWallMs: number;
  readonly startMonotonicMs: number;
  /** Newest instant (Unix ms) that a verified statement was issued at; kept on disk over restarts. */
  readonly floorMs: number;
  /** A jump was seen: stays until the restart. */
  readonly jumped: boolean;
}

export function startTime(wallMs: number, monotonicMs: number, floorMs: number): TrustedTime {
  return { startWallMs: wallMs, startMonotonicMs: monotonicMs, floorMs, jumped: false };
}

/** Raises the floor to a statement's date. A statement far ahead of the clock puts the clock in doubt, not the floor. */
export function noteStatement(time: TrustedTime, issuedAtMs: number, monotonicMs: number): TrustedTime {
  if (issuedAtMs <= time.floorMs) return time;
  if (issuedAtMs > elapsedWall(time, monotonicMs) + AHEAD_MS_MAX) return { ...time, jumped: true };
  return { ...time, floorMs: issuedAtMs };
}

/** Looks at both clocks once more; call it at least every few seconds. */
export function watchClock(time: TrustedTime, wallMs: number, monotonicMs: number): TrustedTime {
  const driftMs = Math.abs(wallMs - elapsedWall(time, monotonicMs));
  return driftMs > JUMP_MS_MAX && !time.jumped ? { ...time, jumped: true } : time;
}

/** Now, whole Unix milliseconds. */
export function trustedNowMs(time: TrustedTime, monotonicMs: number): number {
  return Math.floor(Math.max(time.floorMs, elapsedWall(time, monotonicMs)));
}

/** `unknown` until signed time arrives, which this kiosk has no source of yet. */
export function clockState(time: TrustedTime, monotonicMs: number): ClockState {
  const isBehindFloor = elapsedWall(time, monotonicMs) + AHEAD_MS_MAX < time.floorMs;
  return time.jumped || isBehindFloor ? 'untrusted' : 'unknown';
}

function elapsedWall(time: TrustedTime, monotonicMs: number): number {
  return time.startWallMs + (monotonicMs - time.startMonotonicMs);
}
