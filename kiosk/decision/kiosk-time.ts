/** Trusted time as one thing that stages ask: the pure rules of trusted-time.ts around the machine's clocks. */
import type { Clock } from '../../config/ports/clock.ts';
import type { ClockState } from '../../sync/protocol/records.ts';
import { clockState, noteSignedTime, noteStatement, startTime, trustedNowMs, watchClock } from './trusted-time.ts';

export interface KioskTime {
  /** Trusted now, Unix milliseconds. */
  nowMs(): number;
  state(): ClockState;
  /** A verified statement says that it was issued then. */
  noteStatement(issuedAtMs: number): void;
  /** Upstream answered a request of ours, signed, at this instant; the request took `roundTripMs`. */
  noteSignedTime(issuedAtMs: number, roundTripMs: number): void;
}

export interface FloorStore {
  read(): number;
  write(floorMs: number): void;
}

export function createKioskTime(clock: Clock, store: FloorStore): KioskTime {
  let time = startTime(clock.wallMs(), clock.monotonicMs(), store.read());
  return {
    nowMs: () => trustedNowMs(time, clock.monotonicMs()),
    state() {
      time = watchClock(time, clock.wallMs(), clock.monotonicMs());
      return clockState(time, clock.monotonicMs());
    },
    noteStatement(issuedAtMs) {
      const before = time.floorMs;
      time = noteStatement(time, issuedAtMs, clock.monotonicMs());
      if (time.floorMs > before) store.write(time.floorMs);
    },
    noteSignedTime(issuedAtMs, roundTripMs) {
      const before = time.floorMs;
      time = noteSignedTime(time, issuedAtMs, roundTripMs, clock.wallMs(), clock.monotonicMs());
      if (time.floorMs > before) store.write(time.floorMs);
    },
  };
}
