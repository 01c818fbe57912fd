/**
 * What would help where a symbol was located and not read (pure): measured in the picture, at some two thousand points of
 * the symbol, so that it costs a fraction of a millisecond. The causes are asked for in the order in which they hide each
 * other: a code in the dark looks blurred too.
 */
import type { Advice, DecodedSymbol, DecodeResult, Picture, Point, Quad } from './decoder.ts';
import { centreOf } from './region.ts';

/** What was measured in one symbol. */
interface Measures {
  /** Estimated from version and corners. */
  readonly modulePx: number;
  /** Longest over shortest side, or diagonal over diagonal: 1 for a square. */
  readonly slant: number;
  /** Whether it reaches the edge of the picture. */
  readonly isCut: boolean;
  /** Grey levels of dark and light modules. */
  readonly dark: number;
  readonly light: number;
  /** Part of the symbol in which nothing is dark and something is white. */
  readonly washed: number;
  /** How much more changes across the direction of a smear than along it; 1 without one. */
  readonly smear: number;
  /** Steepness of the edges, relative to the contrast; about 1 where they are sharp. */
  readonly sharpness: number;
}

export interface Adviser {
  /** The symbols, with advice where one has no text; and advice where a symbol was a moment ago. Costs up to a millisecond. */
  advise(picture: Picture, symbols: readonly DecodedSymbol[]): Pick<DecodeResult, 'symbols' | 'advice'>;
}

/** Points a side that are looked at, and cells a side that may be washed out. */
const POINTS = 48;
const CELLS = 8;
const POINTS_A_CELL = POINTS / CELLS;
/** Where no version is known, a decoder has seen one corner of the symbol and taken it for a small code of 11 to 17 modules. */
const MODULES_UNKNOWN = 15;
/** Each bound lies between what was read and what was not, in rendered pictures of each cause. */
const MODULE_PX_MIN = 2;
const MODULE_PX_MAX = 9;
const EDGE_PX = 6;
const LIGHT_MIN = 60;
const CONTRAST_MIN = 40;
const WASHED_CONTRAST = 0.6;
const WHITE = 250;
const WASHED_MAX = 0.06;
const SLANT_MAX = 1.5;
/** Beyond it what was located is no symbol seen aslant, but something between two patterns of one. */
const SLANT_ABSURD = 3.5;
/** The smallest symbol at a pixel a module. */
const SIDE_PX_MIN = 11;
const SMEAR_MAX = 1.7;
const SHARPNESS_MIN = 0.57;
/** Moved by this part of its size from one frame to the next, a code is being waved. */
const WAVED = 0.12;
const WAVED_FRAMES = 2;
/** So long the place of a symbol that was not read is remembered. */
const REMEMBERED_FRAMES = 10;
/** More symbols at once are a wall of posters. */
const ADVISED_MAX = 3;

export function createAdviser(): Adviser {
  let frame = 0;
  let last: { readonly symbol: DecodedSymbol; readonly frame: number; readonly widthPx: number } | undefined;

  const isWaved = (symbol: DecodedSymbol) => {
    if (last === undefined || frame - last.frame > WAVED_FRAMES || last.symbol.version !== symbol.version) return false;
    const [from, to] = [centreOf(last.symbol.quad), centreOf(symbol.quad)];
    const sizePx = Math.max(...sidesPx(symbol.quad));
    const movedPx = Math.hypot(from.x - to.x, from.y - to.y);
    return movedPx > WAVED * sizePx && movedPx < sizePx;
  };

  return {
    advise(picture, symbols) {
      frame++;
      const unread = symbols
        .filter(({ text }) => text === undefined)
        .sort((a, b) => Number(isWhole(b)) - Number(isWhole(a)) || Math.max(...sidesPx(b.quad)) - Math.max(...sidesPx(a.quad)))
        .slice(0, ADVISED_MAX);
      const isHere = last !== undefined && frame - last.frame <= REMEMBERED_FRAMES && last.widthPx === picture.widthPx;
      if (symbols.length === 0 && last !== undefined && isHere)
        return { symbols, advice: isSmeared(picture, last.symbol) ? 'hold-still' : undefined };
      const advised = symbols.map((symbol) =>
        unread.includes(symbol) ? { ...symbol, advice: adviceFor(measure(picture, symbol), isWaved(symbol)) } : symbol,
      );
      const [largest] = unread;
      last = largest && { symbol: largest, frame, widthPx: picture.widthPx };
      return { symbols: advised, advice: undefined };
    },
  };
}

/** Whether all of a symbol was recognised; else a corner of it was, and says little of its size and place. */
export function isWhole({ text, version }: DecodedSymbol): boolean {
  return text !== undefined || version !== undefined;
}

/** Whether it has the shape of a symbol that a camera can see. */
export function isPlausible({ quad }: DecodedSymbol): boolean {
  return slantOf(quad) < SLANT_ABSURD && Math.max(...sidesPx(quad)) >= SIDE_PX_MIN;
}

