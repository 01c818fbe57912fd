/**
 * Where in a picture detail lies that may be a code (pure): one table of blocks, and two questions to it. It is made from the
 * picture of half the size, which has less noise and a quarter of the pixels.
 */
import type { Picture, Point } from './decoder.ts';
import type { Region } from './region.ts';

/** Row after row: what differs in a block both across and down, mean grey levels. */
export interface DetailMap {
  readonly columns: number;
  readonly rows: number;
  readonly blocks: Float32Array;
}

const BLOCK_PX = 8;
/** About a module: what differs at this distance in both directions is a code, print, or noise; stripes have only one. */
const LAG_PX = 2;
/** In the dark a longer one: noise is alike at any distance, and detail grows with it. */
const LAG_PX_DARK = 3;
/** The smallest code that can be read covers so many blocks a side. */
const FILLED_BLOCKS = 4;
/** Detail of all but the emptiest block of a code: so many grey levels, fewer in the dark... */
const FILLED_MIN = 2.2;
const FILLED_MIN_DARK = 1.2;
/** ...and this part of what the middle block of the picture shows, which is noise. */
const FILLED_NOISE = 0.75;

/** Half a millisecond for 640x360. A picture smaller than a block has none. */
export function detailMap({ luma, widthPx, heightPx }: Picture, isDark: boolean): DetailMap {
  const lagPx = isDark ? LAG_PX_DARK : LAG_PX;
  const columns = Math.max(0, Math.floor((widthPx - lagPx) / BLOCK_PX));
  const rows = Math.max(0, Math.floor((heightPx - lagPx) / BLOCK_PX));
  const blocks = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let across = 0;
      let down = 0;
      for (let y = row * BLOCK_PX; y < (row + 1) * BLOCK_PX; y += 2) {
        for (let x = column * BLOCK_PX; x < (column + 1) * BLOCK_PX; x += 2) {
          const at = y * widthPx + x;
          const own = luma[at] ?? 0;
          across += Math.abs(own - (luma[at + lagPx] ?? 0));
          down += Math.abs(own - (luma[at + lagPx * widthPx] ?? 0));
        }
      }
      blocks[row * columns + column] = Math.min(across, down) / ((BLOCK_PX / 2) * (BLOCK_PX / 2));
    }
  }
  return { columns, rows, blocks };
}

/**
 * The middle of the square that is most evenly filled with detail, if it is as evenly filled as a code is: everything else in
 * a street has plain parts. In pixels of the picture that the map was made from.
 */
export function finelyFilled({ columns, rows, blocks }: DetailMap, isDark: boolean): Point | undefined {
  if (columns < FILLED_BLOCKS || rows < FILLED_BLOCKS) return undefined;
  const noise = Float32Array.from(blocks).sort()[blocks.length >> 1] ?? 0;
  let best = { filled: 0, x: 0, y: 0 };
  for (let row = 0; row + FILLED_BLOCKS <= rows; row++) {
    for (let column = 0; column + FILLED_BLOCKS <= columns; column++) {
      let [least, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      // One block may be plain: a thumb, a logo.
      for (let y = row; y < row + FILLED_BLOCKS && second > best.filled; y++) {
        for (let x = column; x < column + FILLED_BLOCKS; x++) {
          const own = blocks[y * columns + x] ?? 0;
          if (own < least) [least, second] = [own, least];
          else if (own < second) second = own;
        }
      }
      if (second > best.filled)
        best = { filled: second, x: (column + FILLED_BLOCKS / 2) * BLOCK_PX, y: (row + FILLED_BLOCKS / 2) * BLOCK_PX };
    }
  }
  return best.filled > (isDark ? FILLED_MIN_DARK : FILLED_MIN) + FILLED_NOISE * noise ? { x: best.x, y: best.y } : undefined;
}

/**
 * The square of `sidePx` with the most detail everywhere in it: where a code may be that no decoder locates yet. Blocks
 * count by the root of their detail, so that one sharp edge is less than many small ones. Undefined for a small picture. In
 * pixels of the picture that the map was made from.
 */
export function busiestRegion({ columns, rows, blocks }: DetailMap, sidePx: number): Region | undefined {
  const side = Math.floor(sidePx / BLOCK_PX);
  if (side < 1 || columns < side || rows < side) return undefined;
  // Summed over everything above and to the left: any square then costs four look-ups.
  const stride = columns + 1;
  const sums = new Float64Array(stride * (rows + 1));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = (row + 1) * stride + column + 1;
      const own = Math.sqrt(blocks[row * columns + column] ?? 0);
      sums[at] = own + (sums[at - 1] ?? 0) + (sums[at - stride] ?? 0) - (sums[at - stride - 1] ?? 0);
    }
  }
  let best = { detail: -1, row: 0, column: 0 };
  for (let row = 0; row + side <= rows; row++) {
    for (let column = 0; column + side <= columns; column++) {
      const [from, to] = [row * stride + column, (row + side) * stride + column];
      const detail = (sums[to + side] ?? 0) - (sums[to] ?? 0) - (sums[from + side] ?? 0) + (sums[from] ?? 0);
      if (detail > best.detail) best = { detail, row, column };
    }
  }
  return { left: best.column * BLOCK_PX, top: best.row * BLOCK_PX, widthPx: side * BLOCK_PX, heightPx: side * BLOCK_PX };
}
