/**
 * Frames of a hand-held code laid onto each other (pure): each new frame is registered against the first one, to a fraction
 * of a pixel and with the hand's turn and lean (affine, inverse compositional Lucas-Kanade as in Baker and Matthews, "Lucas-
 * Kanade 20 Years On", 2004), and goes into a running mean of twice the resolution. Noise goes, a glare that wanders uncovers
 * what it hid, and what lay between the pixels of one frame is in the next.
 */
import type { Picture, Point } from './decoder.ts';
import { solveSymmetric } from './linear.ts';
import type { Region } from './region.ts';

/** Pixels of the mean for one of a frame. */
export const STACK_SCALE = 2;
/** More than so many frames ago counts less and less. */
const FRAMES_MAX = 12;
const PARAMETERS = 6;
const ITERATIONS = 6;
const DONE_PX = 0.02;
/** What a hand moves from one frame to the next, pixels. */
const REACH_PX = 9;
/** The region's pixels taken for registration: one of so many in each direction, so that the cost does not grow with it. */
const SAMPLES_SIDE = 90;

/** A pixel (x, y) from the region's centre is at (a x + b y + left, c x + d y + top) of the frame. */
interface Warp {
  readonly a: number;
  readonly b: number;
  readonly left: number;
  readonly c: number;
  readonly d: number;
  readonly top: number;
}

const STILL = { a: 1, b: 0, c: 0, d: 1 } as const;
/** The reference is taken anew from the mean every so many frames. */
const RENEW_FRAMES = 4;

export interface Stack {
  readonly region: Region;
  frames(): number;
  /** Where the region's centre lies in the newest frame. */
  centre(): Point;
  /** From the mean's pixels to the newest frame's. */
  toFrame(point: Point): Point;
  /** False where the frame does not fit: the code has left, or moved too far. */
  add(picture: Picture): boolean;
  /** The mean so far, STACK_SCALE times the region's size. */
  mean(): { readonly pixels: Float32Array; readonly widthPx: number; readonly heightPx: number };
}

export function createStack(first: Picture, region: Region): Stack {
  const step = Math.max(1, Math.round(Math.max(region.widthPx, region.heightPx) / SAMPLES_SIDE));
  let reference = createReference(
    first,
    { ...STILL, left: region.left + region.widthPx / 2, top: region.top + region.heightPx / 2 },
    region,
    step,
  );
  const widthPx = region.widthPx * STACK_SCALE;
  const heightPx = region.heightPx * STACK_SCALE;
  const pixels = new Float32Array(widthPx * heightPx);
  const home: Warp = { ...STILL, left: region.left + region.widthPx / 2, top: region.top + region.heightPx / 2 };
  let warp = home;
  let frames = 0;
  let added = 0;

  const blend = (picture: Picture) => {
    frames = Math.min(frames + 1, FRAMES_MAX);
    const share = 1 / frames;
    const { a, b, left, c, d, top } = warp;
    for (let row = 0; row < heightPx; row++) {
      const y = (row + 0.5) / STACK_SCALE - 0.5 - region.heightPx / 2;
      for (let column = 0; column < widthPx; column++) {
        const x = (column + 0.5) / STACK_SCALE - 0.5 - region.widthPx / 2;
        const at = row * widthPx + column;
        const before = pixels[at] ?? 0;
        pixels[at] = before + (sharpAt(picture, a * x + b * y + left, c * x + d * y + top) - before) * share;
      }
    }
  };
  blend(first);

  return {
    region,
    frames: () => frames,
    centre: () => ({ x: warp.left, y: warp.top }),
    toFrame(point) {
      const x = (point.x + 0.5) / STACK_SCALE - 0.5 - region.widthPx / 2;
      const y = (point.y + 0.5) / STACK_SCALE - 0.5 - region.heightPx / 2;
      return { x: warp.a * x + warp.b * y + warp.left, y: warp.c * x + warp.d * y + warp.top };
    },
    add(picture) {
      const found = reference.find(picture, warp);
      if (found === undefined || !isNear(found, home, region)) return false;
      warp = found;
      blend(picture);
      // The mean is sharper than the frame it began with, which may show a hand on its way in.
      if (++added % RENEW_FRAMES === 0) {
        const luma = Uint8Array.from(pixels, (level) => (level < 0 ? 0 : level > 255 ? 255 : level));
        const middle = {
          a: STACK_SCALE,
          b: 0,
          left: (widthPx + STACK_SCALE - 1) / 2,
          c: 0,
          d: STACK_SCALE,
          top: (heightPx + STACK_SCALE - 1) / 2,
        };
        reference = createReference({ luma, widthPx, heightPx }, middle, region, step);
      }
      return true;
    },
    mean: () => ({ pixels, widthPx, heightPx }),
  };
}

