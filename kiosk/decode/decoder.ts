/**
 * The port Decoder: pixels to text. A decoder never throws on a picture; it may be slow, which is why it runs in a worker
 * under a hard time limit.
 */
import type { Frame } from '../camera/frame-source.ts';

export interface Point {
  /** Pixels from the left and top edge of the frame; may lie a little outside. */
  readonly x: number;
  readonly y: number;
}

/** Corners of a symbol, clockwise from its own top left. */
export type Quad = readonly [Point, Point, Point, Point];

export interface DecodedSymbol {
  /** The text, undefined where a symbol was found and could not be read. */
  readonly text: string | undefined;
  readonly quad: Quad;
}

export interface DecodeResult {
  readonly symbols: readonly DecodedSymbol[];
  /** Time spent decoding, in milliseconds. */
  readonly decodeMs: number;
  /** True where the time limit ended the work: the symbols are then empty. */
  readonly timedOut: boolean;
}

export type DecoderName = 'zxing-wasm' | 'zxing-js';

export interface Decoder {
  readonly name: DecoderName;
  decode(frame: Frame): Promise<DecodeResult>;
  close(): Promise<void>;
}
