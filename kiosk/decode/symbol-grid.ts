/**
 * The module grid of a QR symbol in a picture (pure): what every symbol of a version must show at known places (ISO/IEC
 * 18004: finder, timing and alignment patterns, version information) is laid over the picture and moved until it fits. The
 * corners are then right to a fraction of a module, also the fourth one, which no finder pattern marks.
 */
import type { Picture, Point, Quad } from './decoder.ts';

/** Modules whose value the standard fixes. */
export interface SymbolTemplate {
  /** Modules a side. */
  readonly size: number;
  /** One a module, row after row: 1 dark, -1 light, 0 data. */
  readonly known: Int8Array;
  /** x, y of the centre in modules and the value, for each known module. */
  readonly points: Float32Array;
  /** Those of the finder patterns alone: coarse enough to be found from afar. */
  readonly finders: Float32Array;
}

/** Levels relative to their surroundings; about -2 to 2. */
export interface LevelMap {
  readonly levels: Float32Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

const VERSION_MIN = 1;
const VERSION_MAX = 40;
/** From this one on the version is written into the symbol. */
const VERSION_WRITTEN = 7;
/** Generator of the BCH code of the version information. */
const VERSION_GENERATOR = 0x1f25;
const templates = new Map<number, SymbolTemplate>();

/** Undefined where there is no such version. */
export function symbolTemplate(version: number): SymbolTemplate | undefined {
  if (!Number.isInteger(version) || version < VERSION_MIN || version > VERSION_MAX) return undefined;
  const cached = templates.get(version);
  if (cached !== undefined) return cached;
  const size = 17 + 4 * version;
  const known = new Int8Array(size * size);
  const set = (x: number, y: number, dark: boolean) => {
    if (x >= 0 && y >= 0 && x < size && y < size) known[y * size + x] = dark ? 1 : -1;
  };
  for (let at = 8; at < size - 8; at++) {
    set(at, 6, at % 2 === 0);
    set(6, at, at % 2 === 0);
  }
  const rings = (centreX: number, centreY: number, radius: number, isLight: (ring: number) => boolean) => {
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++) set(centreX + dx, centreY + dy, !isLight(Math.max(Math.abs(dx), Math.abs(dy))));
  };
  const [near, far] = [3, size - 4];
  for (const [x, y] of [[near, near] as const, [far, near] as const, [near, far] as const])
    rings(x, y, 4, (ring) => ring === 2 || ring === 4);
  const places = alignmentPlaces(version);
  for (const x of places) {
    for (const y of places) {
      const isFinder = (x === 6 && (y === 6 || y === size - 7)) || (x === size - 7 && y === 6);
      if (!isFinder) rings(x, y, 2, (ring) => ring === 1);
    }
  }
  set(8, size - 8, true);
  if (version >= VERSION_WRITTEN) {
    const bits = versionBits(version);
    for (let bit = 0; bit < 18; bit++) {
      const [along, across] = [size - 11 + (bit % 3), Math.floor(bit / 3)];
      set(along, across, ((bits >> bit) & 1) === 1);
      set(across, along, ((bits >> bit) & 1) === 1);
    }
  }
  const points = Float32Array.from(
    [...known].flatMap((value, at) => (value === 0 ? [] : [(at % size) + 0.5, Math.floor(at / size) + 0.5, value])),
  );
  const isFinder = (at: number) => {
    const [x, y] = [at % size, Math.floor(at / size)];
    return (x < 8 && (y < 8 || y >= size - 8)) || (x >= size - 8 && y < 8);
  };
  const finders = Float32Array.from(
    [...known].flatMap((value, at) => (value === 0 || !isFinder(at) ? [] : [(at % size) + 0.5, Math.floor(at / size) + 0.5, value])),
  );
  const template = { size, known, points, finders };
  templates.set(version, template);
  return template;
}

/** Rows and columns of the centres of alignment patterns. */
function alignmentPlaces(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const last = 17 + 4 * version - 7;
  // Even steps from the far side; what does not divide evenly is left to the first one. Version 32 is the odd one out.
  const step = version === 32 ? 26 : Math.ceil((last - 6) / (count - 1) / 2) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, index) => last - (count - 2 - index) * step)];
}

