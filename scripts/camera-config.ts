/** Which camera a command is about: the one of a configuration, or one that is named by itself. */
import { dirname, resolve } from 'node:path';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { type ConfigProblem, parseConfig } from '../config/options/parse-config.ts';
import { CommandError, exitCode } from './command.ts';
import { loadConfig } from './config-check.ts';
import { warnOfLogin } from './personal-input.ts';

export interface CameraGiven {
  readonly config?: string;
  readonly kind?: string;
  readonly source?: string;
  readonly passwordFile?: string;
  readonly width?: number;
  readonly height?: number;
  readonly rate?: number;
  readonly ffmpeg?: string;
  readonly v4l2Ctl?: string;
}

export interface CameraChoice {
  readonly config: KioskConfig;
  /** Makes a path of the configuration absolute. */
  readonly path: (given: string) => string;
}

/** What a whole kiosk needs and a camera does not. */
const STAND_INS = {
  kioskId: 'camera',
  checkpointId: 'camera',
  area: 0,
  dataDir: '-',
  'keyring.file': '-',
  'keyring.root': '0'.repeat(64),
  'policy.file': '-',
  'slice.file': '-',
  'slice.manifestFile': '-',
  'slice.keyFile': '-',
};

export function chooseCamera(given: CameraGiven): CameraChoice {
  const choice = chosen(given);
  if (choice.config['camera.kind'] === 'browser')
    throw new CommandError(exitCode.usage, 'A camera of the browser is opened by the citizen page; run the kiosk and look at its pages.');
  return choice;
}

function chosen(given: CameraGiven): CameraChoice {
  const hasOwn = given.kind !== undefined || given.source !== undefined;
  if ((given.config === undefined) === !hasOwn) {
    throw new CommandError(exitCode.usage, 'expected either --config, or --kind and --source.');
  }
  if (given.config !== undefined) {
    const base = dirname(resolve(given.config));
    return { config: loadConfig(given.config), path: (file) => resolve(base, file) };
  }
  if (given.kind === undefined || given.source === undefined) throw new CommandError(exitCode.usage, '--kind and --source go together.');
  warnOfLogin('--source', given.source);
  const own = {
    'camera.kind': given.kind,
    'camera.source': given.source,
    'camera.passwordFile': given.passwordFile,
    'camera.widthPx': given.width,
    'camera.heightPx': given.height,
    'camera.frameRateHz': given.rate,
    'camera.ffmpegPath': given.ffmpeg,
    'camera.v4l2CtlPath': given.v4l2Ctl,
  };
  // JSON is YAML too, and leaves out what is undefined.
  const result = parseConfig(JSON.stringify({ ...STAND_INS, ...own }));
  if (!result.ok) throw new CommandError(exitCode.usage, result.problems.map(sentence).join(' '));
  return { config: result.config, path: (file) => resolve(file) };
}

function sentence({ key, expected, found }: ConfigProblem): string {
  return `${key}: expected ${expected}, found ${found}.`;
}
