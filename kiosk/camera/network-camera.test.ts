import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { freePort, type NetworkCamera, openMjpegCamera, openRtspCamera, playFrames } from '../../fixtures/network-camera.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { describeWith } from '../../fixtures/tools.ts';
import type { CameraSettings } from './camera-settings.ts';
import type { Frame, FrameSource } from './frame-source.ts';
import { openCamera } from './open-camera.ts';

const SIZE = { widthPx: 640, heightPx: 360 };
const RATE_HZ = 15;
const frames = [1, 2, 3].map((seed) => renderFrame({ ...SIZE, seed }));
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const settings = (kind: 'rtsp' | 'mjpeg', source: string, login?: string): CameraSettings => ({
  kind,
  source,
  login,
  widthPx: 1280,
  heightPx: 720,
  frameRateHz: 30,
  ffmpegPath: 'ffmpeg',
  stalledMs: 2_000,
  loops: 1,
});

/** Everything the source logs, as text. */
function open(camera: CameraSettings): { source: FrameSource; said: () => string } {
  const lines: string[] = [];
  const write = (event: string, fields?: object) => void lines.push(`${event} ${JSON.stringify(fields)}`);
  const log = { ...silentLog, info: write, warn: write, error: write };
  const source = openCamera(camera, { clock: nodeClock, random: nodeRandom, log });
  closers.push(source.close);
  return { source, said: () => lines.join('\n') };
}

async function serve(kind: 'rtsp' | 'mjpeg', options: { port?: number; login?: string } = {}): Promise<NetworkCamera> {
  const camera = await (kind === 'rtsp' ? openRtspCamera : openMjpegCamera)({ ...SIZE, frameRateHz: RATE_HZ, ...options });
  const stop = playFrames(camera, frames, RATE_HZ);
  closers.push(async () => {
    await camera.close();
    await stop();
  });
  return camera;
}

async function waitFor(what: string, isTrue: () => boolean, msMax = 15_000): Promise<void> {
  for (const endMs = Date.now() + msMax; !isTrue(); ) {
    if (Date.now() > endMs) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The command lines of this process's own children, as `ps` would show them. */
function childLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return Number(parent) === process.pid && line.startsWith('ffmpeg') ? [line] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

/** Mean difference of two pictures in grey levels: the codec changes a little, the scene must be ours. */
function difference(frame: Frame, expected: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < expected.length; at++) sum += Math.abs((frame.luma[at] ?? 0) - (expected[at] ?? 0));
  return sum / expected.length;
}

describeWith(['ffmpeg', 'rtsp-server'], 'network cameras through ffmpeg', () => {
  it.each(['rtsp', 'mjpeg'] as const)('%s: delivers the picture in its own size', async (kind) => {
    const camera = await serve(kind);
    const { source } = open(settings(kind, camera.url));
    const frame = await source.next();
    // A film has its white at 235, a JPEG at 255.
    expect(frame).toMatchObject({ ...SIZE, stride: SIZE.widthPx, generation: 1, whiteLevel: kind === 'rtsp' ? 235 : 255 });
    // A limited-range codec squeezes the levels; the shape of the scene stays.
    expect(frame && difference(frame, frames[0] ?? new Uint8Array())).toBeLessThan(25);
    expect(source.health()).toMatchObject({ state: 'live', fault: undefined });
  });

  it.each(['rtsp', 'mjpeg'] as const)('%s: a stalled picture closes the lane within 3 s and comes back by itself', async (kind) => {
    const camera = await serve(kind);
    const { source } = open(settings(kind, camera.url));
    await source.next();
    camera.stall();
    await waitFor('down', () => source.health().state === 'down', 3_500);
    expect(source.health().fault).toBe('camera-stalled');
    await waitFor('reopened', () => source.health().restarts > 0);
    expect(source.health().state).toBe('down');
    camera.resume();
    await waitFor('live again', () => source.health().state === 'live');
    const frame = await source.next();
    expect(frame?.generation).toBeGreaterThan(1);
  });

  it('rtsp: finds a camera again that went away and came back', async () => {
    const port = await freePort();
    const first = await openRtspCamera({ ...SIZE, frameRateHz: RATE_HZ, port });
    const stop = playFrames(first, frames, RATE_HZ);
    const { source } = open(settings('rtsp', first.url));
    await source.next();
    await first.close();
    await stop();
    await waitFor('down', () => source.health().state === 'down');
    await serve('rtsp', { port });
    await waitFor('live again', () => source.health().state === 'live');
  });

  it.each(['rtsp', 'mjpeg'] as const)('%s: logs in with the given password and never says it', async (kind) => {
    const camera = await serve(kind, { login: 'gate:s3cret word' });
    const good = open(settings(kind, camera.url, 'gate:s3cret word'));
    expect(await good.source.next()).toMatchObject(SIZE);
    const bad = open(settings(kind, camera.url, 'gate:wrongpass1'));
    await waitFor('refused', () => bad.source.health().state === 'down');
    expect(bad.source.health().fault).toBe('camera-missing');
    const said = good.said() + bad.said();
    expect(said).toContain('401');
    expect(said).not.toMatch(/s3cret|wrongpass1/);
  });

  it.skipIf(process.platform !== 'linux').each(['rtsp', 'mjpeg'] as const)(
    '%s: no other user of the machine can read the password in the list of processes',
    async (kind) => {
      const camera = await serve(kind, { login: 'gate:s3cret word' });
      const { source, said } = open(settings(kind, camera.url, 'gate:s3cret word'));
      await source.next();
      const lines = childLines();
      expect(lines).toEqual([expect.stringMatching(/^ffmpeg .*-f concat .*-i pipe:0/)]);
      expect(lines.join()).not.toMatch(/s3cret|gate|127\.0\.0\.1/);
      expect(said()).not.toMatch(/s3cret|camera-login-visible/);
    },
  );

  it('mjpeg: takes nothing that is no motion JPEG', async () => {
    const playlist = '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n';
    const decoy = createServer((_request, response) => response.writeHead(200, { 'content-type': 'audio/mpegurl' }).end(playlist));
    decoy.listen(0, '127.0.0.1');
    await once(decoy, 'listening');
    closers.push(async () => {
      decoy.close();
      decoy.closeAllConnections();
    });
    const address = decoy.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { source, said } = open(settings('mjpeg', `http://127.0.0.1:${port}/v.m3u8?token=t0ken`));
    await waitFor('refused', () => source.health().state === 'down');
    expect(source.health().fault).toBe('camera-missing');
    await waitFor('said', () => said().includes('hls'));
    // An address may hold more secrets than a login.
    expect(said()).not.toContain('t0ken');
  });

  it('mjpeg: follows no redirect to another place', async () => {
    const camera = await serve('mjpeg');
    const decoy = createServer((_request, response) => response.writeHead(302, { location: camera.url }).end()).listen(0, '127.0.0.1');
    await once(decoy, 'listening');
    closers.push(async () => {
      decoy.close();
      decoy.closeAllConnections();
    });
    const address = decoy.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { source } = open(settings('mjpeg', `http://127.0.0.1:${port}/`));
    await waitFor('refused', () => source.health().state === 'down');
    expect(source.health().fault).toBe('camera-missing');
  });

  it('says so where ffmpeg is missing', async () => {
    const { source } = open({ ...settings('rtsp', 'rtsp://127.0.0.1:1/x'), ffmpegPath: '/nowhere/ffmpeg' });
    await waitFor('down', () => source.health().state === 'down');
    expect(source.health().fault).toBe('ffmpeg-missing');
  });
});
