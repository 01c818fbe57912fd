/**
 * Single pictures through node-webcam: for cameras that nothing else opens. The tool behind it may report success and hand
 * back an earlier picture, so every shot goes to a fresh random name and is believed only if the file is new, whole and of
 * this moment. About one picture a second: never the default.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { default as NodeWebcam } from 'node-webcam';
import { loadModule } from '../../config/host/native-module.ts';
import type { Host } from '../../config/ports/host.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import type { CameraSettings } from './camera-settings.ts';
import type { FrameSource } from './frame-source.ts';
import { createNewestFrame } from './newest-frame.ts';
import { openPicture } from './pictures.ts';

/** Takes one picture into `file`. */
export type TakeShot = (file: string) => Promise<void>;

const SHOT_MS_MAX = 5_000;
const RETRY_MS = 1_000;
/** A shot takes a second or more and is checked by itself: gaps between shots say nothing. */
const LIMITS = { lateGapMs: Infinity, degradedMs: 3_000, downMs: 6_000 };
/** File times are coarse. */
const MTIME_SLACK_MS = 1_100;

export function webcamShot(settings: CameraSettings): TakeShot {
  const webcam = loadModule('node-webcam');
  if (!isWebcam(webcam)) throw new Error('node-webcam makes no cameras');
  const camera = webcam.create({
    width: settings.widthPx,
    height: settings.heightPx,
    output: 'jpeg',
    device: settings.source === 'default' ? false : settings.source,
    callbackReturn: 'location',
    saveShots: false,
    verbose: false,
  });
  return (file) => new Promise((resolve, reject) => camera.capture(file, (error) => (error ? reject(error) : resolve())));
}

function isWebcam(value: unknown): value is typeof NodeWebcam {
  return typeof value === 'object' && value !== null && 'create' in value;
}

export function createStillsSource(take: TakeShot, host: Host): FrameSource {
  const newest = createNewestFrame(host.clock, LIMITS);
  const folder = mkdtempSync(join(tmpdir(), 'checkpoint-kiosk-'));
  let closed = false;

  const shoot = async (generation: number): Promise<void> => {
    const file = join(folder, `${toHex(host.random.bytes(12))}.jpg`);
    const startWallMs = host.clock.wallMs();
    try {
      await withLimit(take(file), host);
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat === undefined || stat.size === 0) throw new Error('the camera gave no picture');
      if (stat.mtimeMs < startWallMs - MTIME_SLACK_MS) throw new Error('the camera gave an old picture');
      const { data, info } = await openPicture(file).greyscale().raw().toBuffer({ resolveWithObject: true });
      newest.put(generation, { luma: new Uint8Array(data), widthPx: info.width, heightPx: info.height, stride: info.width });
    } finally {
      rmSync(file, { force: true });
    }
  };

  const run = async (): Promise<void> => {
    let generation = newest.open();
    while (!closed) {
      try {
        await shoot(generation);
      } catch (error) {
        host.log.warn('camera-missing', { why: error instanceof Error ? error.message : String(error) });
        newest.shut(generation, 'camera-missing');
        await new Promise<void>((resolve) => host.clock.after(RETRY_MS, resolve));
        generation = newest.open();
      }
    }
    rmSync(folder, { recursive: true, force: true });
  };

  const finished = run();
  return {
    next: newest.next,
    health: newest.health,
    // Each picture opens the camera anew.
    reopen: () => undefined,
    async close() {
      closed = true;
      newest.close();
      await finished;
    },
  };
}

function withLimit(work: Promise<void>, host: Host): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = host.clock.after(SHOT_MS_MAX, () => reject(new Error(`no picture in ${SHOT_MS_MAX} ms`)));
    work.then(resolve, reject).finally(cancel);
  });
}
