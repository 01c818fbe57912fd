/**
 * What a frame is worth before any decoder sees it (pure but for its memory): whether the scene has changed since it was last
 * looked at, and whether any square of it is as finely filled with detail as a code is. Both cost a fraction of a decode.
 */
import type { Picture, Point } from './decoder.ts';

const CELLS_ACROSS = 96;
const CELLS_DOWN = 54;
/** A cell has changed by so many grey levels at least... */
const CHANGE_LEVELS = 6;
/** ...and by so many times the change of the middle cell, which is noise alone while most of the scene stands still... */
const CHANGE_NOISE = 7;
/** ...but by so many levels in any case: when most of it has changed, the middle cell has too. */
const CHANGE_LEVELS_MAX = 40;
/** A code far away covers more cells than this. */
const CHANGED_CELLS_MIN = 6;

export interface ChangeGate {
  /** Compares with the picture that was looked at last. The first one, and one of another size, has changed. */
  hasChanged(picture: Picture): boolean;
  /** The picture given last is looked at: later ones are compared with it. */
  keep(): void;
}

export function createChangeGate(): ChangeGate {
  let looked: Uint8Array<ArrayBuffer> | undefined;
  let lookedSize = '';
  let newest = new Uint8Array(CELLS_ACROSS * CELLS_DOWN);
  let newestSize = '';
  return {
    hasChanged(picture) {
      thumbnail(picture, newest);
      newestSize = `${picture.widthPx}x${picture.heightPx}`;
      return looked === undefined || lookedSize !== newestSize || differs(looked, newest);
    },
    keep() {
      const spare = looked ?? new Uint8Array(newest.length);
      looked = newest;
      lookedSize = newestSize;
      newest = spare;
    },
  };
}

/** Each cell is the mean of sixteen pixels spread over it. */
function thumbnail({ luma, widthPx, heightPx }: Picture, out: Uint8Array): void {
  const [stepX, stepY] = [widthPx / CELLS_ACROSS, heightPx / CELLS_DOWN];
  for (let row = 0; row < CELLS_DOWN; row++) {
    for (let column = 0; column < CELLS_ACROSS; column++) {
      let sum = 0;
      for (let part = 0; part < 16; part++) {
        const y = Math.floor((row + ((part >> 2) + 0.5) / 4) * stepY);
        sum += luma[y * widthPx + Math.floor((column + ((part & 3) + 0.5) / 4) * stepX)] ?? 0;
      }
      out[row * CELLS_ACROSS + column] = sum >> 4;
    }
  }
}

function differs(before: Uint8Array, now: Uint8Array): boolean {
  const counts = new Uint32Array(256);
  for (let at = 0; at < now.length; at++) {
    const change = Math.abs((now[at] ?? 0) - (before[at] ?? 0));
    counts[change] = (counts[change] ?? 0) + 1;
  }
  let below = 0;
  let middle = 0;
  while (below + (counts[middle] ?? 0) < now.length / 2) below += counts[middle++] ?? 0;
  // Levels are whole, and noise is often below two of them: between them it is shared out.
  const typical = middle + (now.length / 2 - below) / Math.max(1, counts[middle] ?? 0) - 0.5;
  const limit = Math.min(CHANGE_LEVELS_MAX, Math.max(CHANGE_LEVELS, Math.ceil(CHANGE_NOISE * typical)));
  let changed = 0;
  for (let change = limit + 1; change < 256; change++) changed += counts[change] ?? 0;
  return changed >= CHANGED_CELLS_MIN;
}

const BLOCK_PX = 8;
/** What differs at this distance in both directions is a code, print, or noise. */
const LAG_PX = 2;
/** The smallest code that can be read covers so many blocks a side. */
const FILLED_BLOCKS = 4;
/** Detail of all but the emptiest block of a code: so many grey levels, fewer in the dark... */
const FILLED_MIN = 2.2;
const FILLED_MIN_DARK = 1.2;
/** ...and this part of what the middle block of the picture shows, which is noise. */
const FILLED_NOISE = 0.75;

/**
 * The middle of the square that is most evenly filled with detail, if it is as evenly filled as a code is: everything else in
 * a street has plain parts. In pixels of the picture that is given: one that was halved is best, because it has less noise.
 */
export function finelyFilled({ luma, widthPx, heightPx }: Picture, isDark: boolean): Point | undefined {
  const [columns, rows] = [Math.floor((widthPx - LAG_PX) / BLOCK_PX), Math.floor((heightPx - LAG_PX) / BLOCK_PX)];
  if (columns < FILLED_BLOCKS || rows < FILLED_BLOCKS) return undefined;
  const detail = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let across = 0;
      let down = 0;
      for (let y = row * BLOCK_PX; y < (row + 1) * BLOCK_PX; y += 2) {
        for (let x = column * BLOCK_PX; x < (column + 1) * BLOCK_PX; x += 2) {
          const at = y * widthPx + x;
          const own = luma[at] ?? 0;
          across += Math.abs(own - (luma[at + LAG_PX] ?? 0));
          down += Math.abs(own - (luma[at + LAG_PX * widthPx] ?? 0));
        }
      }
      detail[row * columns + column] = Math.min(across, down) / ((BLOCK_PX / 2) * (BLOCK_PX / 2));
    }
  }
  const noise = Float32Array.from(detail).sort()[detail.length >> 1] ?? 0;
  let best = { filled: 0, x: 0, y: 0 };
  for (let row = 0; row + FILLED_BLOCKS <= rows; row++) {
    for (let column = 0; column + FILLED_BLOCKS <= columns; column++) {
      let [least, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      // One block may be plain: a thumb, a logo.
      for (let y = row; y < row + FILLED_BLOCKS && second > best.filled; y++) {
        for (let x = column; x < column + FILLED_BLOCKS; x++) {
          const own = detail[y * columns + x] ?? 0;
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
