/** What decoder and worker say to each other. Both ends are ours and of one build: the shapes are checked by the compiler. */
import type { DecodeResult, DecoderName } from './decoder.ts';

export interface DecodeRequest {
  readonly id: number;
  /** Holds the rows from its start; shared, so that no frame is copied twice. */
  readonly shared: SharedArrayBuffer;
  readonly widthPx: number;
  readonly heightPx: number;
}

export type DecodeReply =
  | { readonly kind: 'ready'; readonly name: DecoderName; readonly fallbackBecause: string | undefined }
  | { readonly kind: 'decoded'; readonly id: number; readonly result: Omit<DecodeResult, 'timedOut'> };
