/**
 * The camera behind an ffmpeg child: RTSP, HTTP MJPEG and USB through one code path. Stdout is always drained into the
 * one-slot mailbox. The watchdog here is the authority on health, because ffmpeg exits with 0 on a lost network and its own
 * timeouts come late.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import type { FaultCode } from '../../config/faults.ts';
import { environment } from '../../config/host/node-host.ts';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import type { CameraSettings } from './camera-settings.ts';
import { type FfmpegKind, type FfmpegVersion, ffmpegArguments, parseFfmpegVersion, redact } from './ffmpeg-arguments.ts';
import type { FrameSource } from './frame-source.ts';
import { createNewestFrame, FIRST_FRAME_MS, videoLimits } from './newest-frame.ts';
import { createY4mSplitter } from './y4m.ts';

const WATCH_MS = 100;
const KILL_MS = 1_000;
const BACKOFF_MS = [500, 1_000, 2_000];
const HEALTHY_MS = 30_000;
const VERSION_MS_MAX = 10_000;
const WIDTH_PX_MAX = 4_096;
const HEIGHT_PX_MAX = 2_304;
const LOUD_FAILURES = 20;
const STDERR_LINES_MAX = 5;
const STDERR_CHARS_MAX = 300;

export function createFfmpegSource(settings: CameraSettings & { kind: FfmpegKind }, host: Host): FrameSource {
  const newest = createNewestFrame(host.clock, videoLimits(settings.stalledMs));
  let closed = false;
  let endCurrent: () => void = () => undefined;
  let wake: () => void = () => undefined;

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const cancel = host.clock.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });

  const run = async () => {
    let failures = 0;
    for (let version = await findVersion(settings.ffmpegPath); !closed; version ??= await findVersion(settings.ffmpegPath)) {
      const generation = newest.open();
      if (version === undefined) {
        newest.shut(generation, 'ffmpeg-missing');
        host.log.error('ffmpeg-missing', { path: settings.ffmpegPath });
      } else {
        const startedAtMs = host.clock.monotonicMs();
        // A camera that stays away is said now and then, not every two seconds.
        const isLoud = failures < 3 || failures % LOUD_FAILURES === 0;
        const fault = await runOnce(generation, version, isLoud);
        if (host.clock.monotonicMs() - startedAtMs >= HEALTHY_MS) failures = 0;
        if (!closed && isLoud) host.log.warn(fault, { generation, restarts: failures + 1 });
      }
      if (closed) break;
      await pause(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 0);
      failures++;
    }
  };

  /** One life of the child. Resolves when it is gone, with the fault that ended it. */
  const runOnce = (generation: number, version: FfmpegVersion, isLoud: boolean) =>
    new Promise<FaultCode>((resolve) => {
      const child = spawn(settings.ffmpegPath, ffmpegArguments(settings, version), {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: childEnvironment(),
        windowsHide: true,
      });
      let fault: FaultCode | undefined;
      const end = (reason: FaultCode) => {
        if (fault !== undefined) return;
        fault = reason;
        newest.shut(generation, reason);
        stopChild(child, host);
      };
      endCurrent = () => end(closed ? 'stopping' : 'camera-stalled');
      const watch = every(host.clock, WATCH_MS, () => {
        if (newest.hasFrame() ? newest.gapMs() > settings.stalledMs : newest.gapMs() > FIRST_FRAME_MS) {
          end(newest.hasFrame() ? 'camera-stalled' : 'camera-no-frame');
        }
      });
      const split = createY4mSplitter(
        ({ widthPx, heightPx, frameRateHz }) => {
          host.log.info('camera-open', { widthPx, heightPx, frameRateHz });
          if (widthPx > WIDTH_PX_MAX || heightPx > HEIGHT_PX_MAX) end('camera-settings');
        },
        (luma, { widthPx, heightPx }) => newest.put(generation, { luma, widthPx, heightPx, stride: widthPx }),
        newest.buffer,
      );
      child.stdout.on('data', (chunk: Buffer) => {
        if (fault !== undefined) return;
        try {
          split(chunk);
        } catch (error) {
          host.log.error('camera-stream', { why: error instanceof Error ? error.message : String(error) });
          end('camera-settings');
        }
      });
      logStderr(child, settings, isLoud, host);
      const finish = () => {
        watch();
        const reason = fault ?? (newest.hasFrame() ? 'camera-stalled' : 'camera-missing');
        newest.shut(generation, reason);
        resolve(reason);
      };
      child.once('error', (error) => {
        host.log.error('ffmpeg-missing', { why: error.message });
        fault = 'ffmpeg-missing';
        finish();
      });
      child.once('close', finish);
    });

  const finished = run();
  return {
    next: newest.next,
    health: newest.health,
    reopen: () => endCurrent(),
    async close() {
      closed = true;
      newest.close();
      endCurrent();
      wake();
      await finished;
    },
  };
}

/** SIGTERM, and SIGKILL where that is not enough. */
function stopChild(child: ChildProcess, host: Host): void {
  child.kill('SIGTERM');
  const cancel = host.clock.after(KILL_MS, () => child.kill('SIGKILL'));
  child.once('exit', cancel);
}

/** Nothing more of this process's environment is the child's business. */
function childEnvironment(): Record<string, string> {
  return { PATH: environment('PATH') ?? '', LANG: 'C' };
}

function findVersion(ffmpegPath: string): Promise<FfmpegVersion | undefined> {
  return new Promise((resolve) => {
    execFile(
      ffmpegPath,
      ['-hide_banner', '-version'],
      { timeout: VERSION_MS_MAX, windowsHide: true, env: childEnvironment() },
      (error, stdout) => {
        resolve(error === null ? parseFfmpegVersion(stdout) : undefined);
      },
    );
  });
}

/** The first lines of each life of the child, without its login. */
function logStderr(child: ChildProcess, settings: CameraSettings, isLoud: boolean, host: Host): void {
  let lines = 0;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) {
      if (!isLoud || line.trim() === '' || ++lines > STDERR_LINES_MAX) continue;
      host.log.warn('ffmpeg', { says: redact(line, settings.login).slice(0, STDERR_CHARS_MAX) });
    }
  });
}
