/**
 * The one-slot mailbox between a camera and the loop that decodes: the newest whole frame wins, what nobody took in time is
 * dropped. It also judges the stream: no first frame, gaps, and frames that come late after a gap. Time is the Clock's.
 */
import type { FaultCode } from '../../config/faults.ts';
import type { Clock } from '../../config/ports/clock.ts';
import { createFrameBuffers } from './frame-buffers.ts';
import type { Frame, FrameSourceHealth } from './frame-source.ts';

export const FIRST_FRAME_MS = 6_000;

/** What is expected of the stream, milliseconds. */
export interface StreamLimits {
  /** A gap above this may hide a frame that was held back: the first one after it is not believed. */
  readonly lateGapMs: number;
  readonly degradedMs: number;
  readonly downMs: number;
}

/** Of a stream that counts as stalled after `stalledMs` without a frame. */
export function videoLimits(stalledMs: number): StreamLimits {
  return { lateGapMs: 500, degradedMs: stalledMs / 2, downMs: stalledMs };
}

const RATE_WINDOW_MS = 3_000;

export interface Pixels {
  readonly luma: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly stride: number;
  /** 255 where absent. */
  readonly whiteLevel?: number;
}

export interface NewestFrame {
  /** A new opening of the camera begins: frames of the one before count no more. */
  open(): number;
  /** Memory for the next frame of an opening, to be filled and put. */
  buffer(lengthBytes: number): Uint8Array;
  /** Takes a whole frame of an opening, at its arrival. */
  put(generation: number, pixels: Pixels): void;
  /** The opening is over or is being ended: nothing of it counts from now on. */
  shut(generation: number, fault: FaultCode): void;
  /** Milliseconds since the last frame of this opening, or since it began. */
  gapMs(): number;
  hasFrame(): boolean;
  next(): Promise<Frame | undefined>;
  health(): FrameSourceHealth;
  /** next() gives undefined from now on. */
  close(): void;
}

export function createNewestFrame(clock: Clock, limits: StreamLimits): NewestFrame {
  let generation = 0;
  let sequence = 0;
  let openedAtMs = clock.monotonicMs();
  let lastArrivalMs: number | undefined;
  let acceptedAtMs: number | undefined;
  let fault: FaultCode | undefined;
  let isOpen = false;
  let closed = false;
  const buffers = createFrameBuffers();
  let slot: Frame | undefined;
  /** What the reader has now: its memory is free when it asks for the next. */
  let taken: Frame | undefined;
  let waiting: ((frame: Frame | undefined) => void) | undefined;
  let arrivals: number[] = [];

  const drop = () => {
    if (slot !== undefined) buffers.giveBack(slot.luma);
    slot = undefined;
  };

  const hand = (frame: Frame | undefined) => {
    const resolve = waiting;
    waiting = undefined;
    drop();
    if (resolve === undefined) slot = frame;
    else {
      taken = frame;
      resolve(frame);
    }
  };

  return {
    open() {
      generation++;
      isOpen = true;
      openedAtMs = clock.monotonicMs();
      lastArrivalMs = undefined;
      drop();
      return generation;
    },
    buffer: buffers.take,
    put(of, pixels) {
      if (closed || !isOpen || of !== generation) return buffers.giveBack(pixels.luma);
      const arrivedAtMs = clock.monotonicMs();
      const isLate = lastArrivalMs !== undefined && arrivedAtMs - lastArrivalMs > limits.lateGapMs;
      lastArrivalMs = arrivedAtMs;
      sequence++;
      if (isLate) return buffers.giveBack(pixels.luma);
      acceptedAtMs = arrivedAtMs;
      fault = undefined;
      arrivals = arrivals.filter((atMs) => arrivedAtMs - atMs <= RATE_WINDOW_MS);
      arrivals.push(arrivedAtMs);
      hand({ ...pixels, arrivedAtMs, generation, sequence });
    },
    shut(of, reason) {
      if (of !== generation) return;
      isOpen = false;
      fault = reason;
      drop();
    },
    gapMs: () => clock.monotonicMs() - (lastArrivalMs ?? openedAtMs),
    hasFrame: () => lastArrivalMs !== undefined,
    next() {
      if (taken !== undefined) buffers.giveBack(taken.luma);
      taken = undefined;
      if (closed) return Promise.resolve(undefined);
      if (slot !== undefined) {
        taken = slot;
        slot = undefined;
        return Promise.resolve(taken);
      }
      return new Promise((resolve) => {
        waiting = resolve;
      });
    },
    health() {
      const nowMs = clock.monotonicMs();
      const frameAgeMs = acceptedAtMs === undefined ? Infinity : nowMs - acceptedAtMs;
      const recent = arrivals.filter((atMs) => nowMs - atMs <= RATE_WINDOW_MS);
      const spanMs = recent[0] === undefined ? 0 : nowMs - recent[0];
      const frameRateHz = recent.length < 2 || spanMs <= 0 ? 0 : ((recent.length - 1) * 1000) / spanMs;
      const restarts = Math.max(0, generation - 1);
      if (frameAgeMs > limits.downMs) {
        const isStarting = acceptedAtMs === undefined && fault === undefined;
        return {
          state: isStarting ? 'starting' : 'down',
          fault: isStarting ? undefined : (fault ?? 'camera-stalled'),
          frameAgeMs,
          frameRateHz,
          restarts,
        };
      }
      return { state: frameAgeMs > limits.degradedMs ? 'degraded' : 'live', fault: undefined, frameAgeMs, frameRateHz, restarts };
    },
    close() {
      closed = true;
      isOpen = false;
      hand(undefined);
    },
  };
}
