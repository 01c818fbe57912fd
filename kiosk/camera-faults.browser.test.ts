import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FaultCode, faults } from '../config/faults.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { openBrowser } from '../fixtures/browser.ts';
import { feedCamera } from '../fixtures/camera-feed.ts';
import { createDemoKit } from '../fixtures/demo-kit.ts';
import { type KioskProcess, startKioskProcess } from '../fixtures/kiosk-process.ts';
import { type NetworkCamera, openMjpegCamera } from '../fixtures/network-camera.ts';
import { parseMetrics } from '../fixtures/prometheus.ts';
import { renderFrame } from '../fixtures/render-qr.ts';
import { describeWith } from '../fixtures/tools.ts';

const SIZE = { widthPx: 640, heightPx: 360 };
const RATE_HZ = 15;
const PINO_WARN = 40;
const FRAMES = 6;
const series = (make: (seed: number) => Uint8Array) => Array.from({ length: FRAMES }, (_, index) => make(index + 1));

describeWith(['chromium', 'ffmpeg'], 'a camera that is not well', () => {
  let browser: Browser;
  let camera: NetworkCamera;
  let stopFeeding: () => Promise<void>;
  let kiosk: KioskProcess;
  let citizen: Page;
  let supervisor: Page;
  const folder = mkdtempSync(join(tmpdir(), 'camera-faults-'));
  // A page of print at the wall: something that can be sharp.
  const sign = { text: 'CP1:NOTICE', modulePx: 3, look: 'paper', x: 0.9, y: 0.3 } as const;
  const street = series((seed) => renderFrame({ ...SIZE, seed, code: sign }));
  let shown = street;

  beforeAll(async () => {
    browser = await openBrowser();
    camera = await openMjpegCamera({ ...SIZE, frameRateHz: RATE_HZ });
    let at = 0;
    stopFeeding = feedCamera(camera, RATE_HZ, () => shown[at++ % shown.length] ?? new Uint8Array());
    const config = {
      ...{ 'camera.kind': 'mjpeg', 'camera.source': camera.url, 'display.port': 0, 'guide.width': 0.6 },
      ...{ 'camera.frozenMs': 1_500, 'camera.coveredMs': 800, 'camera.washedOutMs': 800, 'camera.stalledMs': 1_000 },
    };
    const kit = createDemoKit({ folder, nowMs: Date.now(), demo: false, config }, nodeRandom);
    kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
    await kiosk.until('kiosk-started');
    citizen = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await citizen.goto(kiosk.enterUrl('citizen'));
    supervisor = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await supervisor.goto(kiosk.enterUrl('supervisor'));
    await kiosk.until('lane-open');
    // What the camera usually shows is learned from ten pictures, one a second.
    await new Promise((resolve) => setTimeout(resolve, 11_000));
  });
  afterAll(async () => {
    await kiosk?.stop();
    await stopFeeding();
    await camera.close();
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const metrics = async () => parseMetrics(await (await fetch(new URL('/metrics', citizen.url()))).text());
  const within = { timeout: 15_000, interval: 100 };
  const pictures: readonly [FaultCode, readonly Uint8Array[] | 'stall'][] = [
    ['camera-black', series((seed) => renderFrame({ ...SIZE, seed, light: 0.001 }))],
    ['camera-washed-out', series((seed) => renderFrame({ ...SIZE, seed, light: 20 }))],
    ['camera-covered', series((seed) => new Uint8Array(SIZE.widthPx * SIZE.heightPx).map((_, at) => 90 + ((at * 7 + seed) % 5)))],
    ['camera-out-of-focus', series((seed) => blurred(renderFrame({ ...SIZE, seed, code: sign, noise: 0 }), seed))],
    ['camera-frozen', street.slice(0, 1)],
    ['camera-stalled', 'stall'],
  ];

  it.each(pictures)('%s: the log, both pages and the metrics say it, and say when it is over', async (code, frames) => {
    const opened = () => kiosk.log.filter(({ event }) => event === 'lane-open').length;
    const before = opened();
    if (frames === 'stall') camera.stall();
    else shown = [...frames];
    const { screenCode, summaryVi } = faults[code];
    await expect.poll(() => citizen.locator('#code').innerText(), within).toBe(screenCode);
    await expect.poll(() => supervisor.locator('#alert').innerText(), within).toContain(`${screenCode}: ${summaryVi}`);
    expect(kiosk.log).toContainEqual(expect.objectContaining({ event: code, level: PINO_WARN }));
    const values = await metrics();
    const raised = [...values].filter(([name, value]) => name.includes('_fault{') && value === 1).map(([name]) => name);
    expect(raised).toEqual([`checkpoint_lane_fault{code="${code}"}`, `checkpoint_camera_fault{code="${code}"}`]);
    expect(values.get('checkpoint_camera_state{state="down"}')).toBe(1);
    shown = street;
    camera.resume();
    await expect.poll(opened, within).toBe(before + 1);
    await expect.poll(async () => (await metrics()).get('checkpoint_lane_open'), within).toBe(1);
  });
});

/** As a lens sees it that is set to another distance: each pixel is the mean of those around it. */
function blurred(luma: Uint8Array, seed: number): Uint8Array {
  const { widthPx, heightPx } = SIZE;
  const radius = 24;
  const along = (from: ArrayLike<number>, step: number, length: number, lines: number, lineStep: number) => {
    const to = new Float32Array(luma.length);
    for (let line = 0; line < lines; line++) {
      for (let at = 0; at < length; at++) {
        let sum = 0;
        for (let offset = -radius; offset <= radius; offset++) {
          const clamped = Math.min(length - 1, Math.max(0, at + offset));
          sum += from[line * lineStep + clamped * step] ?? 0;
        }
        to[line * lineStep + at * step] = sum / (2 * radius + 1);
      }
    }
    return to;
  };
  const across = along(luma, 1, widthPx, heightPx, widthPx);
  const soft = along(across, widthPx, heightPx, widthPx, 1);
  // The sensor behind the lens has its noise all the same.
  return Uint8Array.from(soft, (level, at) => level + (((at * 7919 + seed * 104_729) >> 3) % 5));
}