/** A hand does not turn or come nearer by more than this while a code is held. */
function isNear({ a, b, left, c, d, top }: Warp, home: Warp, { widthPx, heightPx }: Region): boolean {
  const isSameShape = Math.abs(a - 1) < 0.25 && Math.abs(d - 1) < 0.25 && Math.abs(b) < 0.25 && Math.abs(c) < 0.25;
  return isSameShape && Math.abs(left - home.left) < widthPx / 3 && Math.abs(top - home.top) < heightPx / 3;
}

function createReference(picture: Picture, middle: Warp, region: Region, step: number) {
  const width = Math.floor(region.widthPx / step);
  const height = Math.floor(region.heightPx / step);
  const levels = new Float32Array(width * height);
  const sampled = new Float32Array(width * height);
  sample(picture, middle, levels);
  // What the six parameters change at each sample, and the matrix of their products.
  const slopes = new Float32Array(PARAMETERS * width * height);
  const products = new Float64Array(PARAMETERS * PARAMETERS);
  for (let row = 1; row < height - 1; row++) {
    for (let column = 1; column < width - 1; column++) {
      const at = row * width + column;
      const across = ((levels[at + 1] ?? 0) - (levels[at - 1] ?? 0)) / (2 * step);
      const down = ((levels[at + width] ?? 0) - (levels[at - width] ?? 0)) / (2 * step);
      const [x, y] = [(column - width / 2) * step, (row - height / 2) * step];
      slopes.set([across * x, across * y, across, down * x, down * y, down], PARAMETERS * at);
      for (let i = 0; i < PARAMETERS; i++)
        for (let k = i; k < PARAMETERS; k++) {
          const place = i * PARAMETERS + k;
          products[place] = (products[place] ?? 0) + (slopes[PARAMETERS * at + i] ?? 0) * (slopes[PARAMETERS * at + k] ?? 0);
        }
    }
  }

  /** Samples of a frame under a warp, smoothed and brought to mean 0 and spread 1: light may change. */
  function sample(from: Picture, { a, b, left, c, d, top }: Warp, out: Float32Array): void {
    let [sum, square] = [0, 0];
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const [x, y] = [(column - width / 2) * step, (row - height / 2) * step];
        const level = smoothAt(from, a * x + b * y + left, c * x + d * y + top);
        out[row * width + column] = level;
        sum += level;
        square += level * level;
      }
    }
    const mean = sum / out.length;
    const spread = Math.sqrt(Math.max(square / out.length - mean * mean, 1e-3));
    for (let at = 0; at < out.length; at++) out[at] = ((out[at] ?? 0) - mean) / spread;
  }

  /** The best shift by whole pixels, on few samples. */
  const shifted = (from: Picture, warp: Warp): Warp => {
    const few = Math.max(1, Math.floor(Math.min(width, height) / 24));
    let best = { cost: Number.POSITIVE_INFINITY, dx: 0, dy: 0 };
    const consider = (dx: number, dy: number) => {
      let [product, sum, square, count] = [0, 0, 0, 0];
      for (let row = 0; row < height; row += few) {
        for (let column = 0; column < width; column += few) {
          const [x, y] = [(column - width / 2) * step, (row - height / 2) * step];
          const level = smoothAt(from, warp.a * x + warp.b * y + warp.left + dx, warp.c * x + warp.d * y + warp.top + dy);
          product += level * (levels[row * width + column] ?? 0);
          sum += level;
          square += level * level;
          count++;
        }
      }
      const cost = -product / Math.sqrt(Math.max(square - (sum * sum) / count, 1e-3));
      if (cost < best.cost) best = { cost, dx, dy };
    };
    for (let dy = -REACH_PX; dy <= REACH_PX; dy += 3) for (let dx = -REACH_PX; dx <= REACH_PX; dx += 3) consider(dx, dy);
    const { dx: nearX, dy: nearY } = best;
    for (let dy = nearY - 1; dy <= nearY + 1; dy++) for (let dx = nearX - 1; dx <= nearX + 1; dx++) consider(dx, dy);
    return { ...warp, left: warp.left + best.dx, top: warp.top + best.dy };
  };

  return {
    /** Where the reference lies in a frame, near `start`; undefined where it has nothing to hold on to. */
    find(from: Picture, start: Warp): Warp | undefined {
      let warp = shifted(from, start);
      for (let iteration = 0; iteration < ITERATIONS; iteration++) {
        sample(from, warp, sampled);
        const right = new Float64Array(PARAMETERS);
        for (let row = 1; row < height - 1; row++) {
          for (let column = 1; column < width - 1; column++) {
            const at = row * width + column;
            const wrong = (sampled[at] ?? 0) - (levels[at] ?? 0);
            for (let i = 0; i < PARAMETERS; i++) right[i] = (right[i] ?? 0) + (slopes[PARAMETERS * at + i] ?? 0) * wrong;
          }
        }
        const change = solveSymmetric(products, right, PARAMETERS);
        if (change === undefined) return undefined;
        warp = takeBack(warp, change);
        if (Math.abs(change[2] ?? 0) + Math.abs(change[5] ?? 0) < DONE_PX) break;
      }
      return warp;
    },
  };
}

