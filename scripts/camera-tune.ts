/**
 * `checkpoint-kiosk camera tune`: finds focus and exposure for what lies in the guide of a V4L2 camera, and prints the lines
 * of configuration that keep them. Hold a printed code where people will hold theirs while it runs.
 */
import { createNodeHost } from '../config/host/node-host.ts';
import type { Host } from '../config/ports/host.ts';
import type { CameraSettings } from '../kiosk/camera/camera-settings.ts';
import { cameraSettings, guideOf } from '../kiosk/camera/configured-camera.ts';
import { nextExposure } from '../kiosk/camera/exposure.ts';
import { type FocusTry, nextFocusTries, sharpest } from '../kiosk/camera/focus-sweep.ts';
import { openCamera } from '../kiosk/camera/open-camera.ts';
import { type GuideMeasure, measureGuide, type PicturePart, partOf } from '../kiosk/camera/sharpness.ts';
import { readControls, setControl } from '../kiosk/camera/usb-device.ts';
import { type Control, type ControlSetting, findControl, planControls } from '../kiosk/camera/v4l2-controls.ts';
import type { CameraChoice } from './camera-config.ts';
import { createFrameReader, type FrameReader } from './camera-frames.ts';
import { CommandError, exitCode } from './command.ts';
import { untilStopped } from './until-stopped.ts';

/** `guide`: metered on the guide now and by the kiosk; `fixed`: now, and kept; `camera`: left to the camera. */
export type TunedExposure = 'guide' | 'fixed' | 'camera';

export interface TuneOptions {
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly exposure: TunedExposure;
}

/** One tuning under way. */
interface Tuning {
  readonly settings: CameraSettings;
  readonly controls: readonly Control[];
  readonly guide: PicturePart;
  readonly reader: FrameReader;
  readonly host: Host;
  isStopped(): boolean;
}

/** A lens moves, and exposure follows, within about so long. */
const SETTLE_MS = 400;
const PICTURES = 3;
const FRAME_MS_MAX = 8_000;
const EXPOSURE_TRIES = 10;

export async function runCameraTune({ config, path }: CameraChoice, options: TuneOptions): Promise<number> {
  if (config['camera.kind'] !== 'v4l2') {
    throw new CommandError(exitCode.usage, `only v4l2 cameras have controls that can be set from here, not ${config['camera.kind']}.`);
  }
  const host = createNodeHost('warn');
  const settings = cameraSettings(config, path, 1);
  const controls = await readControls(settings, host);
  if (typeof controls === 'string') throw new CommandError(exitCode.unavailable, `the controls cannot be read: ${controls}`);
  for (const { name, min, max, value } of controls) say(`${name} ${value} (${min} to ${max})`);
  const guide = guideOf(config);
  if (options.dryRun) return dryRun(controls, config['camera.powerLineHz'], options);
  // What is found replaces what was configured: nothing else sets controls meanwhile.
  const source = openCamera({ ...settings, controls: undefined }, host);
  let stopped = false;
  void untilStopped().then(() => {
    stopped = true;
  });
  const tuning = { settings, controls, guide, reader: createFrameReader(source, host.clock), host, isStopped: () => stopped };
  let isDone = false;
  try {
    if ((await tuning.reader.next(host.clock.monotonicMs() + FRAME_MS_MAX)) === undefined) {
      throw new CommandError(
        exitCode.unavailable,
        `${source.health().fault ?? 'camera-no-frame'}: no picture came from ${settings.source}.`,
      );
    }
    await setPowerLine(tuning, config['camera.powerLineHz']);
    const exposure = options.exposure !== 'camera' ? await tuneExposure(tuning, config['camera.powerLineHz']) : [];
    const { found, tried } = await tuneFocus(tuning);
    isDone = !stopped;
    if (!isDone) throw new CommandError(exitCode.failed, 'stopped; the camera is as it was.');
    const kept = { powerLineHz: config['camera.powerLineHz'], controls: join([...found, ...exposure]) };
    print({ ...kept, exposure: options.exposure === 'guide' && exposure.length > 0 ? 'guide' : 'camera' }, tried, options.json);
    return exitCode.ok;
  } finally {
    await source.close();
    if (!isDone) await restore(tuning);
  }
}

function dryRun(controls: readonly Control[], powerLineHz: number, { exposure, json }: TuneOptions): number {
  const focus = findControl(controls, 'focus_absolute');
  const tuned = [focus, exposure !== 'camera' ? findControl(controls, 'exposure_time_absolute') : undefined];
  const settings = tuned.flatMap((control) => (control === undefined ? [] : [{ name: control.name, value: control.value }]));
  const { steps, refused } = planControls(controls, { powerLineHz, settings });
  const first = join(steps.filter(({ name }) => !settings.some((one) => one.name === name)));
  const focusTries = focus === undefined ? [] : nextFocusTries(focus, []);
  for (const why of refused) say(why);
  if (json) process.stdout.write(`${JSON.stringify({ dryRun: true, wouldSet: first, focusTries, refused })}\n`);
  else
    say(`would set ${first || 'nothing'} and first try focus_absolute ${focusTries.join(', ') || '(there is none)'}; nothing was changed`);
  return exitCode.ok;
}

