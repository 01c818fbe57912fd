/**
 * The outline of a code by its texture alone (pure): where detail runs in two directions at once there is a code, print, or
 * noise; an edge has one direction only. The corners of that area are a first guess at the corners of the symbol, also where
 * it leans so far that no decoder knows its finder patterns.
 */
import type { Picture, Point, Quad } from './decoder.ts';

/** Half the window in which directions are compared, pixels: some modules. */
const RADIUS_PX = 4;
/** Strength that belongs to the area, as parts of the strongest tenth: print beside a code is weaker than the code, a blurred code is too. */
const SHARES = [0.3, 0.5];
/** Less is a plain surface: grey levels a pixel. */
const STRENGTH_MIN = 1;
const STRONGEST = 0.9;
const WEAKEST = 0.1;
/** Two outlines whose corners are so near to each other are one, cells. */
const SAME_CELLS = 3;
/** Every so many pixels a direction is taken. */
const STEP_PX = 2;
/** A hull of fewer cells is none. */
const CELLS_MIN = 40;

/** One or two guesses, none where no area stands out. In pixels of the picture; some ms for 260x260. */
export function textureOutlines(picture: Picture): Quad[] {
  const { strength, columns, rows } = twoWayStrength(picture);
  if (strength.length < CELLS_MIN) return [];
  const sorted = Float32Array.from(strength).sort();
  // In the dark noise is as strong everywhere.
  const [weakest, strongest] = [sorted[Math.floor(sorted.length * WEAKEST)] ?? 0, sorted[Math.floor(sorted.length * STRONGEST)] ?? 0];
  if (strongest < STRENGTH_MIN) return [];
  const quads: Quad[] = [];
  for (const share of SHARES) {
    const area = largestArea(strength, columns, rows, weakest + share * (strongest - weakest));
    const quad = area.length < CELLS_MIN ? undefined : largestQuad(convexHull(rims(area, columns, rows)));
    if (quad !== undefined && !quads.some((other) => isSame(other, quad))) quads.push(quad);
  }
  const toPicture = ({ x, y }: Point): Point => ({ x: (x + 0.5) * STEP_PX, y: (y + 0.5) * STEP_PX });
  return quads.map(([a, b, c, d]) => [toPicture(a), toPicture(b), toPicture(c), toPicture(d)]);
}

function isSame(a: Quad, b: Quad): boolean {
  return a.every(({ x, y }) => b.some((other) => Math.hypot(x - other.x, y - other.y) < SAME_CELLS));
}

/** The smaller eigenvalue of the structure tensor (Foerstner and Guelch, 1987), its root: grey levels a pixel. */
function twoWayStrength({ luma, widthPx, heightPx }: Picture) {
  const columns = Math.floor(widthPx / STEP_PX);
  const rows = Math.floor(heightPx / STEP_PX);
  const stride = columns + 1;
  const [xx, yy, xy] = [0, 0, 0].map(() => new Float64Array(stride * (rows + 1)));
  if (xx === undefined || yy === undefined || xy === undefined) throw new Error('three tables');
  for (let row = 0; row < rows; row++) {
    let [sumXx, sumYy, sumXy] = [0, 0, 0];
    for (let column = 0; column < columns; column++) {
      const [left, top] = [column * STEP_PX, row * STEP_PX];
      // All four differences of the cell: no module is passed over.
      const a = luma[top * widthPx + left] ?? 0;
      const b = luma[top * widthPx + left + 1] ?? 0;
      const c = luma[(top + 1) * widthPx + left] ?? 0;
      const d = luma[(top + 1) * widthPx + left + 1] ?? 0;
      const [dx, dy] = [(b - a + d - c) / 2, (c - a + d - b) / 2];
      sumXx += dx * dx;
      sumYy += dy * dy;
      sumXy += dx * dy;
      const at = (row + 1) * stride + column + 1;
      xx[at] = (xx[at - stride] ?? 0) + sumXx;
      yy[at] = (yy[at - stride] ?? 0) + sumYy;
      xy[at] = (xy[at - stride] ?? 0) + sumXy;
    }
  }
  const reach = RADIUS_PX / STEP_PX;
  const strength = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const [top, bottom] = [Math.max(0, row - reach) * stride, Math.min(rows, row + reach + 1) * stride];
    for (let column = 0; column < columns; column++) {
      const [left, right] = [Math.max(0, column - reach), Math.min(columns, column + reach + 1)];
      const [k, l, m, n] = [bottom + right, top + right, bottom + left, top + left];
      const a = (xx[k] ?? 0) - (xx[l] ?? 0) - (xx[m] ?? 0) + (xx[n] ?? 0);
      const b = (yy[k] ?? 0) - (yy[l] ?? 0) - (yy[m] ?? 0) + (yy[n] ?? 0);
      const c = (xy[k] ?? 0) - (xy[l] ?? 0) - (xy[m] ?? 0) + (xy[n] ?? 0);
      const count = ((bottom - top) / stride) * (right - left);
      strength[row * columns + column] = Math.sqrt(Math.max(0, (a + b - Math.sqrt((a - b) * (a - b) + 4 * c * c)) / 2 / count));
    }
  }
  return { strength, columns, rows };
}

