/**
 * The part of `bench path` that says what a kiosk costs: processor time of the kiosk's own process, of ffmpeg and of Chromium
 * while a network camera shows an empty scene, and while people come. The kiosk runs as it is installed, in a process of its
 * own, with one citizen page and its mirror; camera and people are made by others, who are not counted.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type Closers, closingAfter } from '../../config/closers.ts';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { sleep } from '../../config/ports/clock.ts';
import { feedCamera } from '../../fixtures/camera-feed.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { startKioskProcess } from '../../fixtures/kiosk-process.ts';
import { openRtspCamera } from '../../fixtures/network-camera.ts';
import { mainThreadCpuMs, processTree } from '../../fixtures/process-usage.ts';
import { parseMetrics } from '../../fixtures/prometheus.ts';
import { renderFrame, renderVisit } from '../../fixtures/render-qr.ts';
import { openBenchBrowser } from './browser.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const RATE_HZ = 15;
/** Pictures of the empty scene that differ by the noise of the sensor alone. */
const NOISE_FRAMES = 12;
const PEOPLE = 12;
const HOLD_FRAMES = 10;
/** From one person to the next: 30 people a minute. */
const PERSON_FRAMES = 2 * RATE_HZ;
const SETTLE_MS = 8_000;
const WINDOW_MS = 4_000;
const WINDOWS = 6;
const MIB = 1 << 20;

type Part = 'kiosk process' | 'its first thread' | 'ffmpeg' | 'Chromium';

/** `bench cpu`: that part alone. */
export async function benchCpu(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-cpu-'));
  const browser = await openBenchBrowser('cpu');
  try {
    return { name: 'cpu', results: await measureCpu(folder, browser, say) };
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function measureCpu(folder: string, browser: Browser, say: (line: string) => void): Promise<Record<string, Metric>> {
  return closingAfter((opened) => measureKiosk(opened, folder, browser, say));
}

async function measureKiosk(
  opened: Closers,
  folder: string,
  browser: Browser,
  say: (line: string) => void,
): Promise<Record<string, Metric>> {
  const camera = opened.add(await openRtspCamera({ ...SIZE, frameRateHz: RATE_HZ }));
  const kit = createDemoKit(
    {
      folder,
      nowMs: nodeClock.wallMs(),
      demo: false,
      moreValid: PEOPLE,
      config: { 'camera.kind': 'rtsp', 'camera.source': camera.url, 'display.port': 0 },
    },
    nodeRandom,
  );
  const empty = Array.from({ length: NOISE_FRAMES }, (_, seed) => renderFrame({ ...SIZE, seed: seed + 1 }));
  const visits = kit.moreValid.map((text, index) =>
    renderVisit(
      { ...SIZE, seed: index + 1, code: { text, modulePx: 4, look: index % 2 ? 'paper' : 'phone', x: 0.5, y: 0.5 } },
      HOLD_FRAMES,
    ),
  );
  let frame = 0;
  let peopleFrom: number | undefined;
  const next = () => {
    const at = frame++ - (peopleFrom ?? Number.POSITIVE_INFINITY);
    const visit = at < 0 ? undefined : visits[Math.floor(at / PERSON_FRAMES)];
    return visit?.[at % PERSON_FRAMES] ?? empty[frame % NOISE_FRAMES] ?? new Uint8Array();
  };
  opened.defer(feedCamera(camera, RATE_HZ, next));
  const kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
  opened.defer(kiosk.stop);
  await kiosk.until('kiosk-started');
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
  await page.goto(kiosk.enterUrl('citizen'));
  await kiosk.until('lane-open');
  const framesDecoded = async () =>
    parseMetrics(await (await fetch(new URL('/metrics', page.url()))).text()).get('checkpoint_decode_seconds_count') ?? Number.NaN;
  await sleep(nodeClock, SETTLE_MS);
  say('processor time: an empty scene');
  const results = await measure('idle', kiosk.pid, framesDecoded);
  say(`processor time: ${PEOPLE} people, one every ${PERSON_FRAMES / RATE_HZ} s`);
  peopleFrom = frame;
  Object.assign(results, await measure('people', kiosk.pid, framesDecoded));
  await page.close();
  return results;
}

/** Each sample is one window of some seconds: the middle one is the figure, the spread says how quiet the machine was. */
async function measure(title: string, kioskPid: number, framesDecoded: () => Promise<number>): Promise<Record<string, Metric>> {
  const shares = new Map<Part, number[]>();
  const memory = new Map<Part, number[]>();
  const rates: number[] = [];
  for (let before = { ...take(kioskPid), frames: await framesDecoded() }, window = 0; window < WINDOWS; window++) {
    await sleep(nodeClock, WINDOW_MS);
    const after = { ...take(kioskPid), frames: await framesDecoded() };
    rates.push((1000 * (after.frames - before.frames)) / (after.atMs - before.atMs));
    for (const [part, { cpuMs, rssBytes }] of after.parts) {
      const spentMs = cpuMs - (before.parts.get(part)?.cpuMs ?? 0);
      shares.set(part, [...(shares.get(part) ?? []), (100 * spentMs) / (after.atMs - before.atMs)]);
      if (rssBytes > 0) memory.set(part, [...(memory.get(part) ?? []), rssBytes / MIB]);
    }
    before = after;
  }
  return Object.fromEntries([
    // The control: a kiosk whose camera is starved costs nothing.
    [`${title}: frames decoded`, metric(rates, '1/s')] as const,
    ...[...shares].map(([part, values]) => [`${title}: ${part}, of one core`, metric(values, '%')] as const),
    ...[...memory].map(([part, values]) => [`${title}: ${part}, memory`, metric(values, 'MiB')] as const),
  ]);
}

function take(kioskPid: number) {
  const [own, ...children] = processTree(kioskPid);
  const browsers = processTree(process.pid).filter(({ name }) => name.startsWith('chrom'));
  const sum = (of: readonly { readonly cpuMs: number; readonly rssBytes: number }[]) => ({
    cpuMs: of.reduce((total, { cpuMs }) => total + cpuMs, 0),
    rssBytes: of.reduce((total, { rssBytes }) => total + rssBytes, 0),
  });
  const parts = new Map<Part, { readonly cpuMs: number; readonly rssBytes: number }>([
    ['kiosk process', sum(own === undefined ? [] : [own])],
    ['its first thread', { cpuMs: mainThreadCpuMs(kioskPid), rssBytes: 0 }],
    ['ffmpeg', sum(children)],
    ['Chromium', sum(browsers)],
  ]);
  return { atMs: nodeClock.monotonicMs(), parts };
}
