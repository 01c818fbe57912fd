/**
 * Controls of a V4L2 camera (pure): what `v4l2-ctl --list-ctrls-menus` says, and in which order which are set. Kernels
 * before 5.19 or so have other names for some; a value set by hand needs its automatic switched off first.
 */
export interface ControlSetting {
  readonly name: string;
  readonly value: number;
}

/** What a camera is to be set to, each time it is opened. */
export interface ControlWishes {
  /** Frequency of the mains, against bars that wander through the picture. */
  readonly powerLineHz: number;
  readonly settings: readonly ControlSetting[];
}

export interface Control {
  readonly name: string;
  /** int, bool, menu, intmenu, or another one that is not set here. */
  readonly type: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  /** Words of a menu by value. */
  readonly menu: ReadonlyMap<number, string>;
}

export interface ControlPlan {
  /** In this order, each by a call of its own: the automatics first. */
  readonly steps: readonly ControlSetting[];
  /** What cannot be set, one sentence each. */
  readonly refused: readonly string[];
}

/** Old name first. */
const RENAMED: readonly (readonly [string, string])[] = [
  ['focus_auto', 'focus_automatic_continuous'],
  ['exposure_auto', 'auto_exposure'],
  ['exposure_absolute', 'exposure_time_absolute'],
  ['exposure_auto_priority', 'exposure_dynamic_framerate'],
  ['white_balance_temperature_auto', 'white_balance_automatic'],
];
const MANUAL_EXPOSURE = 1;
/** Set by hand: its automatic, and the value that switches that off. */
const AUTOMATICS: Readonly<Record<string, ControlSetting>> = {
  focus_absolute: { name: 'focus_automatic_continuous', value: 0 },
  exposure_time_absolute: { name: 'auto_exposure', value: MANUAL_EXPOSURE },
  white_balance_temperature: { name: 'white_balance_automatic', value: 0 },
  gain: { name: 'gain_automatic', value: 0 },
};
const SETTABLE: ReadonlySet<string> = new Set(['int', 'bool', 'menu', 'intmenu']);
const LINE = /^\s*(\w+) 0x[0-9a-f]{8} \((\w+)\)\s*:\s*(.*)$/;

/** Of `v4l2-ctl --list-ctrls-menus`; controls without a value are left out. */
export function parseControls(text: string): Control[] {
  const controls: Control[] = [];
  let menu = new Map<number, string>();
  for (const line of text.split('\n')) {
    const item = /^\s+(\d+): (.*)$/.exec(line);
    if (item !== null) {
      menu.set(Number(item[1]), item[2] ?? '');
      continue;
    }
    const [, name, type, rest = ''] = LINE.exec(line) ?? [];
    const value = numberIn(rest, 'value');
    if (name === undefined || type === undefined || value === undefined) continue;
    menu = new Map();
    const [min, max] = [numberIn(rest, 'min') ?? 0, numberIn(rest, 'max') ?? 1];
    controls.push({ name, type, min, max, step: numberIn(rest, 'step') ?? 1, value, menu });
  }
  return controls;
}

function numberIn(text: string, field: string): number | undefined {
  const found = new RegExp(`\\b${field}=(-?\\d+)`).exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The control under this name or the one that other kernels have for it. */
export function findControl(controls: readonly Control[], name: string): Control | undefined {
  const names = RENAMED.find((pair) => pair.includes(name)) ?? [name];
  return controls.find((control) => names.includes(control.name));
}

export function planControls(controls: readonly Control[], { powerLineHz, settings }: ControlWishes): ControlPlan {
  const refused: string[] = [];
  const wished = [...powerLine(controls, powerLineHz, refused), ...settings];
  const named = new Map<string, number>();
  for (const { name, value } of wished) {
    const control = findControl(controls, name);
    const why = control === undefined ? `the camera has no ${name}` : unfit(control, value);
    if (control === undefined || why !== undefined) refused.push(why ?? name);
    else named.set(control.name, value);
  }
  for (const name of [...named.keys()]) {
    const off = automaticOf(controls, name);
    if (off !== undefined && !named.has(off.name)) named.set(off.name, off.value);
  }
  const automatics = new Set(Object.values(AUTOMATICS).map(({ name }) => findControl(controls, name)?.name));
  const steps = [...named].map(([name, value]) => ({ name, value }));
  const isFirst = ({ name }: ControlSetting) => automatics.has(name);
  return { steps: [...steps.filter(isFirst), ...steps.filter((step) => !isFirst(step))], refused };
}

/** What is otherwise than it was set to, one sentence each. `after` was read from the camera. */
export function unmetSteps(after: readonly Control[], steps: readonly ControlSetting[]): string[] {
  return steps.flatMap(({ name, value }) => {
    const is = after.find((control) => control.name === name)?.value;
    return is === value ? [] : [`${name} was set to ${value} and is ${is ?? 'gone'}`];
  });
}

/** The menu says which value is which frequency; a camera without the control needs none, or has no choice. */
function powerLine(controls: readonly Control[], hz: number, refused: string[]): ControlSetting[] {
  const control = findControl(controls, 'power_line_frequency');
  const value = [...(control?.menu ?? [])].find(([, words]) => words.startsWith(`${hz} `))?.[0];
  if (control !== undefined && value !== undefined) return [{ name: control.name, value }];
  refused.push(control === undefined ? 'the camera has no power_line_frequency' : `power_line_frequency knows no ${hz} Hz`);
  return [];
}

function automaticOf(controls: readonly Control[], name: string): ControlSetting | undefined {
  const modern = RENAMED.find(([old]) => old === name)?.[1] ?? name;
  const off = AUTOMATICS[modern];
  const control = off && findControl(controls, off.name);
  return off && control && { name: control.name, value: off.value };
}

function unfit({ name, type, min, max, step, menu }: Control, value: number): string | undefined {
  if (!SETTABLE.has(type)) return `${name} cannot be set`;
  if (value < min || value > max) return `${name} is ${min} to ${max}, not ${value}`;
  if (type.endsWith('menu') && menu.size > 0 && !menu.has(value)) return `${name} has no ${value} in its menu`;
  return (value - min) % step === 0 ? undefined : `${name} goes in steps of ${step} from ${min}, not to ${value}`;
}
