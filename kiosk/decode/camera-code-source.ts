/**
 * The camera path as a CodeSource: takes the newest frame, has it decoded, and says what lies in the guide. A frame that is
 * too old once it is decoded counts for nothing: a code that was held up seconds ago must not pass now.
 */
import type { Host } from '../../config/ports/host.ts';
import type { Frame, FrameSource } from '../camera/frame-source.ts';
import { isPlausible, isWhole } from './advice.ts';
import type { CodeSource, CodeSourceHealth, Place, SightedSymbol } from './code-source.ts';
import type { DecodedSymbol, Decoder, Picture, Quad } from './decoder.ts';

/** The part of the picture in which codes count, as fractions of its width and height. */
export interface Guide {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface CameraCodeSourceOptions {
  readonly guide: Guide;
  /** Oldest frame that still counts once it is decoded. */
  readonly frameAgeMsMax: number;
}

/** So many pictures in a row without an answer close the lane. */
const TIMEOUTS_MAX = 3;
/** So long without a decoded frame, while frames are there to decode, closes the lane. */
const UNDECODED_MS_MAX = 2_000;
/** A decoder that starts is only that, for so long. */
const STARTING_MS_MAX = 15_000;

export function createCameraCodeSource(frames: FrameSource, decoder: Decoder, options: CameraCodeSourceOptions, host: Host): CodeSource {
  let timeouts = 0;
  let generation = 0;
  let hasDecoded = false;
  /** Since when there are frames and none of them was decoded in time to count. */
  let undecodedSinceMs: number | undefined;

  /** The first doubt about the decoder; undefined where it does its work. */
  const doubt = (): Pick<CodeSourceHealth, 'state' | 'fault'> | undefined => {
    const failure = decoder.fault();
    if (failure !== undefined) return { state: 'down', fault: failure };
    if (timeouts >= TIMEOUTS_MAX) return { state: 'down', fault: 'decoder-stuck' };
    const undecodedMs = undecodedSinceMs === undefined ? 0 : host.clock.monotonicMs() - undecodedSinceMs;
    if (!hasDecoded) return { state: 'starting', fault: undecodedMs > STARTING_MS_MAX ? 'decoder-silent' : undefined };
    return undecodedMs > UNDECODED_MS_MAX ? { state: 'down', fault: 'decoder-silent' } : undefined;
  };

  return {
    async next() {
      for (;;) {
        const askedAtMs = host.clock.monotonicMs();
        const frame = await frames.next();
        if (frame === undefined) return undefined;
        const nowMs = host.clock.monotonicMs();
        // A camera that was away is no fault of the decoder.
        if (undecodedSinceMs === undefined || nowMs - askedAtMs > UNDECODED_MS_MAX) undecodedSinceMs = nowMs;
        const { symbols, advice, decodeMs, timedOut } = await decoder.decode(packed(frame));
        timeouts = timedOut ? timeouts + 1 : 0;
        generation = Math.max(generation, frame.generation);
        const isLate = host.clock.monotonicMs() - frame.arrivedAtMs > options.frameAgeMsMax || frame.generation < generation;
        if (timedOut || isLate) continue;
        hasDecoded = true;
        undecodedSinceMs = undefined;
        const { arrivedAtMs } = frame;
        const sighted = symbols.map((symbol) => sight(symbol, frame, options.guide));
        return { arrivedAtMs, generation, symbols: sighted, decodeMs, advice, frame };
      }
    },
    health() {
      const { state, fault, frameAgeMs, frameRateHz, restarts, picture } = frames.health();
      const own = { state, fault, ageMs: frameAgeMs, frameRateHz, restarts, picture };
      // Without frames the camera is the fault.
      return state === 'live' || state === 'degraded' ? { ...own, ...doubt() } : own;
    },
    async close() {
      await frames.close();
      await decoder.close();
    },
  };
}

/** Rows without padding; the frame itself where it has none. */
function packed({ luma, widthPx, heightPx, stride }: Frame): Picture {
  if (stride === widthPx) return { luma, widthPx, heightPx };
  const rows = new Uint8Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) rows.set(luma.subarray(y * stride, y * stride + widthPx), y * widthPx);
  return { luma: rows, widthPx, heightPx };
}

function sight(symbol: DecodedSymbol, { widthPx, heightPx }: Frame, guide: Guide): SightedSymbol {
  const { text, quad, advice, sure = false } = symbol;
  const sidePx = Math.min(widthPx, heightPx);
  const place: Place = {
    x: quad.reduce((sum, { x }) => sum + x, 0) / 4 / sidePx,
    y: quad.reduce((sum, { y }) => sum + y, 0) / 4 / sidePx,
    size: longestSidePx(quad) / sidePx,
  };
  const [x, y] = [(place.x * sidePx) / widthPx, (place.y * sidePx) / heightPx];
  const insideGuide = x >= guide.x && x <= guide.x + guide.width && y >= guide.y && y <= guide.y + guide.height;
  return {
    text,
    insideGuide,
    place: isPlausible(symbol) ? place : undefined,
    quad,
    whole: isWhole(symbol),
    sure: sure || text !== undefined,
    advice,
  };
}

function longestSidePx([a, b, c, d]: Quad): number {
  const side = (p: { x: number; y: number }, q: { x: number; y: number }) => Math.hypot(p.x - q.x, p.y - q.y);
  return Math.max(side(a, b), side(b, c), side(c, d), side(d, a));
}