function versionBits(version: number): number {
  let rest = version;
  for (let bit = 0; bit < 12; bit++) rest = (rest << 1) ^ ((rest >> 11) * VERSION_GENERATOR);
  return (version << 12) | rest;
}

/** Each pixel less the mean of the square of `radiusPx` around it, over the spread there. */
export function levelMap(pixels: Float32Array, widthPx: number, heightPx: number, radiusPx: number): LevelMap {
  const stride = widthPx + 1;
  const sums = new Float64Array(stride * (heightPx + 1));
  const squares = new Float64Array(stride * (heightPx + 1));
  for (let y = 0; y < heightPx; y++) {
    let [sum, square] = [0, 0];
    for (let x = 0; x < widthPx; x++) {
      const level = pixels[y * widthPx + x] ?? 0;
      sum += level;
      square += level * level;
      const at = (y + 1) * stride + x + 1;
      sums[at] = (sums[at - stride] ?? 0) + sum;
      squares[at] = (squares[at - stride] ?? 0) + square;
    }
  }
  const all = widthPx * heightPx;
  const [last, mean0] = [stride * (heightPx + 1) - 1, (sums[stride * (heightPx + 1) - 1] ?? 0) / all];
  const least = Math.max(VARIANCE_MIN, VARIANCE_SHARE * ((squares[last] ?? 0) / all - mean0 * mean0));
  const levels = new Float32Array(all);
  for (let y = 0; y < heightPx; y++) {
    const [top, bottom] = [Math.max(0, y - radiusPx) * stride, Math.min(heightPx, y + radiusPx + 1) * stride];
    for (let x = 0; x < widthPx; x++) {
      const [left, right] = [Math.max(0, x - radiusPx), Math.min(widthPx, x + radiusPx + 1)];
      const count = ((bottom - top) / stride) * (right - left);
      const mean = ((sums[bottom + right] ?? 0) - (sums[top + right] ?? 0) - (sums[bottom + left] ?? 0) + (sums[top + left] ?? 0)) / count;
      const square =
        ((squares[bottom + right] ?? 0) - (squares[top + right] ?? 0) - (squares[bottom + left] ?? 0) + (squares[top + left] ?? 0)) / count;
      const level = ((pixels[y * widthPx + x] ?? 0) - mean) / Math.sqrt(Math.max(square - mean * mean, least));
      levels[y * widthPx + x] = level < -2 ? -2 : level > 2 ? 2 : level;
    }
  }
  return { levels, widthPx, heightPx };
}

/** Squared grey levels: below it a plain surface would be blown up to noise. */
const VARIANCE_MIN = 4;
const VARIANCE_SHARE = 0.05;

/**
 * Each pixel less the mean of what of the quad lies within `radiusPx` of it, over the spread there, which counts as no less than
 * `spreadMin` parts of the whole quad's. What is beside the symbol moves none of its levels, unlike in a level map.
 */
