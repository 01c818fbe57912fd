/**
 * What a USB camera offers, and which of it suits best (pure). Size comes before rate, because a code is read by its pixels,
 * and rate before format. Of formats that give both, those that need no decoding win as long as USB 2 carries them.
 */

/** One format of a device at one size or range of sizes. */
export interface CameraMode {
  /** ffmpeg's name: a codec (`mjpeg`) or a pixel format (`yuyv422`). */
  readonly format: string;
  readonly isCompressed: boolean;
  /** Equal where the device has discrete sizes. */
  readonly minWidthPx: number;
  readonly minHeightPx: number;
  readonly maxWidthPx: number;
  readonly maxHeightPx: number;
  /** Frames a second; 0 and Infinity where the device does not say. */
  readonly minRateHz: number;
  readonly maxRateHz: number;
}

/** What is asked of the device when it is opened. */
export interface ChosenMode {
  readonly format: string;
  readonly isCompressed: boolean;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRateHz: number;
}

export interface AskedMode {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRateHz: number;
}

/** What isochronous USB 2 carries at most, bytes a second. */
const USB2_BYTES_S = 24_576_000;
/** Bytes a pixel of formats whose luma is taken as it is. */
const LUMA_BYTES: Readonly<Record<string, number>> = {
  gray: 1,
  yuv420p: 1.5,
  nv12: 1.5,
  nv21: 1.5,
  yuyv422: 2,
  uyvy422: 2,
  yvyu422: 2,
  yuv422p: 2,
};
const OTHERS_PX_BYTES = 4;

/** Undefined where nothing is offered. */
export function chooseMode(modes: readonly CameraMode[], asked: AskedMode): ChosenMode | undefined {
  const ranked = modes
    .map((mode) => chosen(mode, asked))
    .map((mode) => ({ mode, cost: [sizeCost(mode, asked), Math.max(0, asked.frameRateHz - mode.frameRateHz), formatCost(mode)] }));
  ranked.sort((a, b) => compare(a.cost, b.cost));
  return ranked[0]?.mode;
}

/** The filter that makes 8-bit luma of a format. Packed RGB has no luma plane: it is computed, in full range. */
export function lumaFilter({ format, isCompressed }: Pick<ChosenMode, 'format' | 'isCompressed'>): string {
  return isCompressed || format in LUMA_BYTES ? 'extractplanes=y' : 'format=gray';
}

function chosen(mode: CameraMode, asked: AskedMode): ChosenMode {
  return {
    format: mode.format,
    isCompressed: mode.isCompressed,
    widthPx: clamp(asked.widthPx, mode.minWidthPx, mode.maxWidthPx),
    heightPx: clamp(asked.heightPx, mode.minHeightPx, mode.maxHeightPx),
    frameRateHz: clamp(asked.frameRateHz, mode.minRateHz, mode.maxRateHz),
  };
}

/** 0 for the very size; larger pictures before smaller ones, and each the nearer the better. */
function sizeCost({ widthPx, heightPx }: ChosenMode, asked: AskedMode): number {
  if (widthPx === asked.widthPx && heightPx === asked.heightPx) return 0;
  const excess = Math.max(0, widthPx / asked.widthPx - 1) + Math.max(0, heightPx / asked.heightPx - 1);
  const lack = Math.max(0, asked.widthPx / widthPx - 1) + Math.max(0, asked.heightPx / heightPx - 1);
  return excess + (lack > 0 ? 100 + lack : 0);
}

function formatCost({ format, isCompressed, widthPx, heightPx, frameRateHz }: ChosenMode): number {
  if (isCompressed) return format === 'mjpeg' ? 10 : 40;
  const bytesPx = LUMA_BYTES[format];
  if (bytesPx === undefined) return 30;
  return (bytesPx * widthPx * heightPx * frameRateHz <= USB2_BYTES_S ? 0 : 20) + bytesPx / OTHERS_PX_BYTES;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [at, one] of a.entries()) {
    const difference = one - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
