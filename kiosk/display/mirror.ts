/**
 * The citizen's mirror (pure): what lies in the guide, small and grey, with every located code made unreadable before it
 * leaves the process. A public screen that showed a usable code would publish it.
 */
import type { Frame } from '../camera/frame-source.ts';
import type { Guide } from '../decode/camera-code-source.ts';
import type { Quad } from '../decode/decoder.ts';

export interface MirrorPicture {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly luma: Uint8Array;
  /** Corners of the codes of this frame, parts of the picture (x, y, x, y ...). */
  readonly outlines: readonly (readonly number[])[];
}

const LONG_SIDE_PX = 400;
/** The smallest QR code has 21 modules a side: so few cells lie far below one pixel a module. */
const CELLS = 6;
/** Corners are those of the symbol as found; hands move between frames. */
const GROW = 0.2;

export function mirrorPicture(frame: Frame, guide: Guide, current: readonly Quad[], recent: readonly Quad[]): MirrorPicture {
  const left = Math.round(guide.x * frame.widthPx);
  const top = Math.round(guide.y * frame.heightPx);
  const cropWidth = Math.min(frame.widthPx - left, Math.round(guide.width * frame.widthPx));
  const cropHeight = Math.min(frame.heightPx - top, Math.round(guide.height * frame.heightPx));
  const step = Math.max(1, Math.ceil(Math.max(cropWidth, cropHeight) / LONG_SIDE_PX));
  const widthPx = Math.max(1, Math.floor(cropWidth / step));
  const heightPx = Math.max(1, Math.floor(cropHeight / step));
  const luma = shrink(frame, left, top, widthPx, heightPx, step);
  const toMirror = (quad: Quad) => quad.map(({ x, y }) => ({ x: (x - left) / step, y: (y - top) / step }));
  for (const quad of [...current, ...recent]) pixelate(luma, widthPx, heightPx, toMirror(quad));
  const outlines = current.map((quad) => toMirror(quad).flatMap(({ x, y }) => [x / widthPx, y / heightPx]));
  return { widthPx, heightPx, luma, outlines };
}

/** Each pixel is the mean of a step x step block: summed row by row, in the order in which they lie in memory. */
function shrink(frame: Frame, left: number, top: number, widthPx: number, heightPx: number, step: number): Uint8Array {
  const { luma, stride } = frame;
  const small = new Uint8Array(widthPx * heightPx);
  const sums = new Uint32Array(widthPx);
  const area = step * step;
  for (let y = 0; y < heightPx; y++) {
    sums.fill(0);
    for (let dy = 0; dy < step; dy++) {
      let at = (top + y * step + dy) * stride + left;
      for (let x = 0; x < widthPx; x++) {
        let sum = sums[x] ?? 0;
        for (const end = at + step; at < end; at++) sum += luma[at] ?? 0;
        sums[x] = sum;
      }
    }
    for (let x = 0; x < widthPx; x++) small[y * widthPx + x] = (sums[x] ?? 0) / area;
  }
  return small;
}

function pixelate(luma: Uint8Array, widthPx: number, heightPx: number, corners: readonly { x: number; y: number }[]): void {
  const xs = corners.map(({ x }) => x);
  const ys = corners.map(({ y }) => y);
  const marginX = (Math.max(...xs) - Math.min(...xs)) * GROW;
  const marginY = (Math.max(...ys) - Math.min(...ys)) * GROW;
  const left = Math.floor(Math.min(...xs) - marginX);
  const top = Math.floor(Math.min(...ys) - marginY);
  const cellX = Math.max(1, Math.ceil((Math.max(...xs) + marginX - left) / CELLS));
  const cellY = Math.max(1, Math.ceil((Math.max(...ys) + marginY - top) / CELLS));
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) {
      flatten(luma, widthPx, heightPx, left + column * cellX, top + row * cellY, cellX, cellY);
    }
  }
}

/** One cell becomes its own mean. */
function flatten(luma: Uint8Array, widthPx: number, heightPx: number, left: number, top: number, cellX: number, cellY: number): void {
  const fromX = Math.max(0, left);
  const toX = Math.min(widthPx, left + cellX);
  const fromY = Math.max(0, top);
  const toY = Math.min(heightPx, top + cellY);
  if (fromX >= toX || fromY >= toY) return;
  let sum = 0;
  for (let y = fromY; y < toY; y++) for (let x = fromX; x < toX; x++) sum += luma[y * widthPx + x] ?? 0;
  const mean = sum / ((toX - fromX) * (toY - fromY));
  for (let y = fromY; y < toY; y++) luma.fill(mean, y * widthPx + fromX, y * widthPx + toX);
}

/** Wire form: width, height, number of outlines (16 bits each, big-endian), 8 corner parts an outline (0..65535), then the rows. */
export function encodeMirror({ widthPx, heightPx, luma, outlines }: MirrorPicture): Uint8Array {
  const headBytes = 6 + outlines.length * 16;
  const message = Buffer.alloc(headBytes + luma.length);
  message.writeUInt16BE(widthPx, 0);
  message.writeUInt16BE(heightPx, 2);
  message.writeUInt16BE(outlines.length, 4);
  for (const [index, part] of outlines.flat().entries()) {
    message.writeUInt16BE(Math.round(Math.min(1, Math.max(0, part)) * 0xffff), 6 + index * 2);
  }
  message.set(luma, headBytes);
  return message;
}
