/**
 * A FrameSource whose exposure follows the guide: a camera meters its whole picture, and a bright screen before a dark street
 * burns out. Looks at the guide twice a second and steps the exposure time of a V4L2 camera towards a middle level. A camera
 * that does not take that keeps its own exposure, with a warning.
 */
import type { Host } from '../../config/ports/host.ts';
import type { CameraSettings } from './camera-settings.ts';
import { type ExposureLimits, nextExposure } from './exposure.ts';
import type { Frame, FrameSource } from './frame-source.ts';
import { measureGuide, type PicturePart, partOf } from './sharpness.ts';
import { readControls, setControl } from './usb-device.ts';
import { findControl, planControls } from './v4l2-controls.ts';

/** A change shows some frames later: looking sooner would step too far. */
const LOOK_EVERY_MS = 500;
/** After an opening the configured controls are set first. */
const FIRST_LOOK_MS = 1_000;

interface Metering {
  readonly name: string;
  readonly limits: ExposureLimits;
  value: number;
}

export function meterOnGuide(source: FrameSource, settings: CameraSettings, guide: PicturePart, host: Host): FrameSource {
  let generation = 0;
  let lookAtMs = 0;
  let working: Promise<void> | undefined;
  /** Undefined before the first look of an opening; a word where this opening cannot be metered. */
  let metering: Metering | 'none' | undefined;

  const giveUp = (why: string) => {
    metering = 'none';
    host.log.warn('camera-controls', { why: `exposure is left to the camera: ${why}` });
  };

  const begin = async () => {
    const controls = await readControls(settings, host);
    if (typeof controls === 'string') return giveUp(controls);
    const time = findControl(controls, 'exposure_time_absolute');
    if (time === undefined) return giveUp('the camera has no exposure_time_absolute');
    const powerLineHz = settings.controls?.powerLineHz ?? 50;
    const own = { name: time.name, value: time.value };
    for (const step of planControls(controls, { powerLineHz, settings: [own] }).steps) {
      const why = step.name === time.name ? undefined : await setControl(settings, step, host);
      if (why !== undefined) return giveUp(why);
    }
    metering = { ...own, limits: { ...time, powerLineHz, frameRateHz: settings.frameRateHz } };
  };

  const step = async (by: Metering, level: number) => {
    const value = nextExposure(level, by.value, by.limits);
    if (value === undefined) return;
    const why = await setControl(settings, { name: by.name, value }, host);
    if (why !== undefined) return giveUp(why);
    by.value = value;
    host.log.debug('camera-exposure', { meanLevel: Math.round(level), value });
  };

  const look = (frame: Frame) => {
    const nowMs = host.clock.monotonicMs();
    if (frame.generation !== generation) {
      generation = frame.generation;
      metering = undefined;
      lookAtMs = nowMs + FIRST_LOOK_MS;
    }
    if (working !== undefined || nowMs < lookAtMs || metering === 'none') return;
    working = (metering === undefined ? begin() : step(metering, measureGuide(partOf(frame, guide)).level)).finally(() => {
      working = undefined;
      lookAtMs = host.clock.monotonicMs() + LOOK_EVERY_MS;
    });
  };

  return {
    ...source,
    async next() {
      const frame = await source.next();
      if (frame !== undefined) look(frame);
      return frame;
    },
    async close() {
      await source.close();
      await working;
    },
  };
}
