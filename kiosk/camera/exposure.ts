/**
 * Exposure metered on the guide (pure): one step from a picture's level to the next exposure time. A camera meters the whole
 * scene, so a bright screen before a dark street burns out. Light of the mains pulses twice a period: times that are whole
 * pulses leave no bars in the picture.
 */
export interface ExposureLimits {
  /** Of the control `exposure_time_absolute`, in units of 100 microseconds. */
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly powerLineHz: number;
  /** A longer exposure than a frame lasts would lower the rate. */
  readonly frameRateHz: number;
}

const UNITS_S = 10_000;
/** White paper with black print, well exposed, is about here. */
const TARGET_LEVEL = 115;
const TOLERANCE = 25;
/** One picture says little of how far a white or black one is off. */
const FACTOR_MAX = 4;

/** The next exposure time to try; undefined where this one is good, or none is better. */
export function nextExposure(level: number, current: number, limits: ExposureLimits): number | undefined {
  if (Math.abs(level - TARGET_LEVEL) <= TOLERANCE) return undefined;
  const factor = Math.min(FACTOR_MAX, Math.max(1 / FACTOR_MAX, TARGET_LEVEL / Math.max(1, level)));
  const next = takable(current * factor, limits);
  const isBetter = level > TARGET_LEVEL ? next < current : next > current;
  return isBetter ? next : undefined;
}

/** A time the camera takes: whole pulses of the light where it is long enough for one. */
function takable(units: number, { min, max, step, powerLineHz, frameRateHz }: ExposureLimits): number {
  const pulse = UNITS_S / (2 * powerLineHz);
  const longest = Math.min(max, Math.floor(UNITS_S / frameRateHz));
  const within = Math.min(longest, units);
  const whole = within >= pulse ? Math.min(Math.floor(longest / pulse), Math.round(within / pulse)) * pulse : within;
  return min + Math.max(0, Math.round((whole - min) / step)) * step;
}
