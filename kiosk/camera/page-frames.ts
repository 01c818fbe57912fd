/**
 * Frames as a page sends them (pure): a head of fixed length, then luma, row after row without padding. The page is not
 * believed: a length that does not follow from the head, or a size outside the limits, is refused by name.
 *
 * Head, big-endian: magic (4 bytes), width, height (16 bits each), sequence (32 bits), capture time (64-bit float, ms).
 */
export interface FrameSize {
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface PageFrame extends FrameSize {
  /** Rises with each frame of a connection, those the page dropped left out. */
  readonly sequence: number;
  /** When the camera took it, milliseconds on a clock of the browser: only spans between frames mean anything. */
  readonly capturedAtMs: number;
  /** A view into the message. */
  readonly luma: Uint8Array;
}

export type PageFrameProblem = 'short' | 'magic' | 'size' | 'length' | 'time';

export const PAGE_FRAME_HEAD_BYTES = 20;
export const PAGE_FRAME_MAGIC = 0x434b4631;
/** A track without a camera behind it gives pictures of a few pixels. */
const SIDE_PX_MIN = 16;
/** Beyond any clock: keeps spans exact. */
const CAPTURED_MS_MAX = 1e15;

/** The longest message that can hold a frame. */
export function pageFrameBytesMax({ widthPx, heightPx }: FrameSize): number {
  return PAGE_FRAME_HEAD_BYTES + widthPx * heightPx;
}

/** A string says what is wrong. `limits` is the largest picture that is taken. */
export function parsePageFrame(message: Uint8Array, limits: FrameSize): PageFrame | PageFrameProblem {
  if (message.byteLength < PAGE_FRAME_HEAD_BYTES) return 'short';
  const head = new DataView(message.buffer, message.byteOffset, PAGE_FRAME_HEAD_BYTES);
  if (head.getUint32(0) !== PAGE_FRAME_MAGIC) return 'magic';
  const widthPx = head.getUint16(4);
  const heightPx = head.getUint16(6);
  if (!isSide(widthPx, limits.widthPx) || !isSide(heightPx, limits.heightPx)) return 'size';
  if (message.byteLength !== PAGE_FRAME_HEAD_BYTES + widthPx * heightPx) return 'length';
  const capturedAtMs = head.getFloat64(12);
  if (!(capturedAtMs >= 0 && capturedAtMs <= CAPTURED_MS_MAX)) return 'time';
  return { widthPx, heightPx, sequence: head.getUint32(8), capturedAtMs, luma: message.subarray(PAGE_FRAME_HEAD_BYTES) };
}

function isSide(px: number, pxMax: number): boolean {
  return px >= SIDE_PX_MIN && px <= pxMax;
}