function adviceFor(measures: Measures, waved: boolean): Advice | undefined {
  const { modulePx, slant, isCut, dark, light, washed, smear, sharpness } = measures;
  if (slant > SLANT_ABSURD) return undefined;
  if (isCut || modulePx > MODULE_PX_MAX) return 'further';
  if (modulePx < MODULE_PX_MIN) return 'closer';
  if (waved) return 'hold-still';
  if (light < LIGHT_MIN || light - dark < CONTRAST_MIN) return 'brighter';
  if (washed > WASHED_MAX) return 'less-glare';
  if (slant > SLANT_MAX) return 'tilt-less';
  if (smear > SMEAR_MAX) return 'hold-still';
  return sharpness < SHARPNESS_MIN ? 'wipe' : undefined;
}

/** Where nothing is located any more only a smear is sure: what is there may be something else by now. */
function isSmeared(picture: Picture, symbol: DecodedSymbol): boolean {
  const { smear, dark, light } = measure(picture, symbol);
  return smear > SMEAR_MAX && light - dark >= CONTRAST_MIN;
}

function measure(picture: Picture, { quad, version }: DecodedSymbol): Measures {
  const { counts, washed, xx, yy, xy, seen } = sample(picture, quad);
  const [dark, light] = [levelAbove(counts, seen * 0.1), levelAbove(counts, seen * 0.9)];
  // The two main directions of change: eigenvalues of the mean of the products of slopes.
  const spread = Math.hypot((xx - yy) / 2, xy);
  const [most, least] = [(xx + yy) / 2 + spread, (xx + yy) / 2 - spread];
  const modulePx = Math.max(...sidesPx(quad)) / (version === undefined ? MODULES_UNKNOWN : 17 + 4 * version);
  return {
    modulePx,
    slant: slantOf(quad),
    isCut: isCut(picture, quad),
    dark,
    light,
    washed: washed(dark + WASHED_CONTRAST * (light - dark)),
    smear: Math.sqrt(most / Math.max(1, least)),
    sharpness: (Math.sqrt((most + least) / Math.max(1, seen) / 2) / Math.max(1, light - dark)) * Math.sqrt(modulePx),
  };
}

function isCut({ widthPx, heightPx }: Picture, quad: Quad): boolean {
  return quad.some(({ x, y }) => x < EDGE_PX || y < EDGE_PX || x > widthPx - EDGE_PX || y > heightPx - EDGE_PX);
}

/** Levels, and products of their slopes across and down, at points spread evenly over the quad. */
function sample({ luma, widthPx, heightPx }: Picture, [a, b, c, d]: Quad) {
  const counts = new Uint32Array(256);
  const lowest = new Uint8Array(CELLS * CELLS).fill(255);
  const highest = new Uint8Array(CELLS * CELLS);
  let [seen, xx, yy, xy] = [0, 0, 0, 0];
  for (let row = 0; row < POINTS; row++) {
    const v = (row + 0.5) / POINTS;
    for (let column = 0; column < POINTS; column++) {
      const u = (column + 0.5) / POINTS;
      const x = Math.round((1 - v) * ((1 - u) * a.x + u * b.x) + v * ((1 - u) * d.x + u * c.x));
      const y = Math.round((1 - v) * ((1 - u) * a.y + u * b.y) + v * ((1 - u) * d.y + u * c.y));
      if (!(x >= 1 && y >= 1 && x < widthPx - 1 && y < heightPx - 1)) continue;
      const at = y * widthPx + x;
      const level = luma[at] ?? 0;
      counts[level] = (counts[level] ?? 0) + 1;
      const cell = Math.floor(row / POINTS_A_CELL) * CELLS + Math.floor(column / POINTS_A_CELL);
      if (level < (lowest[cell] ?? 0)) lowest[cell] = level;
      if (level > (highest[cell] ?? 0)) highest[cell] = level;
      const dx = (luma[at + 1] ?? 0) - (luma[at - 1] ?? 0);
      const dy = (luma[at + widthPx] ?? 0) - (luma[at - widthPx] ?? 0);
      xx += dx * dx;
      yy += dy * dy;
      xy += dx * dy;
      seen++;
    }
  }
  const washed = (level: number) => lowest.filter((low, cell) => low > level && (highest[cell] ?? 0) >= WHITE).length / lowest.length;
  return { counts, washed, xx, yy, xy, seen };
}

/** The level below which so many points lie. */
function levelAbove(counts: Uint32Array, points: number): number {
  let [level, seen] = [0, 0];
  while (level < 255 && seen + (counts[level] ?? 0) <= points) seen += counts[level++] ?? 0;
  return level;
}

function slantOf(quad: Quad): number {
  const [a, b, c, d] = quad;
  const ratio = (lengths: readonly number[]) => Math.max(...lengths) / Math.max(1, Math.min(...lengths));
  return Math.max(ratio(sidesPx(quad)), ratio([Math.hypot(a.x - c.x, a.y - c.y), Math.hypot(b.x - d.x, b.y - d.y)]));
}

function sidesPx([a, b, c, d]: Quad): [number, number, number, number] {
  const side = (p: Point, q: Point) => Math.hypot(p.x - q.x, p.y - q.y);
  return [side(a, b), side(b, c), side(c, d), side(d, a)];
}
