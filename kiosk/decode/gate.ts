/** Whether the scene has changed since it was last looked at (pure but for its memory): a small fraction of a decode. */
import type { Picture } from './decoder.ts';

const CELLS_ACROSS = 96;
const CELLS_DOWN = 54;
const PARTS = 16;
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
  let samples = new Int32Array(0);
  return {
    hasChanged({ luma, widthPx, heightPx }) {
      const size = `${widthPx}x${heightPx}`;
      if (size !== newestSize) samples = samplesOf(widthPx, heightPx);
      newestSize = size;
      thumbnail(luma, samples, newest);
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

/** Each cell is the mean of sixteen pixels spread over it: where these lie, cell after cell. */
function samplesOf(widthPx: number, heightPx: number): Int32Array<ArrayBuffer> {
  const [stepX, stepY] = [widthPx / CELLS_ACROSS, heightPx / CELLS_DOWN];
  return Int32Array.from({ length: CELLS_ACROSS * CELLS_DOWN * PARTS }, (_, at) => {
    const [cell, part] = [Math.floor(at / PARTS), at % PARTS];
    const y = Math.floor((Math.floor(cell / CELLS_ACROSS) + ((part >> 2) + 0.5) / 4) * stepY);
    return y * widthPx + Math.floor(((cell % CELLS_ACROSS) + ((part & 3) + 0.5) / 4) * stepX);
  });
}

function thumbnail(luma: Uint8Array, samples: Int32Array, out: Uint8Array): void {
  for (let cell = 0, at = 0; cell < out.length; cell++) {
    let sum = 0;
    for (const end = at + PARTS; at < end; at++) sum += luma[samples[at] ?? 0] ?? 0;
    out[cell] = sum / PARTS;
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
