/** Places in a picture (pure): the squares in which codes are looked for. */
import type { DecodedSymbol, Picture, Point, Quad } from './decoder.ts';

/** Whole pixels of a picture. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

function middle({ left, top, widthPx, heightPx }: Region): Point {
  return { x: left + widthPx / 2, y: top + heightPx / 2 };
}

/** Between their middles, pixels. */
export function distance(a: Region, b: Region): number {
  const [from, to] = [middle(a), middle(b)];
  return Math.hypot(from.x - to.x, from.y - to.y);
}

export function twice({ left, top, widthPx, heightPx }: Region): Region {
  return { left: 2 * left, top: 2 * top, widthPx: 2 * widthPx, heightPx: 2 * heightPx };
}

/** A square so many times as large as the region around its middle, inside the picture as far as it goes. */
export function squareAround(region: Region, scale: number, picture: Picture): Region {
  const side = Math.min(Math.round(Math.max(region.widthPx, region.heightPx) * scale), picture.widthPx, picture.heightPx);
  const { x, y } = middle(region);
  const within = (at: number, most: number) => Math.max(0, Math.min(most - side, Math.round(at - side / 2)));
  return { left: within(x, picture.widthPx), top: within(y, picture.heightPx), widthPx: side, heightPx: side };
}

/** What holds the quad and a margin around it, parts of its longer side; cut off at the picture's edges. */
export function regionAround(quad: Quad, margin: number, { widthPx, heightPx }: Picture): Region {
  const [xs, ys] = [quad.map(({ x }) => x), quad.map(({ y }) => y)];
  const marginPx = margin * Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const left = Math.max(0, Math.floor(Math.min(...xs) - marginPx));
  const top = Math.max(0, Math.floor(Math.min(...ys) - marginPx));
  const right = Math.min(widthPx, Math.ceil(Math.max(...xs) + marginPx));
  const bottom = Math.min(heightPx, Math.ceil(Math.max(...ys) + marginPx));
  return { left, top, widthPx: Math.max(0, right - left), heightPx: Math.max(0, bottom - top) };
}

export function movedSymbol(symbol: DecodedSymbol, to: (point: Point) => Point): DecodedSymbol {
  const [a, b, c, d] = symbol.quad;
  return { ...symbol, quad: [to(a), to(b), to(c), to(d)] };
}

export function hasText(symbols: readonly DecodedSymbol[]): boolean {
  return symbols.some(({ text }) => text !== undefined);
}

/** Whether one of the symbols lies where this one is. */
export function isAmong({ quad }: DecodedSymbol, symbols: readonly DecodedSymbol[]): boolean {
  const centre = centreOf(quad);
  return symbols.some(({ quad: other }) => {
    const { x, y } = centreOf(other);
    return Math.hypot(x - centre.x, y - centre.y) < Math.hypot(other[0].x - other[2].x, other[0].y - other[2].y) / 2;
  });
}

export function centreOf(quad: Quad): Point {
  return { x: quad.reduce((sum, { x }) => sum + x, 0) / 4, y: quad.reduce((sum, { y }) => sum + y, 0) / 4 };
}
