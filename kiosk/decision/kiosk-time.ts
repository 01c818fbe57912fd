/** Trusted time as one thing that stages ask: the pure rules of trusted-time.ts around the machine's clocks. */
import type { Clock } from '../../config/ports/clock.ts';
import type { Outcome } from '../../sync/credential/outcome.ts';
import type { ClockState } from '../../sync/protocol/records.ts';
import {
  type Clocks,
  clockState,
  confirmTime,
  disputedNowMs,
  type EntryReason,
  noteDispute,
  noteSignedTime,
  noteStatement,
  type SignedTimeReason,
  signedAgeMs,
  startTime,
  type TrustedTime,
  trustedNowMs,
  watchClock,
} from './trusted-time.ts';

export interface KioskTime {
  /** Trusted now, Unix milliseconds. */
  nowMs(): number;
  state(): ClockState;
  /** How long ago signed time was last taken in this boot; undefined: not yet. */
  signedAgeMs(): number | undefined;
  /** Whether the centre signs a time that lies before the floor: then staff may settle which of them is right. */
  isDisputed(): boolean;
  /** The statements in use are dated then. */
  noteStatement(issuedAtMs: number): void;
  /** Upstream answered a request of ours, signed, at this instant; the request took `roundTripMs`. Says why it does not count. */
  noteSignedTime(issuedAtMs: number, roundTripMs: number): SignedTimeReason | undefined;
  /** Signed time that was brought by hand; counts only once `record` has put the change on record. */
  setSigned(issuedAtMs: number, record: RecordChange): SignedTimeReason | 'time-unrecorded' | undefined;
  /** What staff read off a watch, for this boot. */
  confirm(enteredMs: number, record: RecordChange): EntryReason | 'time-unrecorded' | undefined;
}

/** How the time changed: the clock's state before it, how far time was moved, and from when on it counts. */
export interface TimeChange {
  readonly before: ClockState;
  readonly shiftMs: number;
  readonly nowMs: number;
  /** The floor was lowered. */
  readonly floor?: { readonly fromMs: number; readonly toMs: number } | undefined;
}
/** False where it could not be recorded. */
export type RecordChange = (change: TimeChange) => boolean;

export interface FloorStore {
  read(): number;
  write(floorMs: number): void;
}

/** `keyringExpiresAtMs`: no word about a time after that is taken; asked anew each time. */
export function createKioskTime(clock: Clock, store: FloorStore, keyringExpiresAtMs: () => number = () => Infinity): KioskTime {
  const read = (): Clocks => ({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
  let time = startTime(read(), store.read());

  const state = (): ClockState => {
    const clocks = read();
    time = watchClock(time, clocks);
    return clockState(time, clocks.monotonicMs);
  };
  const nowMs = () => trustedNowMs(time, clock.monotonicMs());
  const apply = (next: TrustedTime) => {
    // The floor first: what a full disk refuses is asked again.
    if (next.floorMs !== time.floorMs) store.write(next.floorMs);
    time = next;
  };
  /** What cannot be recorded does not happen. */
  const applyRecorded = <Reason extends string>(outcome: Outcome<TrustedTime, Reason>, before: ClockState, record: RecordChange) => {
    if (!outcome.ok) return outcome.reason;
    const earlier = time;
    const earlierMs = nowMs();
    time = outcome.value;
    const isLowered = time.floorMs < earlier.floorMs;
    const floor = isLowered ? { fromMs: earlier.floorMs, toMs: time.floorMs } : undefined;
    const change = { before, shiftMs: Math.round(nowMs() - earlierMs), nowMs: nowMs(), ...(floor !== undefined && { floor }) };
    const isRecorded = record(change);
    time = earlier;
    if (!isRecorded) return 'time-unrecorded' as const;
    apply(outcome.value);
    return undefined;
  };
  const signedTime = (issuedAtMs: number, roundTripMs: number) =>
    noteSignedTime(time, { issuedAtMs, roundTripMs }, keyringExpiresAtMs(), read());

  return {
    nowMs,
    state,
    isDisputed: () => disputedNowMs(time, clock.monotonicMs()) !== undefined,
    signedAgeMs: () => signedAgeMs(time, clock.monotonicMs()),
    noteStatement(issuedAtMs) {
      time = noteStatement(time, issuedAtMs);
    },
    noteSignedTime(issuedAtMs, roundTripMs) {
      const outcome = signedTime(issuedAtMs, roundTripMs);
      if (outcome.ok) apply(outcome.value);
      else if (outcome.reason === 'signed-time-before-floor') time = noteDispute(time, issuedAtMs, clock.monotonicMs());
      return outcome.ok ? undefined : outcome.reason;
    },
    setSigned(issuedAtMs, record) {
      const before = state();
      const outcome = signedTime(issuedAtMs, 0);
      if (!outcome.ok && outcome.reason === 'signed-time-before-floor') time = noteDispute(time, issuedAtMs, clock.monotonicMs());
      return applyRecorded(outcome, before, record);
    },
    confirm(enteredMs, record) {
      const before = state();
      return applyRecorded(confirmTime(time, enteredMs, keyringExpiresAtMs(), read()), before, record);
    },
  };
}
