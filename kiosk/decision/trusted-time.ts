/**
 * Trusted time: what the kiosk takes for now. Within a boot it runs on the monotonic clock from the best word there is:
 * signed time of the centre, else what staff have confirmed, else the machine's clock at the start; never below the floor,
 * the newest signed time, which is kept over restarts and moved by nothing else. Pure: both clocks are arguments.
 *
 * The date of a statement (keyring, policy, slice) is weaker than signed time: offline keys date statements by clocks that
 * nobody compares. It pushes the time of an unconfirmed kiosk on by a little, and puts a clock far behind it in doubt; it
 * is not kept, because the statement itself lies on the disk, where going back to an older one is refused.
 */
import { accept, type Outcome, refuse } from '../../sync/credential/outcome.ts';
import type { ClockState } from '../../sync/protocol/records.ts';

/** Wall and monotonic clock may drift apart by so much within a boot. */
const JUMP_MS_MAX = 60_000;
/** A statement, or the floor, may lie so far ahead of the clock. */
const AHEAD_MS_MAX = 600_000;
/** A signed answer that took longer than this says too little about now. */
const ROUND_TRIP_MS_MAX = 10_000;
/** Staff read minutes off a watch: the minute in which the floor lies is not before it. */
const ENTRY_MS = 60_000;
/** The feed asks for the time every ten minutes: what it said before that is over. */
const DISPUTE_MS_MAX = 900_000;
/** A watch and a centre that mean the same time. */
const AGREE_MS_MAX = 300_000;
/** The last instant that a Date can hold. */
const DATE_MS_MAX = 8_640_000_000_000_000;

