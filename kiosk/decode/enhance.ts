/** Pictures made easier to read, in grey (pure): cut out, halved, sharpened. Rows without padding, as in a Picture. */
import type { Picture } from './decoder.ts';
import type { Region } from './region.ts';

export function crop({ luma, widthPx }: Picture, { left, top, widthPx: width, heightPx: height }: Region): Picture {
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * widthPx + left;
    out.set(luma.subarray(from, from + width), y * width);
  }
  return { luma: out, widthPx: width, heightPx: height };
}

/** Unsharp mask: `amount` times what a pixel differs from the mean of the square of `radiusPx` around it is added to it. */
export function sharpen(picture: Picture, radiusPx: number, amount: number): Picture {
  const { luma, widthPx, heightPx } = picture;
  const side = 2 * radiusPx + 1;
  const rows = new Uint16Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) {
    const at = y * widthPx;
    let sum = (luma[at] ?? 0) * (radiusPx + 1);
    for (let x = 1; x <= radiusPx; x++) sum += luma[at + Math.min(x, widthPx - 1)] ?? 0;
    for (let x = 0; x < widthPx; x++) {
      rows[at + x] = sum;
      sum += (luma[at + Math.min(x + radiusPx + 1, widthPx - 1)] ?? 0) - (luma[at + Math.max(x - radiusPx, 0)] ?? 0);
    }
  }
  const out = new Uint8Array(widthPx * heightPx);
  const sums = new Uint32Array(widthPx);
  for (let x = 0; x < widthPx; x++) {
    let sum = (rows[x] ?? 0) * (radiusPx + 1);
    for (let y = 1; y <= radiusPx; y++) sum += rows[Math.min(y, heightPx - 1) * widthPx + x] ?? 0;
    sums[x] = sum;
  }
  const scale = amount / (side * side);
  for (let y = 0; y < heightPx; y++) {
    const at = y * widthPx;
    const entering = Math.min(y + radiusPx + 1, heightPx - 1) * widthPx;
    const leaving = Math.max(y - radiusPx, 0) * widthPx;
    for (let x = 0; x < widthPx; x++) {
      const sum = sums[x] ?? 0;
      const level = (1 + amount) * (luma[at + x] ?? 0) - sum * scale;
      out[at + x] = level < 0 ? 0 : level > 255 ? 255 : level;
      sums[x] = sum + (rows[entering + x] ?? 0) - (rows[leaving + x] ?? 0);
    }
  }
  return { luma: out, widthPx, heightPx };
}

/** The mean of pictures of one size: noise goes, what stands still stays. */
export function average(pictures: readonly [Picture, ...Picture[]]): Picture {
  const [{ widthPx, heightPx }] = pictures;
  const sums = new Uint16Array(widthPx * heightPx);
  for (const { luma } of pictures) for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] ?? 0) + (luma[at] ?? 0);
  const out = new Uint8Array(sums.length);
  const count = pictures.length;
  for (let at = 0; at < out.length; at++) out[at] = ((sums[at] ?? 0) + (count >> 1)) / count;
  return { luma: out, widthPx, heightPx };
}

/** Half the size: each pixel is the mean of four. */
export function halve(picture: Picture): Picture {
  const { luma, widthPx, heightPx } = picture;
  const [width, height] = [widthPx >> 1, heightPx >> 1];
  const out = new Uint8Array(width * height);
  if (widthPx % 4 === 0 && luma.byteOffset % 4 === 0) halveWords(picture, out);
  else {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = 2 * y * widthPx + 2 * x;
        out[y * width + x] = ((luma[at] ?? 0) + (luma[at + 1] ?? 0) + (luma[at + widthPx] ?? 0) + (luma[at + widthPx + 1] ?? 0) + 2) >> 2;
      }
    }
  }
  return { luma: out, widthPx: width, heightPx: height };
}

/** Four pixels of two rows at a time, added up in pairs within a word: half the time of the plain way, of every frame there is. */
function halveWords({ luma, widthPx, heightPx }: Picture, out: Uint8Array<ArrayBuffer>): void {
  const words = new Uint32Array(luma.buffer, luma.byteOffset, luma.length >> 2);
  const pairs = new Uint16Array(out.buffer);
  const stride = widthPx >> 2;
  for (let y = 0, to = 0; y < heightPx >> 1; y++) {
    let at = 2 * y * stride;
    for (const end = to + stride; to < end; to++, at++) {
      const upper = words[at] ?? 0;
      const lower = words[at + stride] ?? 0;
      const sums = (upper & 0xff00ff) + ((upper >>> 8) & 0xff00ff) + (lower & 0xff00ff) + ((lower >>> 8) & 0xff00ff) + 0x20002;
      pairs[to] = ((sums >>> 2) & 0xff) | ((sums >>> 10) & 0xff00);
    }
  }
}

/** Each pixel by the weights 1 2 1 of its neighbours, across and down. */
export function smooth({ luma, widthPx, heightPx }: Picture): Picture {
  const rows = new Uint16Array(luma.length);
  for (let y = 0; y < heightPx; y++) {
    const from = y * widthPx;
    for (let x = 0; x < widthPx; x++) {
      const left = luma[from + Math.max(0, x - 1)] ?? 0;
      const right = luma[from + Math.min(widthPx - 1, x + 1)] ?? 0;
      rows[from + x] = left + 2 * (luma[from + x] ?? 0) + right;
    }
  }
  const out = new Uint8Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) {
    const [above, own, below] = [Math.max(0, y - 1) * widthPx, y * widthPx, Math.min(heightPx - 1, y + 1) * widthPx];
    for (let x = 0; x < widthPx; x++) out[own + x] = ((rows[above + x] ?? 0) + 2 * (rows[own + x] ?? 0) + (rows[below + x] ?? 0) + 8) >> 4;
  }
  return { luma: out, widthPx, heightPx };
}

/** The picture with so many white pixels on each side. */
export function frameWhite({ luma, widthPx, heightPx }: Picture, marginPx: number): Picture {
  const width = widthPx + 2 * marginPx;
  const out = new Uint8Array(width * (heightPx + 2 * marginPx)).fill(255);
  for (let y = 0; y < heightPx; y++) out.set(luma.subarray(y * widthPx, (y + 1) * widthPx), (y + marginPx) * width + marginPx);
  return { luma: out, widthPx: width, heightPx: heightPx + 2 * marginPx };
}
