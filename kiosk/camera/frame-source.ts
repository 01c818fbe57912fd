/**
 * The port FrameSource: pictures in. First stage of the path. A source fills a one-slot mailbox, the newest whole frame
 * wins, and the loop that decodes takes from it at its own pace. Health is the source's own judgement of itself.
 */
import type { FaultCode } from '../../config/faults.ts';

export interface Frame {
  /** 8-bit luma, row after row; row y starts at y * stride. Valid until next() is called again: who keeps it copies it. */
  readonly luma: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Bytes from one row to the next, at least `widthPx`. */
  readonly stride: number;
  /** Luma of white where it is not 255: films have 235. */
  readonly whiteLevel?: number;
  /** Monotonic time at which the last byte of the frame reached this process. */
  readonly arrivedAtMs: number;
  /** Counts the (re)openings of the camera: frames of two generations never belong to one presentation. */
  readonly generation: number;
  /** Counts frames of this source, dropped ones too. */
  readonly sequence: number;
}

export interface FrameSourceHealth {
  /** live: frames come; degraded: the newest is over the warning age; down: closed to traffic, see `fault`. */
  readonly state: 'starting' | 'live' | 'degraded' | 'down';
  readonly fault: FaultCode | undefined;
  /** Age of the newest accepted frame in milliseconds; Infinity before the first. */
  readonly frameAgeMs: number;
  /** Frames a second over the last seconds. */
  readonly frameRateHz: number;
  /** Reopenings since the start. */
  readonly restarts: number;
  /** Of the newest frame, where pictures are watched: mean grey level, and detail as PictureMeasure has it. */
  readonly picture?: { readonly level: number; readonly detail: number };
}

export interface FrameSource {
  /** Waits for a frame newer than the last one taken; undefined once the source is closed. One caller at a time. */
  next(): Promise<Frame | undefined>;
  health(): FrameSourceHealth;
  /** Begins anew with the device, as after a fault. */
  reopen(): void;
  /** Ends children and timers; resolves when they are gone. */
  close(): Promise<void>;
}