/** The warp without the change that was found: composed with its inverse. */
function takeBack({ a, b, left, c, d, top }: Warp, change: Float64Array): Warp {
  const [p0 = 0, q = 0, x = 0, r = 0, p4 = 0, y = 0] = change;
  const [p, s] = [1 + p0, 1 + p4];
  const area = p * s - q * r || 1e-9;
  const [ip, iq, ir, is] = [s / area, -q / area, -r / area, p / area];
  const [ix, iy] = [-(ip * x + iq * y), -(ir * x + is * y)];
  return {
    a: a * ip + b * ir,
    b: a * iq + b * is,
    left: a * ix + b * iy + left,
    c: c * ip + d * ir,
    d: c * iq + d * is,
    top: c * ix + d * iy + top,
  };
}

/** Linear between pixels; the edge goes on outside. */
function pixelAt({ luma, widthPx, heightPx }: Picture, x: number, y: number): number {
  const left = x < 0 ? 0 : x > widthPx - 2 ? widthPx - 2 : x | 0;
  const top = y < 0 ? 0 : y > heightPx - 2 ? heightPx - 2 : y | 0;
  const right = x - left < 0 ? 0 : x - left > 1 ? 1 : x - left;
  const below = y - top < 0 ? 0 : y - top > 1 ? 1 : y - top;
  const at = top * widthPx + left;
  const upper = (luma[at] ?? 0) * (1 - right) + (luma[at + 1] ?? 0) * right;
  const lower = (luma[at + widthPx] ?? 0) * (1 - right) + (luma[at + widthPx + 1] ?? 0) * right;
  return upper * (1 - below) + lower * below;
}

/** Catmull-Rom between pixels: keeps the detail that a linear one loses. Linear at the edge. */
function sharpAt(picture: Picture, x: number, y: number): number {
  const { luma, widthPx, heightPx } = picture;
  const [left, top] = [x | 0, y | 0];
  if (x < 1 || y < 1 || left > widthPx - 3 || top > heightPx - 3) return pixelAt(picture, x, y);
  const [u, v] = [x - left, y - top];
  const u0 = ((-0.5 * u + 1) * u - 0.5) * u;
  const u1 = (1.5 * u - 2.5) * u * u + 1;
  const u2 = ((-1.5 * u + 2) * u + 0.5) * u;
  const u3 = (0.5 * u - 0.5) * u * u;
  let at = (top - 1) * widthPx + left - 1;
  const row0 = u0 * (luma[at] ?? 0) + u1 * (luma[at + 1] ?? 0) + u2 * (luma[at + 2] ?? 0) + u3 * (luma[at + 3] ?? 0);
  at += widthPx;
  const row1 = u0 * (luma[at] ?? 0) + u1 * (luma[at + 1] ?? 0) + u2 * (luma[at + 2] ?? 0) + u3 * (luma[at + 3] ?? 0);
  at += widthPx;
  const row2 = u0 * (luma[at] ?? 0) + u1 * (luma[at + 1] ?? 0) + u2 * (luma[at + 2] ?? 0) + u3 * (luma[at + 3] ?? 0);
  at += widthPx;
  const row3 = u0 * (luma[at] ?? 0) + u1 * (luma[at + 1] ?? 0) + u2 * (luma[at + 2] ?? 0) + u3 * (luma[at + 3] ?? 0);
  const v0 = ((-0.5 * v + 1) * v - 0.5) * v;
  const v1 = (1.5 * v - 2.5) * v * v + 1;
  const v2 = ((-1.5 * v + 2) * v + 0.5) * v;
  const v3 = (0.5 * v - 0.5) * v * v;
  return v0 * row0 + v1 * row1 + v2 * row2 + v3 * row3;
}

/** The mean of four points around one: registration wants shapes, not noise. */
function smoothAt(picture: Picture, x: number, y: number): number {
  return (
    (pixelAt(picture, x - 0.7, y - 0.7) +
      pixelAt(picture, x + 0.7, y - 0.7) +
      pixelAt(picture, x - 0.7, y + 0.7) +
      pixelAt(picture, x + 0.7, y + 0.7)) /
    4
  );
}
