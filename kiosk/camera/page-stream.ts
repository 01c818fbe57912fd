/**
 * The frames of one connection of a page, in order (pure): only those that were asked for, each newer than the one before, all
 * of one size. A browser whose process stood still hands its held frames on in a burst, as if they were new: a frame that
 * comes later after its capture than others did counts for nothing, or a code that was held up seconds ago would pass now.
 */
import type { Pixels } from './newest-frame.ts';
import { type FrameSize, type PageFrame, type PageFrameProblem, parsePageFrame } from './page-frames.ts';

export type PageStreamProblem = PageFrameProblem | 'unasked' | 'order' | 'size-changed';

export interface PageStream {
  /** One more frame may come. */
  grant(): void;
  /** `late`: to be dropped. A problem ends the connection. `arrivedAtMs` is monotonic. */
  take(message: Uint8Array, arrivedAtMs: number): Pixels | 'late' | { readonly problem: PageStreamProblem };
}

/** Behind the quickest frame by more than this, one was held back somewhere. */
const LATE_MS = 500;
/** The browser's clock and ours drift apart by less, parts. */
const DRIFT = 0.001;

export function createPageStream(limits: FrameSize): PageStream {
  let granted = 0;
  let before: PageFrame | undefined;
  /** Arrival minus capture of the quickest frame so far, milliseconds, and when that was. */
  let quickest: { readonly spanMs: number; readonly atMs: number } | undefined;

  const isLate = ({ capturedAtMs }: PageFrame, arrivedAtMs: number): boolean => {
    const spanMs = arrivedAtMs - capturedAtMs;
    const quickestMs = quickest === undefined ? spanMs : quickest.spanMs + (arrivedAtMs - quickest.atMs) * DRIFT;
    if (spanMs <= quickestMs) quickest = { spanMs, atMs: arrivedAtMs };
    return spanMs - quickestMs > LATE_MS;
  };

  return {
    grant() {
      granted++;
    },
    take(message, arrivedAtMs) {
      if (granted === 0) return { problem: 'unasked' };
      granted--;
      const frame = parsePageFrame(message, limits);
      if (typeof frame === 'string') return { problem: frame };
      const { luma, widthPx, heightPx, sequence } = frame;
      if (before !== undefined && sequence <= before.sequence) return { problem: 'order' };
      // Pictures of another size are another opening of the camera.
      if (before !== undefined && (widthPx !== before.widthPx || heightPx !== before.heightPx)) return { problem: 'size-changed' };
      before = frame;
      return isLate(frame, arrivedAtMs) ? 'late' : { luma, widthPx, heightPx, stride: widthPx };
    },
  };
}