export function levelsWithin({ luma, widthPx, heightPx }: Picture, quad: Quad, radiusPx: number, spreadMin: number): LevelMap {
  const stride = widthPx + 1;
  const length = stride * (heightPx + 1);
  const [sums, squares, counts] = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
  for (let y = 0; y < heightPx; y++) {
    let [sum, square, count] = [0, 0, 0];
    const [from, to] = spanWithin(quad, y + 0.5, widthPx);
    for (let x = 0; x < widthPx; x++) {
      if (x >= from && x < to) {
        const level = luma[y * widthPx + x] ?? 0;
        sum += level;
        square += level * level;
        count++;
      }
      const at = (y + 1) * stride + x + 1;
      sums[at] = (sums[at - stride] ?? 0) + sum;
      squares[at] = (squares[at - stride] ?? 0) + square;
      counts[at] = (counts[at - stride] ?? 0) + count;
    }
  }
  const all = Math.max(1, counts[length - 1] ?? 0);
  const meanOfAll = (sums[length - 1] ?? 0) / all;
  const spreadOfAll = Math.sqrt(Math.max((squares[length - 1] ?? 0) / all - meanOfAll * meanOfAll, VARIANCE_MIN));
  const levels = new Float32Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) {
    const [top, bottom] = [Math.max(0, y - radiusPx) * stride, Math.min(heightPx, y + radiusPx + 1) * stride];
    for (let x = 0; x < widthPx; x++) {
      const [left, right] = [Math.max(0, x - radiusPx), Math.min(widthPx, x + radiusPx + 1)];
      const [a, b, c, d] = [bottom + right, top + right, bottom + left, top + left];
      const count = (counts[a] ?? 0) - (counts[b] ?? 0) - (counts[c] ?? 0) + (counts[d] ?? 0);
      // Far from the symbol too little of it is near to say anything.
      const isFew = count < radiusPx * radiusPx;
      const mean = isFew ? meanOfAll : ((sums[a] ?? 0) - (sums[b] ?? 0) - (sums[c] ?? 0) + (sums[d] ?? 0)) / count;
      const square = ((squares[a] ?? 0) - (squares[b] ?? 0) - (squares[c] ?? 0) + (squares[d] ?? 0)) / count;
      const spread = isFew ? spreadOfAll : Math.sqrt(Math.max(0, square - mean * mean));
      levels[y * widthPx + x] = ((luma[y * widthPx + x] ?? 0) - mean) / Math.max(spread, spreadMin * spreadOfAll);
    }
  }
  return { levels, widthPx, heightPx };
}

/** The first pixel of a row that lies within a convex quad, and the one after the last; equal where there is none. */
function spanWithin(quad: Quad, y: number, widthPx: number): readonly [number, number] {
  let [left, right] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let corner = 0; corner < 4; corner++) {
    const [from, to] = [quad[corner] ?? quad[0], quad[(corner + 1) % 4] ?? quad[0]];
    if (from.y === to.y || y < Math.min(from.y, to.y) || y > Math.max(from.y, to.y)) continue;
    const x = from.x + ((y - from.y) / (to.y - from.y)) * (to.x - from.x);
    if (x < left) left = x;
    if (x > right) right = x;
  }
  const first = Math.max(0, Math.ceil(left - 0.5));
  return left > right ? [0, 0] : [first, Math.max(first, Math.min(widthPx, Math.floor(right + 0.5)))];
}

/** Coefficients a..h: module (x, y) lies at ((ax+by+c)/(gx+hy+1), (dx+ey+f)/(gx+hy+1)). */
export type GridMap = readonly [number, number, number, number, number, number, number, number];

/** The perspective map of a square of `size` modules onto a quad. */
export function gridMap(size: number, [p0, p1, p2, p3]: Quad): GridMap {
  const [ax, ay, bx, by] = [p1.x - p2.x, p1.y - p2.y, p3.x - p2.x, p3.y - p2.y];
  const [cx, cy] = [p0.x - p1.x + p2.x - p3.x, p0.y - p1.y + p2.y - p3.y];
  const area = ax * by - bx * ay || 1e-9;
  const g = (cx * by - bx * cy) / area;
  const h = (ax * cy - cx * ay) / area;
  return [
    ...([(p1.x - p0.x + g * p1.x) / size, (p3.x - p0.x + h * p3.x) / size, p0.x] as const),
    ...([(p1.y - p0.y + g * p1.y) / size, (p3.y - p0.y + h * p3.y) / size, p0.y] as const),
    ...([g / size, h / size] as const),
  ];
}

/** Linear between pixels; 0 outside. */
export function levelAt({ levels, widthPx, heightPx }: LevelMap, x: number, y: number): number {
  if (!(x >= 0 && y >= 0 && x < widthPx - 1 && y < heightPx - 1)) return 0;
  const [left, top] = [x | 0, y | 0];
  const [right, below] = [x - left, y - top];
  const at = top * widthPx + left;
  const upper = (levels[at] ?? 0) * (1 - right) + (levels[at + 1] ?? 0) * right;
  const lower = (levels[at + widthPx] ?? 0) * (1 - right) + (levels[at + widthPx + 1] ?? 0) * right;
  return upper * (1 - below) + lower * below;
}

