/** Runs one of the camera's programs to its end: ffmpeg for its version and its lists, v4l2-ctl. */
import { execFile } from 'node:child_process';
import { environment } from '../../config/host/node-host.ts';
import type { Clock } from '../../config/ports/clock.ts';

export interface ToolResult {
  /** Whether the program exists and could be started. */
  readonly isThere: boolean;
  /** Exit code 0. */
  readonly isGood: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_BYTES_MAX = 1_048_576;
/** A program that hangs in a driver cannot even be killed: it is left behind. */
const LEFT_BEHIND_MS = 500;

/** `msMax`: a program that takes longer is killed. Never rejects. */
export function runTool(program: string, args: readonly string[], msMax: number, clock: Clock): Promise<ToolResult> {
  return new Promise((resolve) => {
    const options = { timeout: msMax, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX, windowsHide: true } as const;
    const leave = () => resolve({ isThere: true, isGood: false, stdout: '', stderr: `${program} does not end` });
    const cancel = clock.after(msMax + LEFT_BEHIND_MS, leave);
    execFile(program, args, { ...options, env: toolEnvironment() }, (error, stdout, stderr) => {
      cancel();
      const isThere = error === null || !(error.code === 'ENOENT' || error.code === 'EACCES');
      resolve({ isThere, isGood: error === null, stdout, stderr });
    });
  });
}

/** Nothing more of this process's environment is a child's business; messages are to be English. */
export function toolEnvironment(): Record<string, string> {
  return { PATH: environment('PATH') ?? '', LANG: 'C' };
}