/** Cells of the largest connected area above the limit. */
function largestArea(strength: Float32Array, columns: number, rows: number, limit: number): number[] {
  const seen = new Uint8Array(strength.length);
  let best: number[] = [];
  for (let start = 0; start < strength.length; start++) {
    if (seen[start] === 1 || (strength[start] ?? 0) < limit) continue;
    const area = [start];
    seen[start] = 1;
    for (let index = 0; index < area.length; index++) {
      const at = area[index] ?? 0;
      const x = at % columns;
      for (const next of [x > 0 ? at - 1 : -1, x + 1 < columns ? at + 1 : -1, at - columns, at + columns]) {
        if (next < 0 || next >= columns * rows || seen[next] === 1 || (strength[next] ?? 0) < limit) continue;
        seen[next] = 1;
        area.push(next);
      }
    }
    if (area.length > best.length) best = area;
  }
  return best;
}

/** The first and the last cell of each row: no other can be a corner. */
function rims(area: readonly number[], columns: number, rows: number): Point[] {
  const first = new Int32Array(rows).fill(columns);
  const last = new Int32Array(rows).fill(-1);
  for (const at of area) {
    const [x, y] = [at % columns, Math.floor(at / columns)];
    if (x < (first[y] ?? 0)) first[y] = x;
    if (x > (last[y] ?? 0)) last[y] = x;
  }
  const points: Point[] = [];
  for (let y = 0; y < rows; y++) {
    const [left, right] = [first[y] ?? columns, last[y] ?? -1];
    if (right >= 0) points.push({ x: left, y }, { x: right, y });
  }
  return points;
}

/** Clockwise as the picture is seen, by Andrew's monotone chain. */
function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  const half = (from: readonly Point[]) => {
    const chain: Point[] = [];
    for (const point of from) {
      while (chain.length >= 2 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turn(a: Point | undefined, b: Point | undefined, c: Point): number {
  if (a === undefined || b === undefined) return 0;
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/** The four points of a convex polygon that span the most. */
function largestQuad(hull: readonly Point[]): Quad | undefined {
  let best: { area: number; quad: Quad } | undefined;
  const count = hull.length;
  for (let i = 0; i < count; i++) {
    for (let k = i + 2; k < count; k++) {
      const [a, c] = [hull[i], hull[k]];
      if (a === undefined || c === undefined) continue;
      const b = furthest(hull, i + 1, k, a, c);
      const d = furthest(hull, k + 1, count + i, a, c);
      if (b === undefined || d === undefined) continue;
      const area = Math.abs(turn(a, c, b)) + Math.abs(turn(a, c, d));
      if (best === undefined || area > best.area) best = { area, quad: [a, b, c, d] };
    }
  }
  return best?.quad;
}

function furthest(hull: readonly Point[], from: number, to: number, a: Point, c: Point): Point | undefined {
  let best: { far: number; point: Point } | undefined;
  for (let index = from; index < to; index++) {
    const point = hull[index % hull.length];
    if (point === undefined) continue;
    const far = Math.abs(turn(a, c, point));
    if (best === undefined || far > best.far) best = { far, point };
  }
  return best?.point;
}
