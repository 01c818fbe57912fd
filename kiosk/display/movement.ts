/**
 * Whether something moves in front of the camera (pure but for its memory), told from a few thousand pixels: for the mirror,
 * which a waiting kiosk need not draw fifteen times a second. Noise moves every cell a little, a hand some of them much.
 */
import type { Pixels } from '../camera/newest-frame.ts';

export interface Movement {
  /** Compares with the frame that was kept last. The first one, and one of another size, moves. */
  isMoving(frame: Pixels): boolean;
  /** The frame given last is the one that later ones are compared with. */
  keep(): void;
}

const CELLS_ACROSS = 48;
const CELLS_DOWN = 27;
/** Pixels whose mean is a cell: noise is then half of what it is in one. */
const OFFSETS = [0.2, 0.4, 0.6, 0.8];
/** A cell moves that differs by so many grey levels, and so many times what the middle cell differs by. */
const LEVELS = 5;
const NOISE = 7;
/** One cell may be a lamp, or a pixel that is broken. */
const CELLS_MIN = 3;

export function createMovement(): Movement {
  let kept = new Float32Array(0);
  let newest = new Float32Array(CELLS_ACROSS * CELLS_DOWN);
  let size = '';
  return {
    isMoving(frame) {
      const isOther = size !== `${frame.widthPx}x${frame.heightPx}`;
      size = `${frame.widthPx}x${frame.heightPx}`;
      sample(frame, newest);
      return isOther || kept.length === 0 || differs(kept, newest);
    },
    keep() {
      const spare = kept.length === 0 ? new Float32Array(newest.length) : kept;
      kept = newest;
      newest = spare;
    },
  };
}

function sample({ luma, widthPx, heightPx, stride }: Pixels, cells: Float32Array): void {
  for (let row = 0; row < CELLS_DOWN; row++) {
    for (let column = 0; column < CELLS_ACROSS; column++) {
      let sum = 0;
      for (const offset of OFFSETS) {
        // Down in another order than across: a line of the scene then hides no cell.
        const x = Math.floor(((column + offset) * widthPx) / CELLS_ACROSS);
        const y = Math.floor(((row + ((offset * 3) % 1)) * heightPx) / CELLS_DOWN);
        sum += luma[y * stride + x] ?? 0;
      }
      cells[row * CELLS_ACROSS + column] = sum / OFFSETS.length;
    }
  }
}

function differs(before: Float32Array, now: Float32Array): boolean {
  const changes = now.map((level, at) => Math.abs(level - (before[at] ?? 0)));
  const noise = Float32Array.from(changes).sort()[changes.length >> 1] ?? 0;
  const least = Math.max(LEVELS, NOISE * noise);
  let moving = 0;
  for (const change of changes) if (change >= least) moving++;
  return moving >= CELLS_MIN;
}
