/**
 * What devices say of themselves, as modes (pure): the texts of `v4l2-ctl --list-formats-ext`, of ffmpeg's `-list_formats`
 * (V4L2) and of its `-list_options` (DirectShow). Lines that are not understood are left out.
 */
import type { CameraMode } from './camera-mode.ts';

/** Names of V4L2 (four characters) as ffmpeg has them. Other formats are not used. */
const FOURCC: Readonly<Record<string, string>> = {
  MJPG: 'mjpeg',
  JPEG: 'mjpeg',
  H264: 'h264',
  HEVC: 'hevc',
  GREY: 'gray',
  YUYV: 'yuyv422',
  UYVY: 'uyvy422',
  YVYU: 'yvyu422',
  YU12: 'yuv420p',
  '422P': 'yuv422p',
  NV12: 'nv12',
  NV21: 'nv21',
  'Y16 ': 'gray16le',
  RGB3: 'rgb24',
  BGR3: 'bgr24',
  RGBP: 'rgb565le',
  BGR4: 'bgr0',
  XR24: 'bgr0',
};
const COMPRESSED: ReadonlySet<string> = new Set(['mjpeg', 'h264', 'hevc']);

type Sizes = Pick<CameraMode, 'minWidthPx' | 'minHeightPx' | 'maxWidthPx' | 'maxHeightPx'>;
const ANY_RATE = { minRateHz: 0, maxRateHz: Number.POSITIVE_INFINITY };

/** Of `v4l2-ctl --list-formats-ext`. A size with several rates is one mode, from the lowest to the highest. */
export function parseV4l2Formats(text: string): CameraMode[] {
  const modes: CameraMode[] = [];
  let format: string | undefined;
  let sizes: Sizes | undefined;
  let rates: number[] = [];
  const add = () => {
    if (format !== undefined && sizes !== undefined) {
      const range = rates.length === 0 ? ANY_RATE : { minRateHz: Math.min(...rates), maxRateHz: Math.max(...rates) };
      modes.push({ format, isCompressed: COMPRESSED.has(format), ...sizes, ...range });
    }
    sizes = undefined;
    rates = [];
  };
  for (const line of text.split('\n')) {
    const fourcc = /^\s*\[\d+\]:\s*'(.{4})'/.exec(line)?.[1];
    if (fourcc !== undefined) {
      add();
      format = FOURCC[fourcc];
      continue;
    }
    const size = /^\s*Size:\s*\S+\s+(\d+)x(\d+)(?:\s*-\s*(\d+)x(\d+))?/.exec(line);
    if (size !== null) {
      add();
      sizes = sizeRange(size.slice(1, 5));
      continue;
    }
    const rate = /^\s*Interval:.*\(([\d.]+)(?:\s*-\s*([\d.]+))? fps\)/.exec(line);
    if (rate !== null) rates.push(...rate.slice(1, 3).flatMap((one) => (Number(one) > 0 ? [Number(one)] : [])));
  }
  add();
  return modes;
}

/** Of `ffmpeg -f v4l2 -list_formats all`: it knows no rates. */
export function parseFfmpegFormats(text: string): CameraMode[] {
  return text.split('\n').flatMap((line): CameraMode[] => {
    const found = /\b(Raw|Compressed)\s*:\s*(\S+) :.*? : (.*)$/.exec(line);
    const [, kind, format = '', list = ''] = found ?? [];
    if (kind === undefined || !(format in KNOWN)) return [];
    const ranges = [...list.matchAll(/(\d+)x(\d+)|\{(\d+)-(\d+), *\d+\}x\{(\d+)-(\d+), *\d+\}/g)];
    return ranges.flatMap(([, width, height, minWidth, maxWidth, minHeight, maxHeight]) => {
      const sizes = width === undefined ? sizeRange([minWidth, minHeight, maxWidth, maxHeight]) : sizeRange([width, height]);
      return sizes === undefined ? [] : [{ format, isCompressed: COMPRESSED.has(format), ...sizes, ...ANY_RATE }];
    });
  });
}

const KNOWN: Readonly<Record<string, true>> = Object.fromEntries(Object.values(FOURCC).map((name) => [name, true]));

/** Of `ffmpeg -f dshow -list_options true -i video=NAME`. */
export function parseDshowOptions(text: string): CameraMode[] {
  const pattern = /(vcodec|pixel_format)=(\S+)\s+min s=(\d+)x(\d+) fps=([\d.]+) max s=(\d+)x(\d+) fps=([\d.]+)/g;
  const modes = [...text.matchAll(pattern)].flatMap(([, kind, format = '', minWidth, minHeight, minRate, width, height, rate]) => {
    const sizes = sizeRange([minWidth, minHeight, width, height]);
    if (sizes === undefined || !(format in KNOWN)) return [];
    return [{ format, isCompressed: kind === 'vcodec', ...sizes, minRateHz: Number(minRate), maxRateHz: Number(rate) }];
  });
  // Each line comes twice where the device describes its colours.
  return modes.filter((mode, at) => modes.findIndex((other) => JSON.stringify(other) === JSON.stringify(mode)) === at);
}

function sizeRange([width, height, maxWidth, maxHeight]: readonly (string | undefined)[]): Sizes | undefined {
  const [minWidthPx, minHeightPx] = [Number(width), Number(height)];
  const [maxWidthPx, maxHeightPx] = [Number(maxWidth ?? width), Number(maxHeight ?? height)];
  const isSize = minWidthPx > 0 && minHeightPx > 0 && maxWidthPx >= minWidthPx && maxHeightPx >= minHeightPx;
  return isSize ? { minWidthPx, minHeightPx, maxWidthPx, maxHeightPx } : undefined;
}
