/**
 * Whether a picture that arrives shows anything (pure): a camera may send frames at its full rate and still see nothing. Fed
 * with every frame that is taken; a doubt must last before it counts, and ends with the first good frame. What is sharp is
 * learned from the camera's own pictures, because every place has its own detail.
 */
import type { FaultCode } from '../../config/faults.ts';
import type { Pixels } from './newest-frame.ts';

/** How long each doubt must last, milliseconds, and where it begins. */
export interface PictureLimits {
  /** The same picture; Infinity for a source that may stand still. */
  readonly frozenMs: number;
  /** Whether pictures are encoded as changes of others (H.264): then one and the same picture arrives a little different each time. */
  readonly interframe: boolean;
  readonly blackMs: number;
  /** Mean grey level, 0 to 255, below which a plain picture is black. */
  readonly blackLevelMax: number;
  readonly washedOutMs: number;
  /** Part of the picture, 0 to 1, that is white. */
  readonly washedOutShareMin: number;
  readonly coveredMs: number;
  /** Detail, as a part of what the camera usually shows, below which it is covered or out of focus. */
  readonly detailShareMin: number;
}

export interface PictureMeasure {
  /** Grey level, 0 to 255. */
  readonly meanLevel: number;
  /** Deviation of the mean levels of its parts, in parts of the mean level: neither noise nor dusk changes it much. */
  readonly contrast: number;
  /** Part of the picture at the top of the range, 0 to 1. */
  readonly brightShare: number;
  /** Mean difference of neighbours beyond noise, in parts of the mean level: dusk alone hardly changes it. */
  readonly detail: number;
  /** Largest change since the picture before, grey levels; Infinity for the first one and for one of another size. */
  readonly change: number;
}

export interface PictureHealth {
  judge(measure: PictureMeasure, atMs: number): void;
  /** A new opening of the camera: what has become a fault stays one until a good picture comes, and what stands still does. */
  reopened(): void;
  fault(): FaultCode | undefined;
}

type Doubt = 'camera-frozen' | 'camera-black' | 'camera-washed-out' | 'camera-covered' | 'camera-out-of-focus';

/** Every fourth pixel of every fourth row. */
const STEP_PX = 4;
/** So near to white is white. */
const BRIGHT_MARGIN = 5;
/** Parts across and down whose mean levels are compared. */
const CELLS = 12;
/** So many times the middle step of neighbours is an edge. */
const EDGE_NOISE = 5;
/** What is black is also plain: a night street is dark and is not. */
const BLACK_CONTRAST_MAX = 0.06;
/** Keeps the detail of a dark picture from being noise alone. */
const LEVEL_BASE = 10;
/** A gap in the stream says nothing of its pictures. */
const STILL_GAP_MS = 500;
/** What an encoder changes differs from frame to frame: its middle over this time counts. */
const STILL_WINDOW_MS = 1_000;
/** Fewer pictures do not say how much a camera's usually change. */
const LEARNED_STILL_MIN = 5;
const LEARNED_NEW = 2;
/** Less change than this part of the usual is none. Seen: 4 to 5 grey levels frozen, 10 to 12 by a sensor's noise of 2. */
const QUIETER = 0.65;
/** A camera that stood still by itself for this part of the limit often shows nothing new. */
const USUALLY_STILL = 0.5;
const LEARN_EVERY_MS = 1_000;
const LEARNED_MAX = 120;
/** Fewer pictures say nothing about the usual ones. */
const LEARNED_MIN = 10;
/** A picture with less contrast than this part of the usual one is covered; with more it is out of focus. */
const COVERED_CONTRAST = 0.4;
/** In a darker picture noise hides what is sharp. */
const FOCUS_LEVEL_MIN = 60;

/** Measures one picture after the other, about 0.4 ms for 1280x720; remembers the one before. */
export function createPictureMeter(): (pixels: Pixels) => PictureMeasure {
  let before = new Uint8Array(0);
  return (pixels) => {
    const count = Math.ceil(pixels.widthPx / STEP_PX) * Math.ceil(pixels.heightPx / STEP_PX);
    const isFirst = before.length !== count;
    if (isFirst) before = new Uint8Array(count);
    const measure = measurePicture(pixels, before);
    return isFirst ? { ...measure, change: Number.POSITIVE_INFINITY } : measure;
  };
}

function measurePicture({ luma, widthPx, heightPx, stride, whiteLevel = 255 }: Pixels, samples: Uint8Array): PictureMeasure {
  const steps = new Uint32Array(256);
  const cellSums = new Float64Array(CELLS * CELLS);
  const cellCounts = new Uint32Array(CELLS * CELLS);
  const brightLevel = whiteLevel - BRIGHT_MARGIN;
  let bright = 0;
  let change = 0;
  let count = 0;
  for (let y = 0; y < heightPx; y += STEP_PX) {
    const row = y * stride;
    const cellRow = Math.floor((y * CELLS) / heightPx) * CELLS;
    let before = luma[row] ?? 0;
    for (let column = 0, x = 0; column < CELLS; column++) {
      const end = ((column + 1) * widthPx) / CELLS;
      const first = count;
      let sum = 0;
      for (; x < end; x += STEP_PX) {
        const level = luma[row + x] ?? 0;
        sum += level;
        if (level >= brightLevel) bright++;
        const step = Math.abs(level - before);
        steps[step] = (steps[step] ?? 0) + 1;
        before = level;
        const changed = Math.abs(level - (samples[count] ?? 0));
        if (changed > change) change = changed;
        samples[count++] = level;
      }
      cellSums[cellRow + column] = (cellSums[cellRow + column] ?? 0) + sum;
      cellCounts[cellRow + column] = (cellCounts[cellRow + column] ?? 0) + count - first;
    }
  }
  const meanLevel = cellSums.reduce((sum, one) => sum + one, 0) / count;
  const squares = cellSums.reduce((sum, one, at) => sum + (one * one) / Math.max(1, cellCounts[at] ?? 0), 0) / count;
  return {
    meanLevel,
    contrast: Math.sqrt(Math.max(0, squares - meanLevel * meanLevel)) / (meanLevel + LEVEL_BASE),
    brightShare: bright / count,
    detail: edges(steps, count) / (meanLevel + LEVEL_BASE),
    change,
  };
}

