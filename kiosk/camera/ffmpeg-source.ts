/**
 * The camera behind an ffmpeg child: RTSP, HTTP MJPEG and USB through one code path. Stdout is always drained into the
 * one-slot mailbox. The watchdog here is the authority on health, because ffmpeg exits with 0 on a lost network and its own
 * timeouts come late.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { FaultCode } from '../../config/faults.ts';
import { type Clock, every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import type { CameraSettings } from './camera-settings.ts';
import { type FfmpegKind, ffmpegCall, parseFfmpegVersion, redact } from './ffmpeg-arguments.ts';
import type { FfmpegCall, FfmpegVersion } from './ffmpeg-call.ts';
import type { FrameSource } from './frame-source.ts';
import { steadierName } from './list-cameras.ts';
import { addressOf, showsLogin } from './network-input.ts';
import { createNewestFrame, FIRST_FRAME_MS, videoLimits } from './newest-frame.ts';
import { runTool, toolEnvironment } from './run-tool.ts';
import { applyControls, findMode } from './usb-device.ts';
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
/** A longer line is dropped. */
const STDERR_LINE_MAX = 8_192;

type FfmpegSettings = CameraSettings & { kind: FfmpegKind };

export function createFfmpegSource(settings: FfmpegSettings, host: Host): FrameSource {
  const newest = createNewestFrame(host.clock, videoLimits(settings.stalledMs));
  let closed = false;
  let endCurrent: () => void = () => undefined;
  let wake: () => void = () => undefined;
  let applying: Promise<void> = Promise.resolve();

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
    let version: FfmpegVersion | undefined;
    while (!closed) {
      if (version === undefined) {
        version = await findVersion(settings.ffmpegPath, host.clock);
        if (version !== undefined) warnOnce(settings, version, host);
      }
      // A camera that stays away is said now and then, not every two seconds.
      const isLoud = failures < 3 || failures % LOUD_FAILURES === 0;
      // Asked at each opening: what was unplugged may come back as another one.
      const call = version === undefined ? 'ffmpeg-missing' : await planCall(settings, version, isLoud, host);
      if (closed) break;
      const generation = newest.open();
      if (typeof call === 'string') {
        newest.shut(generation, call);
        if (isLoud) host.log.error(call, call === 'ffmpeg-missing' ? { path: settings.ffmpegPath } : { restarts: failures + 1 });
      } else {
        const startedAtMs = host.clock.monotonicMs();
        const fault = await runOnce(generation, call, isLoud);
        if (host.clock.monotonicMs() - startedAtMs >= HEALTHY_MS) failures = 0;
        if (!closed && isLoud) host.log.warn(fault, { generation, restarts: failures + 1 });
      }
      if (closed) break;
      await pause(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 0);
      failures++;
    }
  };

  /** One life of the child. Resolves when it is gone, with the fault that ended it. */
  const runOnce = (generation: number, call: FfmpegCall, isLoud: boolean) =>
    new Promise<FaultCode>((resolve) => {
      // Where the process has no file left it has no pipes either.
      const child: ChildProcess = spawn(settings.ffmpegPath, call.arguments, {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: toolEnvironment(),
        windowsHide: true,
      });
      // A child that ends before it has read all says by itself why.
      child.stdin?.on('error', () => undefined).end(call.stdin ?? '');
      for (const output of [child.stdout, child.stderr]) {
        output?.on('error', (error) => {
          host.log.warn('ffmpeg-output', { why: error.message });
          end('camera-stalled');
        });
      }
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
          else applying = applying.then(() => applyControls(settings, !isLoud, host));
        },
        (luma, { widthPx, heightPx, whiteLevel }) => newest.put(generation, { luma, widthPx, heightPx, stride: widthPx, whiteLevel }),
        newest.buffer,
      );
      child.stdout?.on('data', (chunk: Buffer) => {
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
      // Not once: a child that cannot be killed says so as well.
      child.on('error', (error) => {
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
      await applying;
    },
  };
}

/** SIGTERM, and SIGKILL where that is not enough. */
function stopChild(child: ChildProcess, host: Host): void {
  child.kill('SIGTERM');
  const cancel = host.clock.after(KILL_MS, () => child.kill('SIGKILL'));
  child.once('exit', cancel);
}

/** What to call ffmpeg with, or the fault that makes it useless to. */
async function planCall(settings: FfmpegSettings, version: FfmpegVersion, isLoud: boolean, host: Host): Promise<FfmpegCall | FaultCode> {
  // The name of an unplugged camera goes with it.
  if (settings.kind === 'v4l2' && !existsSync(settings.source)) return 'camera-missing';
  const mode = await findMode(settings, host);
  if (mode !== undefined && isLoud) host.log.info('camera-mode', { ...mode });
  return ffmpegCall(settings, version, mode);
}

async function findVersion(ffmpegPath: string, clock: Clock): Promise<FfmpegVersion | undefined> {
  const { isGood, stdout } = await runTool(ffmpegPath, ['-hide_banner', '-version'], VERSION_MS_MAX, clock);
  return isGood ? parseFfmpegVersion(stdout) : undefined;
}

/** What works and should be mended all the same. */
function warnOnce({ kind, ...settings }: FfmpegSettings, version: FfmpegVersion, host: Host): void {
  if ((kind === 'rtsp' || kind === 'mjpeg') && showsLogin({ ...settings, kind }, version)) {
    host.log.warn('camera-login-visible', { ffmpeg: version.major });
  }
  const better = kind === 'v4l2' ? steadierName(settings.source) : undefined;
  if (better !== undefined) host.log.warn('camera-name-unsteady', { source: settings.source, better });
}

/** The first lines of each life of the child, without its login and the address of a network camera, which may hold more secrets. */
function logStderr(child: ChildProcess, settings: FfmpegSettings, isLoud: boolean, host: Host): void {
  let lines = 0;
  let begun = '';
  const secrets = settings.kind === 'rtsp' || settings.kind === 'mjpeg' ? [addressOf(settings), settings.source] : [];
  const withoutAddress = (line: string) => secrets.reduce((kept, secret) => kept.replaceAll(secret, '(address)'), line);
  const say = (line: string) => {
    if (!isLoud || line.trim() === '' || ++lines > STDERR_LINES_MAX) return;
    host.log.warn('ffmpeg', { says: redact(withoutAddress(line), settings.login).slice(0, STDERR_CHARS_MAX) });
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    // Whole lines only: a login that is cut in two would not be known again.
    const parts = (begun + text).split('\n');
    begun = parts.pop() ?? '';
    if (begun.length > STDERR_LINE_MAX) begun = '';
    for (const line of parts) say(line);
  });
  child.once('close', () => say(begun));
}