/** Both clocks of the machine, read at the same moment, Unix and arbitrary milliseconds. */
export interface Clocks {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export interface TrustedTime {
  /** When the time began to run from here. */
  readonly start: Clocks;
  /** The time minus the machine's clock, at `start`; 0 where nobody has said better. */
  readonly offsetMs: number;
  /** Newest signed time (Unix ms); kept on disk over restarts. */
  readonly floorMs: number;
  /** Date of the newest statement in use (Unix ms); 0 for none. */
  readonly statementMs: number;
  /** A jump was seen: stays until somebody says what time it is, or the restart. */
  readonly jumped: boolean;
  /** Signed time that lies before the floor: the floor may be the one that is wrong. Of this boot, newest. */
  readonly dispute?: { readonly issuedAtMs: number; readonly monotonicMs: number } | undefined;
  /** Whose word the time is, in this boot. */
  readonly source: 'machine' | 'staff' | 'signed';
}

const STATE_OF: Readonly<Record<TrustedTime['source'], ClockState>> = { machine: 'unknown', staff: 'confirmed', signed: 'trusted' };

export type SignedTimeReason = 'signed-time-slow' | 'signed-time-before-floor' | 'signed-time-after-keyring';
export type EntryReason =
  | 'time-disputed'
  | 'time-known'
  | 'time-not-a-date'
  | 'time-before-floor'
  | 'time-before-lists'
  | 'time-after-keyring';

export function startTime(start: Clocks, floorMs: number): TrustedTime {
  return { start, offsetMs: 0, floorMs, statementMs: 0, jumped: false, source: 'machine' };
}

/**
 * Takes upstream's word for the time: bound to a question of ours, and quick. From then on now runs from there, on the
 * monotonic clock; what the machine's clock says is compared only for further jumps. The keyring vouches for the key that
 * says so until it expires: a centre whose clock is years ahead cannot move the floor to where nobody comes back from.
 */
export function noteSignedTime(
  time: TrustedTime,
  signed: { readonly issuedAtMs: number; readonly roundTripMs: number },
  keyringExpiresAtMs: number,
  clocks: Clocks,
): Outcome<TrustedTime, SignedTimeReason> {
  const { issuedAtMs, roundTripMs } = signed;
  if (roundTripMs > ROUND_TRIP_MS_MAX) return refuse('signed-time-slow');
  if (issuedAtMs < time.floorMs) return refuse('signed-time-before-floor');
  if (issuedAtMs >= keyringExpiresAtMs) return refuse('signed-time-after-keyring');
  const offsetMs = issuedAtMs - clocks.wallMs;
  return accept({ ...time, start: clocks, offsetMs, floorMs: issuedAtMs, dispute: undefined, jumped: false, source: 'signed' });
}

/** Signed time, bound to a question of ours and quick, says that the floor lies ahead: kept until staff have looked. */
export function noteDispute(time: TrustedTime, issuedAtMs: number, monotonicMs: number): TrustedTime {
  return issuedAtMs + AHEAD_MS_MAX < time.floorMs ? { ...time, dispute: { issuedAtMs, monotonicMs } } : time;
}

/** What the centre says now where that is before the floor; undefined where it said nothing of late. */
export function disputedNowMs({ dispute }: TrustedTime, monotonicMs: number): number | undefined {
  const ageMs = dispute === undefined ? Number.POSITIVE_INFINITY : monotonicMs - dispute.monotonicMs;
  return dispute === undefined || ageMs > DISPUTE_MS_MAX ? undefined : dispute.issuedAtMs + ageMs;
}

/**
 * Lowers the floor, which a centre with a wrong clock had set ahead: to what the centre signs now, and only where staff read
 * the same off a watch. Neither alone may: who holds a key of the centre, or who stands at the page, would else set a kiosk
 * back to when an expired code was good.
 */
function lowerFloor(time: TrustedTime, signedMs: number, enteredMs: number, keyringExpiresAtMs: number, clocks: Clocks) {
  if (Math.abs(enteredMs + ENTRY_MS / 2 - signedMs) > AGREE_MS_MAX) return refuse('time-disputed');
  if (time.statementMs > signedMs + AHEAD_MS_MAX) return refuse('time-before-lists');
  if (signedMs >= keyringExpiresAtMs) return refuse('time-after-keyring');
  const lowered = { start: clocks, offsetMs: signedMs - clocks.wallMs, floorMs: signedMs, dispute: undefined };
  return accept({ ...time, ...lowered, jumped: false, source: 'staff' as const });
}

/** Takes what staff read off a watch, for this boot: where nobody knows better, and only between floor and end of the keyring. */
export function confirmTime(
  time: TrustedTime,
  enteredMs: number,
  keyringExpiresAtMs: number,
  clocks: Clocks,
): Outcome<TrustedTime, EntryReason> {
  const signedMs = disputedNowMs(time, clocks.monotonicMs);
  if (signedMs === undefined && clockState(time, clocks.monotonicMs) === 'trusted') return refuse('time-known');
  if (!Number.isSafeInteger(enteredMs) || enteredMs < 0 || enteredMs > DATE_MS_MAX) return refuse('time-not-a-date');
  if (signedMs !== undefined) return lowerFloor(time, Math.floor(signedMs), enteredMs, keyringExpiresAtMs, clocks);
  if (enteredMs + ENTRY_MS <= time.floorMs) return refuse('time-before-floor');
  const nowMs = Math.max(enteredMs, time.floorMs);
  if (time.statementMs > nowMs + AHEAD_MS_MAX) return refuse('time-before-lists');
  if (nowMs >= keyringExpiresAtMs) return refuse('time-after-keyring');
  return accept({ ...time, start: clocks, offsetMs: nowMs - clocks.wallMs, jumped: false, source: 'staff' });
}

/** The statements in use are dated then. */
export function noteStatement(time: TrustedTime, issuedAtMs: number): TrustedTime {
  return issuedAtMs === time.statementMs ? time : { ...time, statementMs: issuedAtMs };
}

/** Looks at both clocks once more; call it at least every few seconds. */
export function watchClock(time: TrustedTime, { wallMs, monotonicMs }: Clocks): TrustedTime {
  const driftMs = Math.abs(wallMs - elapsedWall(time, monotonicMs));
  return driftMs > JUMP_MS_MAX && !time.jumped ? { ...time, jumped: true } : time;
}

/** Now, whole Unix milliseconds. */
export function trustedNowMs(time: TrustedTime, monotonicMs: number): number {
  const nowMs = Math.max(time.floorMs, elapsedTime(time, monotonicMs));
  // Signed time knows better than the clock by which a statement was dated.
  const bound = time.source === 'signed' || isAhead(time, nowMs) ? 0 : time.statementMs;
  return Math.floor(Math.max(nowMs, bound));
}

/** `unknown` until signed time arrives or staff confirm. Doubt wins over both. */
export function clockState(time: TrustedTime, monotonicMs: number): ClockState {
  const elapsedMs = elapsedTime(time, monotonicMs);
  const isBehindFloor = elapsedMs + AHEAD_MS_MAX < time.floorMs;
  if (time.jumped || isBehindFloor || isAhead(time, Math.max(time.floorMs, elapsedMs))) return 'untrusted';
  return STATE_OF[time.source];
}

/** Since signed time was last taken in this boot; undefined where nobody has signed the time, or a jump put it in doubt. */
export function signedAgeMs({ source, start, jumped }: TrustedTime, monotonicMs: number): number | undefined {
  return source === 'signed' && !jumped ? monotonicMs - start.monotonicMs : undefined;
}

/** A statement from the future: its signer's clock is wrong, or the one of the kiosk. */
function isAhead({ statementMs }: TrustedTime, nowMs: number): boolean {
  return statementMs > nowMs + AHEAD_MS_MAX;
}

/** Now by the best word there is. */
function elapsedTime(time: TrustedTime, monotonicMs: number): number {
  return elapsedWall(time, monotonicMs) + time.offsetMs;
}

/** What the machine's clock should say now. */
function elapsedWall({ start }: TrustedTime, monotonicMs: number): number {
  return start.wallMs + (monotonicMs - start.monotonicMs);
}