/** What neighbours differ by beyond noise, mean grey levels: most of a scene is plain, so the middle step is noise. */
function edges(steps: Uint32Array, count: number): number {
  let middle = 0;
  for (let seen = steps[0] ?? 0; seen < count / 2 && middle < 255; seen += steps[middle] ?? 0) middle++;
  let sum = 0;
  for (let step = EDGE_NOISE * (middle + 1); step < 256; step++) sum += step * (steps[step] ?? 0);
  return sum / count;
}

export function createPictureHealth(limits: PictureLimits): PictureHealth {
  let doubt: { readonly of: Doubt; readonly sinceMs: number } | undefined;
  let stillSinceMs: number | undefined;
  let recent: { readonly atMs: number; readonly change: number }[] = [];
  let longestStillMs = 0;
  let fault: Doubt | undefined;
  let learned: { readonly detail: number; readonly contrast: number; readonly change: number }[] = [];
  let learnedAtMs = Number.NEGATIVE_INFINITY;

  const lastsMs: Record<Doubt, number> = {
    'camera-frozen': limits.frozenMs,
    'camera-black': limits.blackMs,
    'camera-washed-out': limits.washedOutMs,
    'camera-covered': limits.coveredMs,
    'camera-out-of-focus': limits.coveredMs,
  };

  /** Since when the picture stands still, if it does. */
  const stillSince = (change: number, atMs: number): number | undefined => {
    const isGap = atMs - (recent.at(-1)?.atMs ?? atMs) > STILL_GAP_MS;
    recent = isGap ? [] : recent.filter((one) => atMs - one.atMs < STILL_WINDOW_MS);
    if (isGap) stillSinceMs = undefined;
    recent.push({ atMs, change });
    const isQuiet = limits.interframe && isQuieter(median(recent.map((one) => one.change)));
    if (change !== 0 && !isQuiet) {
      const lastedMs = stillSinceMs === undefined ? 0 : atMs - stillSinceMs;
      // What counted as frozen was no scene at rest: it must be seen the next time too.
      if (lastedMs < limits.frozenMs) longestStillMs = Math.max(longestStillMs, lastedMs);
      stillSinceMs = undefined;
      return undefined;
    }
    // A window that is quiet as a whole began to be so with its first picture.
    stillSinceMs ??= change === 0 ? atMs : (recent[0]?.atMs ?? atMs);
    return stillSinceMs;
  };

  /**
   * An encoder goes on changing one and the same picture, but by less than a sensor's noise does. A camera that was so quiet
   * before, and was not frozen, often shows nothing new: of that one only the very same picture counts.
   */
  const isQuieter = (change: number): boolean => {
    if (learned.length < LEARNED_STILL_MIN || longestStillMs > limits.frozenMs * USUALLY_STILL) return false;
    // The newest may already belong to a picture that comes to rest.
    const earlier = learned.slice(0, -LEARNED_NEW).map((one) => one.change);
    const usual = earlier.sort((a, b) => a - b)[Math.floor(earlier.length / 10)] ?? 0;
    return change < QUIETER * usual;
  };

  /** What the picture itself shows. */
  const doubtOf = ({ meanLevel, contrast, brightShare, detail }: PictureMeasure): Doubt | undefined => {
    if (meanLevel < limits.blackLevelMax && contrast < BLACK_CONTRAST_MAX) return 'camera-black';
    if (brightShare > limits.washedOutShareMin) return 'camera-washed-out';
    if (learned.length < LEARNED_MIN || detail >= limits.detailShareMin * median(learned.map((one) => one.detail))) return undefined;
    const isPlain = contrast < COVERED_CONTRAST * median(learned.map((one) => one.contrast));
    if (isPlain) return 'camera-covered';
    return meanLevel < FOCUS_LEVEL_MIN ? undefined : 'camera-out-of-focus';
  };

  return {
    judge(measure, atMs) {
      const shown = doubtOf(measure);
      // Of a picture that shows nothing it says little that nothing moves in it.
      if (shown !== undefined) stillSinceMs = undefined;
      const since = shown === undefined ? stillSince(measure.change, atMs) : atMs;
      const next = shown ?? (since === undefined ? undefined : 'camera-frozen');
      if (next !== doubt?.of) doubt = next && { of: next, sinceMs: since ?? atMs };
      fault = doubt !== undefined && atMs - doubt.sinceMs >= lastsMs[doubt.of] ? doubt.of : undefined;
      if (doubt !== undefined || atMs - learnedAtMs < LEARN_EVERY_MS) return;
      learnedAtMs = atMs;
      const change = median(recent.map((one) => one.change));
      learned = [...learned, { detail: measure.detail, contrast: measure.contrast, change }].slice(-LEARNED_MAX);
    },
    reopened() {
      if (fault === undefined && doubt?.of !== 'camera-frozen') doubt = undefined;
    },
    fault: () => fault,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
