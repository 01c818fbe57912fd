/**
 * The port Decoder: pixels to text. A decoder never throws on a picture; it may be slow, which is why it runs in a worker
 * under a hard time limit.
 */
import type { FaultCode } from '../../config/faults.ts';

/** A grey picture without padding: row y starts at y * widthPx. A Frame without stride is one too. */
export interface Picture {
  readonly luma: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface Point {
  /** Pixels from the left and top edge of the frame; may lie a little outside. */
  readonly x: number;
  readonly y: number;
}

/** Corners of a symbol, clockwise from its own top left. */
export type Quad = readonly [Point, Point, Point, Point];

/** What helps to read a symbol that is in view. */
export const advices = ['closer', 'further', 'tilt-less', 'hold-still', 'brighter', 'less-glare', 'wipe'] as const;
export type Advice = (typeof advices)[number];

export interface DecodedSymbol {
  /** The text, undefined where a symbol was found and could not be read. */
  readonly text: string | undefined;
  readonly quad: Quad;
  /** Version of a QR code, 1 to 40, where the decoder says it; a symbol that could not be read may have a wrong one. */
  readonly version?: number | undefined;
  /** Its grid fits what every symbol must have: no texture of a street does. */
  readonly sure?: boolean | undefined;
  /** What would help to read it; only where there is no text. */
  readonly advice?: Advice | undefined;
}

export interface DecodeResult {
  readonly symbols: readonly DecodedSymbol[];
  /** What would help where a symbol was a moment ago and is not located now. */
  readonly advice?: Advice | undefined;
  /** Time spent decoding, in milliseconds. */
  readonly decodeMs: number;
  /** True where the time limit ended the work: the symbols are then empty. */
  readonly timedOut: boolean;
}

export type DecoderName = 'zxing-wasm' | 'zxing-js';

export interface ReadOptions {
  /** Another kind of symbol, which some countries' health certificates have. */
  readonly aztec?: boolean;
  /** Not in smaller sizes too: these are looked at by themselves. */
  readonly oneSize?: boolean;
  /** Not light on dark too. */
  readonly darkOnLight?: boolean;
  /** A cut-out that was made ready: dark on light, in its right size. Looked at once and not in other ways too. */
  readonly prepared?: boolean;
}

/** One decoding method: looks at a picture and says what symbols are in it. Never throws on a picture. */
export interface PictureReader {
  readonly name: DecoderName;
  read(picture: Picture, options?: ReadOptions): Promise<readonly DecodedSymbol[]>;
}

export interface Decoder {
  /** Undefined until the worker has said which method it could start. */
  name(): DecoderName | undefined;
  /** Why there is none at present, where its last start failed. */
  fault(): FaultCode | undefined;
  /** One call at a time. Waits while the decoder starts. */
  decode(picture: Picture): Promise<DecodeResult>;
  close(): Promise<void>;
}