export interface FittedGrid {
  readonly quad: Quad;
  /** Mean agreement of the known modules; 1 is a clean symbol, 0 is chance. */
  readonly score: number;
}

/** The corner without a finder pattern is searched in so many times the reach of the others... */
const FAR = 1.5;
/** ...and at first by one known module of so many. */
const SPARSE = 3;

/** Moves the three corners with a finder pattern, `reach` modules around where they are thought to be; the score is of these patterns alone. */
export function fitFinders(map: LevelMap, template: SymbolTemplate, quad: Quad, reach: number): FittedGrid {
  const search = cornerSearch(map, template, quad);
  const rounds = [
    [reach, 1],
    [0.5, 0.5],
    [0.25, 0.25],
  ] as const;
  for (const [range, step] of rounds) for (const corner of [0, 1, 3] as const) search.visit(corner, range, step, template.finders, 1);
  return search.result(template.finders);
}

/** How well the finder patterns agree where they are thought to be. */
export function finderScore(map: LevelMap, { size, finders }: SymbolTemplate, quad: Quad): number {
  return agreement(map, size, finders, quad, 1);
}

/** Moves the corner without a finder pattern, which hangs on the others. */
export function fitFourth(map: LevelMap, template: SymbolTemplate, quad: Quad, reach: number): FittedGrid {
  const search = cornerSearch(map, template, quad);
  search.visit(2, reach * FAR, 0.5, template.points, SPARSE);
  return search.result(template.points);
}

/** From half a module to a small part of one, by all known modules. The corner without a finder pattern comes last: it hangs on the others. */
export function fitFine(map: LevelMap, template: SymbolTemplate, quad: Quad): FittedGrid {
  const search = cornerSearch(map, template, quad);
  const rounds = [
    [0.5, 0.25],
    [0.25, 0.125],
    [0.25, 0.125],
  ] as const;
  for (const [range, step] of rounds) for (const corner of [0, 1, 3, 2] as const) search.visit(corner, range, step, template.points, 1);
  return search.result(template.points);
}

export function fitGrid(map: LevelMap, template: SymbolTemplate, quad: Quad, reach: number): FittedGrid {
  return fitFine(map, template, fitFourth(map, template, fitFinders(map, template, quad, reach).quad, reach).quad);
}

function cornerSearch(map: LevelMap, { size }: SymbolTemplate, quad: Quad) {
  const corners: [Point, Point, Point, Point] = [...quad];
  const [p0, p1, , p3] = quad;
  const across = { x: (p1.x - p0.x) / size, y: (p1.y - p0.y) / size };
  const down = { x: (p3.x - p0.x) / size, y: (p3.y - p0.y) / size };
  return {
    /** Ranges and steps in modules; of `points` every so many count. */
    visit(corner: 0 | 1 | 2 | 3, range: number, step: number, points: Float32Array, every: number) {
      const from = corners[corner];
      let best = { score: agreement(map, size, points, corners, every), point: from };
      for (let v = -range; v <= range; v += step) {
        for (let u = -range; u <= range; u += step) {
          if (u === 0 && v === 0) continue;
          corners[corner] = { x: from.x + u * across.x + v * down.x, y: from.y + u * across.y + v * down.y };
          const score = agreement(map, size, points, corners, every);
          if (score > best.score) best = { score, point: corners[corner] };
        }
      }
      corners[corner] = best.point;
    },
    result: (points: Float32Array): FittedGrid => ({ quad: [...corners], score: agreement(map, size, points, corners, 1) }),
  };
}

function agreement(map: LevelMap, size: number, points: Float32Array, quad: Quad, every: number): number {
  const [a, b, c, d, e, f, g, h] = gridMap(size, quad);
  let sum = 0;
  let count = 0;
  for (let at = 0; at < points.length; at += 3 * every) {
    const [x, y] = [points[at] ?? 0, points[at + 1] ?? 0];
    const scale = 1 / (g * x + h * y + 1);
    // Dark is below its surroundings.
    sum -= (points[at + 2] ?? 0) * levelAt(map, (a * x + b * y + c) * scale, (d * x + e * y + f) * scale);
    count++;
  }
  return sum / Math.max(1, count);
}
