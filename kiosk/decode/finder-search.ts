/**
 * Finder patterns near the corners of an outline (pure): the outline is drawn out to a square, in which every finder pattern
 * is a square of rings again, and each corner is searched for rings of every size that a version has. Three corners that
 * agree give the version and the symbol's own corners.
 */
import type { Point, Quad } from './decoder.ts';
import { type GridMap, gridMap, type LevelMap, levelAt } from './symbol-grid.ts';

/** Side of the square that the outline is drawn out to, and what is shown around it. */
const SIDE = 200;
const MARGIN = 26;
const FULL = SIDE + 2 * MARGIN;
const STRIDE = FULL + 1;
/** Pixels a module: from version 20 to a version 1 in an outline half as wide again. */
const PITCH_MIN = 2.3;
const PITCH_MAX = 9.5;
const PITCH_RATIO = 1.13;
/** A pattern's centre is looked for so deep inside the outline, parts of its side. */
const DEPTH = 0.28;
/** Steps of the search, parts of a module. */
const STEP = 0.7;
/** Levels between light and dark rings: a clean pattern has about 2. */
const CONTRAST_MIN = 0.35;
/** The heart of a pattern is darker than its surroundings. */
const HEART_MAX = -0.2;
/** The weakest border counts beside the mean of them: print has strong ones and none. */
const WEAKEST = 0.25;
/** Patterns of one symbol are of one size, but for perspective that the outline did not take away. */
const PITCH_SPREAD = 1.35;
const KEPT_A_CORNER = 3;
/** Blur makes patterns look larger or smaller than they are: versions beside the one that their sizes say. */
const VERSIONS_AROUND = 2;
const VERSION_DOUBT = 0.05;
const VERSION_MAX = 40;

export interface FoundSymbol {
  readonly quad: Quad;
  readonly version: number;
  /** Of its weakest pattern, less the doubt about the version. */
  readonly contrast: number;
}

interface Finder extends Point {
  readonly pitch: number;
  readonly contrast: number;
}

/**
 * Best first. The fourth corner is where the other three say or where the outline has it: both are given, and fitting says
 * which. About 10 ms.
 */
export function findSymbols(map: LevelMap, outline: Quad): FoundSymbol[] {
  const sums = drawOut(map, outline);
  const corners = [0, 1, 2, 3].map((corner) => findersAt(sums, corner));
  const back = gridMap(SIDE, outline);
  const best = new Map<string, FoundSymbol>();
  for (let missing = 0; missing < 4; missing++) {
    const [first, second, last] = [corners[(missing + 2) % 4] ?? [], corners[(missing + 3) % 4] ?? [], corners[(missing + 1) % 4] ?? []];
    const outlined: Point = { x: missing === 1 || missing === 2 ? SIDE : 0, y: missing >= 2 ? SIDE : 0 };
    for (const a of first)
      for (const b of second) for (const c of last) for (const found of assemble(a, b, c)) offer(found, missing, outlined);
  }
  return [...best.values()].sort((a, b) => b.contrast - a.contrast);

  function offer({ quad: [p, q, straight, s], version, contrast }: FoundSymbol, missing: number, outlined: Point): void {
    for (const [name, fourth] of [['straight', straight] as const, ['outlined', outlined] as const]) {
      const key = `${version} ${missing} ${name}`;
      if (contrast <= (best.get(key)?.contrast ?? 0)) continue;
      best.set(key, { version, contrast, quad: [through(back, p), through(back, q), through(back, fourth), through(back, s)] });
    }
  }
}

function through([a, b, c, d, e, f, g, h]: GridMap, { x, y }: Point): Point {
  const scale = 1 / (g * x + h * y + 1);
  return { x: (a * x + b * y + c) * scale, y: (d * x + e * y + f) * scale };
}

/** Sums over everything above and to the left of each pixel of the square and its margin. */
function drawOut(map: LevelMap, outline: Quad): Float64Array {
  const [a, b, c, d, e, f, g, h] = gridMap(SIDE, outline);
  const sums = new Float64Array(STRIDE * STRIDE);
  for (let row = 0; row < FULL; row++) {
    let sum = 0;
    for (let column = 0; column < FULL; column++) {
      const [x, y] = [column + 0.5 - MARGIN, row + 0.5 - MARGIN];
      const scale = 1 / (g * x + h * y + 1);
      sum += levelAt(map, (a * x + b * y + c) * scale, (d * x + e * y + f) * scale);
      const at = (row + 1) * STRIDE + column + 1;
      sums[at] = (sums[at - STRIDE] ?? 0) + sum;
    }
  }
  return sums;
}