async function setPowerLine(tuning: Tuning, powerLineHz: number): Promise<void> {
  const { steps, refused } = planControls(tuning.controls, { powerLineHz, settings: [] });
  for (const why of refused) say(why);
  for (const step of steps) await set(tuning, step);
}

/** Sweeps the lens; the settings that were found best, or none for a camera whose focus is fixed. */
async function tuneFocus(tuning: Tuning): Promise<{ found: ControlSetting[]; tried: FocusTry[] }> {
  const focus = findControl(tuning.controls, 'focus_absolute');
  const tried: FocusTry[] = [];
  if (focus === undefined) {
    say('the camera has no focus_absolute: turn its lens by hand until `camera test` shows the highest sharpness');
    return { found: [], tried };
  }
  await setByHand(tuning, focus.name);
  for (let next = nextFocusTries(focus, tried); next.length > 0 && !tuning.isStopped(); next = nextFocusTries(focus, tried)) {
    for (const value of next) {
      if (tuning.isStopped()) break;
      const { sharpness } = await measureAt(tuning, { name: focus.name, value });
      tried.push({ value, sharpness });
      say(`focus_absolute ${value}: sharpness ${sharpness.toFixed(5)}`);
    }
  }
  const value = sharpest(tried)?.value ?? focus.value;
  await set(tuning, { name: focus.name, value });
  return { found: [...automaticOff(tuning, focus.name), { name: focus.name, value }], tried };
}

/** Steps the exposure time until the guide has a middle level. */
async function tuneExposure(tuning: Tuning, powerLineHz: number): Promise<ControlSetting[]> {
  const time = findControl(tuning.controls, 'exposure_time_absolute');
  if (time === undefined) {
    say('the camera has no exposure_time_absolute: exposure stays its own');
    return [];
  }
  await setByHand(tuning, time.name);
  const limits = { ...time, powerLineHz, frameRateHz: tuning.settings.frameRateHz };
  let value = time.value;
  for (let tries = 0; tries < EXPOSURE_TRIES && !tuning.isStopped(); tries++) {
    const { level } = await measureAt(tuning, { name: time.name, value });
    say(`${time.name} ${value}: level ${Math.round(level)}`);
    const next = nextExposure(level, value, limits);
    if (next === undefined) break;
    value = next;
  }
  await set(tuning, { name: time.name, value });
  return [...automaticOff(tuning, time.name), { name: time.name, value }];
}

/** The settings that take a control out of the camera's own hands. */
function automaticOff({ controls }: Tuning, name: string): ControlSetting[] {
  const value = controls.find((control) => control.name === name)?.value ?? 0;
  const { steps } = planControls(controls, { powerLineHz: 0, settings: [{ name, value }] });
  return steps.filter((step) => step.name !== name);
}

async function setByHand(tuning: Tuning, name: string): Promise<void> {
  for (const step of automaticOff(tuning, name)) await set(tuning, step);
}

/** What the guide shows once a setting has taken effect: the middle of several pictures. */
async function measureAt(tuning: Tuning, setting: ControlSetting): Promise<GuideMeasure> {
  const { reader, host, guide } = tuning;
  await set(tuning, setting);
  const settledMs = host.clock.monotonicMs() + SETTLE_MS;
  const measures: GuideMeasure[] = [];
  while (measures.length < PICTURES) {
    const frame = await reader.next(settledMs + FRAME_MS_MAX);
    if (frame === undefined) throw new CommandError(exitCode.unavailable, 'the camera sends no more pictures.');
    if (frame.arrivedAtMs >= settledMs) measures.push(measureGuide(partOf(frame, guide)));
  }
  const middle = (of: (one: GuideMeasure) => number) => measures.map(of).sort((a, b) => a - b)[PICTURES >> 1] ?? 0;
  return { level: middle(({ level }) => level), sharpness: middle(({ sharpness }) => sharpness) };
}

async function set({ settings, host }: Tuning, setting: ControlSetting): Promise<void> {
  const why = await setControl(settings, setting, host);
  if (why !== undefined) throw new CommandError(exitCode.unavailable, `the camera refuses ${why}`);
}

/** Back to what the camera was set to; what it does not take is left. */
async function restore({ controls, settings, host }: Tuning): Promise<void> {
  const touched = ['focus_absolute', 'exposure_time_absolute', 'focus_automatic_continuous', 'auto_exposure', 'power_line_frequency'];
  for (const name of touched) {
    const control = findControl(controls, name);
    if (control !== undefined) await setControl(settings, { name: control.name, value: control.value }, host);
  }
}

/** What to keep, by the names of the options. */
interface Kept {
  readonly powerLineHz: number;
  readonly exposure: 'camera' | 'guide';
  readonly controls: string;
}

function print(kept: Kept, tried: readonly FocusTry[], json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...kept, focusTried: tried })}\n`);
    return;
  }
  for (const [name, value] of Object.entries(kept)) if (value !== '') process.stdout.write(`camera.${name}: ${value}\n`);
  say('the camera is set so until it is unplugged; the lines on stdout keep it in the configuration');
}

function join(settings: readonly ControlSetting[]): string {
  return settings.map(({ name, value }) => `${name}=${value}`).join(',');
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
