/**
 * A USB camera outside its stream: what it offers and what it is set to, asked and set by programs (v4l2-ctl, ffmpeg).
 * Nothing here is fatal: a camera whose controls cannot be set still sees.
 */
import type { Host } from '../../config/ports/host.ts';
import { type CameraMode, type ChosenMode, chooseMode } from './camera-mode.ts';
import type { CameraSettings } from './camera-settings.ts';
import { type FfmpegKind, listModesArguments } from './ffmpeg-arguments.ts';
import { runTool, type ToolResult } from './run-tool.ts';
import { parseDshowOptions, parseFfmpegFormats, parseV4l2Formats } from './usb-modes.ts';
import { type Control, type ControlSetting, parseControls, planControls, unmetSteps } from './v4l2-controls.ts';

const TOOL_MS_MAX = 2_000;
/** A device that wakes up may take its time to list what it can. */
const LIST_MS_MAX = 5_000;
const WHY_CHARS_MAX = 200;

type UsbSettings = Pick<CameraSettings, 'source' | 'ffmpegPath' | 'v4l2CtlPath'>;

/** What the device offers, empty where it does not say. */
export async function listModes(kind: FfmpegKind, settings: UsbSettings, host: Host): Promise<readonly CameraMode[]> {
  if (kind === 'v4l2') {
    const { stdout } = await v4l2Ctl(settings, ['--list-formats-ext'], host);
    const modes = parseV4l2Formats(stdout);
    if (modes.length > 0) return modes;
  }
  const call = listModesArguments(kind, settings.source);
  if (call === undefined) return [];
  const { stderr } = await runTool(settings.ffmpegPath, call, LIST_MS_MAX, host.clock);
  return kind === 'v4l2' ? parseFfmpegFormats(stderr) : parseDshowOptions(stderr);
}

/** The mode nearest to the configured size and rate; undefined for kinds, and devices, that say nothing. */
export async function findMode(settings: CameraSettings & { kind: FfmpegKind }, host: Host): Promise<ChosenMode | undefined> {
  if (listModesArguments(settings.kind, settings.source) === undefined) return undefined;
  return chooseMode(await listModes(settings.kind, settings, host), settings);
}

/** The controls of a V4L2 camera; a sentence where they cannot be asked for. */
export async function readControls(settings: UsbSettings, host: Host): Promise<readonly Control[] | string> {
  const result = await v4l2Ctl(settings, ['--list-ctrls-menus'], host);
  return result.isGood ? parseControls(result.stdout) : whyNot(settings, result);
}

/** Sets one control; a sentence where that fails. */
export async function setControl(settings: UsbSettings, { name, value }: ControlSetting, host: Host): Promise<string | undefined> {
  const result = await v4l2Ctl(settings, ['--set-ctrl', `${name}=${value}`], host);
  return result.isGood ? undefined : `${name}=${value}: ${whyNot(settings, result)}`;
}

/**
 * Sets what is wished for and looks whether it holds; done after each opening, because a camera that was unplugged has
 * forgotten it. What does not succeed is said as the warning `camera-controls`, unless `isQuiet`.
 */
export async function applyControls(settings: CameraSettings, isQuiet: boolean, host: Host): Promise<void> {
  const { controls: wishes } = settings;
  if (settings.kind !== 'v4l2' || wishes === undefined) return;
  const controls = await readControls(settings, host);
  const problems = typeof controls === 'string' ? [controls] : [];
  if (typeof controls !== 'string') {
    const { steps, refused } = planControls(controls, wishes);
    problems.push(...refused);
    const failed: string[] = [];
    for (const step of steps) {
      const why = await setControl(settings, step, host);
      if (why !== undefined) failed.push(why);
    }
    const after = failed.length === 0 && steps.length > 0 ? await readControls(settings, host) : [];
    problems.push(...failed, ...(typeof after === 'string' ? [after] : unmetSteps(after, failed.length === 0 ? steps : [])));
    const set = steps.map(({ name, value }) => `${name}=${value}`).join(',');
    if (!isQuiet && set !== '' && failed.length === 0) host.log.info('camera-controls-set', { set });
  }
  if (!isQuiet) for (const why of problems) host.log.warn('camera-controls', { why });
}

function v4l2Ctl({ source, v4l2CtlPath }: UsbSettings, args: readonly string[], host: Host): Promise<ToolResult> {
  return runTool(v4l2CtlPath ?? 'v4l2-ctl', ['--device', source, ...args], TOOL_MS_MAX, host.clock);
}

function whyNot({ v4l2CtlPath }: UsbSettings, { isThere, stdout, stderr }: ToolResult): string {
  if (!isThere) return `${v4l2CtlPath ?? 'v4l2-ctl'} was not found: install v4l-utils`;
  return `${stderr} ${stdout}`.trim().split('\n')[0]?.slice(0, WHY_CHARS_MAX) || 'v4l2-ctl says no';
}