/** The best of each size near a corner (counted as in a Quad), the surest of these; in the square's coordinates. */
function findersAt(sums: Float64Array, corner: number): Finder[] {
  const isRight = corner === 1 || corner === 2;
  const isLower = corner >= 2;
  const deep = MARGIN + DEPTH * SIDE;
  const found: Finder[] = [];
  for (let pitch = PITCH_MIN; pitch <= PITCH_MAX; pitch *= PITCH_RATIO) {
    const step = Math.max(1, Math.round(pitch * STEP));
    let best: Finder = { x: 0, y: 0, pitch, contrast: CONTRAST_MIN };
    for (let down = 4 * pitch; down <= deep; down += step) {
      for (let along = 4 * pitch; along <= deep; along += step) {
        const [x, y] = [isRight ? FULL - along : along, isLower ? FULL - down : down];
        const contrast = ringContrast(sums, x, y, pitch);
        if (contrast > best.contrast) best = { x, y, pitch, contrast };
      }
    }
    if (best.contrast > CONTRAST_MIN) found.push(refined(sums, best, step));
  }
  return found
    .sort((a, b) => b.contrast - a.contrast)
    .slice(0, KEPT_A_CORNER)
    .map((finder) => ({ ...finder, x: finder.x - MARGIN, y: finder.y - MARGIN }));
}

function refined(sums: Float64Array, finder: Finder, step: number): Finder {
  let best = finder;
  for (let y = finder.y - step + 1; y < finder.y + step; y++) {
    for (let x = finder.x - step + 1; x < finder.x + step; x++) {
      const contrast = ringContrast(sums, x, y, finder.pitch);
      if (contrast > best.contrast) best = { ...finder, x, y, contrast };
    }
  }
  return best;
}

/** Light less dark rings, by their means. */
function ringContrast(sums: Float64Array, x: number, y: number, pitch: number): number {
  const area = pitch * pitch;
  const core = boxSum(sums, x, y, 1.5 * pitch);
  const heart = core / (9 * area);
  if (heart > HEART_MAX) return 0;
  const inner = boxSum(sums, x, y, 2.5 * pitch);
  const outer = boxSum(sums, x, y, 3.5 * pitch);
  const around = boxSum(sums, x, y, 4.5 * pitch);
  const light = (inner - core) / (16 * area);
  const dark = (outer - inner) / (24 * area);
  const quiet = (around - outer) / (32 * area);
  const weakest = Math.min(light - heart, light - dark, quiet - dark);
  return WEAKEST * weakest + ((1 - WEAKEST) * (light + quiet - dark - heart)) / 2;
}

function boxSum(sums: Float64Array, x: number, y: number, half: number): number {
  const left = Math.max(0, (x - half + 0.5) | 0);
  const top = Math.max(0, (y - half + 0.5) | 0) * STRIDE;
  const right = Math.min(FULL, (x + half + 0.5) | 0);
  const bottom = Math.min(FULL, (y + half + 0.5) | 0) * STRIDE;
  return (sums[bottom + right] ?? 0) - (sums[top + right] ?? 0) - (sums[bottom + left] ?? 0) + (sums[top + left] ?? 0);
}

/** Three patterns as one symbol, of each version that their sizes allow. */
function assemble(first: Finder, second: Finder, last: Finder): FoundSymbol[] {
  const pitches = [first.pitch, second.pitch, last.pitch];
  if (Math.max(...pitches) > PITCH_SPREAD * Math.min(...pitches)) return [];
  const pitch = pitches.reduce((sum, one) => sum + one, 0) / pitches.length;
  const spanPx = (Math.hypot(second.x - first.x, second.y - first.y) + Math.hypot(last.x - first.x, last.y - first.y)) / 2;
  const guess = Math.round((spanPx / pitch - 10) / 4);
  const contrast = Math.min(first.contrast, second.contrast, last.contrast);
  const found: FoundSymbol[] = [];
  for (let version = Math.max(1, guess - VERSIONS_AROUND); version <= Math.min(VERSION_MAX, guess + VERSIONS_AROUND); version++) {
    // From centre to centre.
    const span = 10 + 4 * version;
    const across = { x: (second.x - first.x) / span, y: (second.y - first.y) / span };
    const down = { x: (last.x - first.x) / span, y: (last.y - first.y) / span };
    const corner = (u: number, v: number): Point => ({ x: first.x + u * across.x + v * down.x, y: first.y + u * across.y + v * down.y });
    const [low, high] = [-3.5, span + 3.5];
    found.push({
      version,
      contrast: contrast - VERSION_DOUBT * Math.abs(version - guess),
      quad: [corner(low, low), corner(high, low), corner(high, high), corner(low, high)],
    });
  }
  return found;
}
