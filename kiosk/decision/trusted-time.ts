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
  /** Signed time minus the machine's clock, at the start; 0 without signed time. */
  readonly offsetMs: number;
  /** Newest instant (Unix ms) that a verified statement was issued at; kept on disk over restarts. */
  readonly floorMs: number;
  /** A jump was seen: stays until signed time arrives or the restart. */
  readonly jumped: boolean;
  /** Signed time has arrived in this boot. */
  readonly signed: boolean;
}

export function startTime(wallMs: number, monotonicMs: number, floorMs: number): TrustedTime {
  return { startWallMs: wallMs, startMonotonicMs: monotonicMs, offsetMs: 0, floorMs, jumped: false, signed: false };
}

/** A signed answer that took longer than this says too little about now. */
const ROUND_TRIP_MS_MAX = 10_000;

/**
 * Takes upstream's word for the time: an answer bound to a request of ours, and quick. From then on now runs from there, on
 * the monotonic clock; what the machine's clock says is compared only for further jumps.
 */
export function noteSignedTime(
  time: TrustedTime,
  issuedAtMs: number,
  roundTripMs: number,
  wallMs: number,
  monotonicMs: number,
): TrustedTime {
  if (roundTripMs > ROUND_TRIP_MS_MAX || issuedAtMs < time.floorMs) return time;
  const offsetMs = issuedAtMs - wallMs;
  return { startWallMs: wallMs, startMonotonicMs: monotonicMs, offsetMs, floorMs: issuedAtMs, jumped: false, signed: true };
}

/** Raises the floor to a statement's date. A statement far ahead of the clock puts the clock in doubt, not the floor. */
export function noteStatement(time: TrustedTime, issuedAtMs: number, monotonicMs: number): TrustedTime {
  if (issuedAtMs <= time.floorMs) return time;
  if (issuedAtMs > elapsedTime(time, monotonicMs) + AHEAD_MS_MAX) return { ...time, jumped: true };
  return { ...time, floorMs: issuedAtMs };
}

/** Looks at both clocks once more; call it at least every few seconds. */
export function watchClock(time: TrustedTime, wallMs: number, monotonicMs: number): TrustedTime {
  const driftMs = Math.abs(wallMs - elapsedWall(time, monotonicMs));
  return driftMs > JUMP_MS_MAX && !time.jumped ? { ...time, jumped: true } : time;
}

/** Now, whole Unix milliseconds. */
export function trustedNowMs(time: TrustedTime, monotonicMs: number): number {
  return Math.floor(Math.max(time.floorMs, elapsedTime(time, monotonicMs)));
}

/** `unknown` until signed time arrives. */
export function clockState(time: TrustedTime, monotonicMs: number): ClockState {
  const isBehindFloor = elapsedTime(time, monotonicMs) + AHEAD_MS_MAX < time.floorMs;
  if (time.jumped || isBehindFloor) return 'untrusted';
  return time.signed ? 'trusted' : 'unknown';
}

/** Now by the best word there is: the machine's clock at the start, moved by what signed time said of it. */
function elapsedTime(time: TrustedTime, monotonicMs: number): number {
  return elapsedWall(time, monotonicMs) + time.offsetMs;
}

/** What the machine's clock should say now. */
function elapsedWall(time: TrustedTime, monotonicMs: number): number {
  return time.startWallMs + (monotonicMs - time.startMonotonicMs);
}
