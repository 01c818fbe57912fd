/**
 * The port CodeSource: texts in. The camera path is one; a hand imager on a serial line will be another, which gives one
 * text at a time and knows no picture.
 */
import type { FaultCode } from '../../config/faults.ts';
import type { Frame } from '../camera/frame-source.ts';
import type { Advice, Quad } from './decoder.ts';

/** Where a symbol is: its centre and its longer side, parts of the shorter side of the frame. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

export interface SightedSymbol {
  /** The text, undefined where a symbol is in view and cannot be read. */
  readonly text: string | undefined;
  /** Whether its centre lies inside the guide; a source without a picture says true. */
  readonly insideGuide: boolean;
  /** Undefined for a source without a picture, and where what was located has no symbol's shape. */
  readonly place: Place | undefined;
  readonly quad: Quad | undefined;
  /** False where only a corner of a symbol was recognised. */
  readonly whole: boolean;
  /** Whether nothing but a symbol can look like that; a decoder takes a lattice for one now and then. */
  readonly sure: boolean;
  /** What would help to read it. */
  readonly advice?: Advice | undefined;
}

/** One look at what is in front of the kiosk: all symbols of one frame, none when the view is empty. */
export interface Sighting {
  /** Monotonic arrival of the frame, milliseconds. */
  readonly arrivedAtMs: number;
  readonly generation: number;
  readonly symbols: readonly SightedSymbol[];
  readonly decodeMs: number;
  /** What would help where a symbol was a moment ago and is not located now. */
  readonly advice?: Advice | undefined;
  /** The frame itself, for the mirror; undefined without a camera. */
  readonly frame: Frame | undefined;
}

export interface CodeSourceHealth {
  readonly state: 'starting' | 'live' | 'degraded' | 'down';
  readonly fault: FaultCode | undefined;
  /** Age of the newest picture, milliseconds; Infinity before the first. */
  readonly ageMs: number;
  readonly frameRateHz: number;
  readonly restarts: number;
  /** Mean grey level and detail of the newest picture, for people who look after it. */
  readonly picture?: { readonly level: number; readonly detail: number } | undefined;
}

export interface CodeSource {
  /** Waits for the next look; undefined once the source is closed. One caller at a time. */
  next(): Promise<Sighting | undefined>;
  health(): CodeSourceHealth;
  close(): Promise<void>;
}
