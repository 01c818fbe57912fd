/**
 * `bench path`: the whole path with a real Chromium. From the arrival of the deciding frame in this process to the page's
 * word that it painted the verdict, by replay; and from a frame handed to an RTSP camera to the same word. Then what the
 * kiosk costs (`cpu.ts`).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Closers, closingAfter } from '../../config/closers.ts';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { parseConfig } from '../../config/options/parse-config.ts';
import { sleep } from '../../config/ports/clock.ts';
import { silentLog } from '../../config/ports/log.ts';
import { feedCamera } from '../../fixtures/camera-feed.ts';
import { createDemoKit, type DemoKit } from '../../fixtures/demo-kit.ts';
import { openRtspCamera } from '../../fixtures/network-camera.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { Y4M_FRAME_LINE, y4mHeader } from '../../kiosk/camera/y4m.ts';
import { type Kiosk, openKiosk } from '../../kiosk/main.ts';
import { openBenchBrowser } from './browser.ts';
import { measureCpu } from './cpu.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const PEOPLE = 24;
const RATE_HZ = 25;
const HELD_FRAMES = 12;
/** Long enough for the one before to have left, and for the next result to be allowed. */
const EMPTY_FRAMES = 30;
const START_MS_MAX = 15_000;

interface Sample {
  readonly arrivedAtMs: number;
  readonly decodeMs: number;
  readonly decidedAtMs: number;
  readonly paintedAtMs: number;
}

type Say = (line: string) => void;

export async function benchPath(say: Say): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-path-'));
  const browser = await openBenchBrowser('path');
  try {
    const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
    const results: Record<string, Metric> = {};
    for (const kind of ['replay', 'rtsp'] as const) {
      say(`${kind}: ${PEOPLE} people`);
      const own = join(folder, kind);
      const show = (url: string) => page.goto(url);
      const run = await (kind === 'replay' ? runReplay(own, show, say) : closingAfter((opened) => runRtsp(opened, own, show, say)));
      const { samples, handedAtMs, controlMs } = run;
      const spans = (from: (sample: Sample, index: number) => number, to: (sample: Sample) => number) =>
        metric(
          samples.map((sample, index) => to(sample) - from(sample, index)),
          'ms',
        );
      results[`${kind}: control, a result shown and confirmed without camera`] = metric(controlMs, 'ms');
      results[`${kind}: decode`] = metric(
        samples.map(({ decodeMs }) => decodeMs),
        'ms',
      );
      results[`${kind}: frame in Node to committed decision`] = spans(
        ({ arrivedAtMs }) => arrivedAtMs,
        ({ decidedAtMs }) => decidedAtMs,
      );
      results[`${kind}: frame in Node to painted`] = spans(
        ({ arrivedAtMs }) => arrivedAtMs,
        ({ paintedAtMs }) => paintedAtMs,
      );
      if (handedAtMs !== undefined) {
        results[`${kind}: frame at the camera to painted`] = spans(
          (_, index) => handedAtMs[index] ?? Number.NaN,
          ({ paintedAtMs }) => paintedAtMs,
        );
      }
    }
    await page.close();
    Object.assign(results, await measureCpu(join(folder, 'cpu'), browser, say));
    return { name: 'path', results };
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Run {
  readonly samples: readonly Sample[];
  /** When each person's first frame was handed to the camera. */
  readonly handedAtMs: readonly number[] | undefined;
  readonly controlMs: readonly number[];
}

async function runReplay(folder: string, show: (url: string) => Promise<unknown>, say: Say): Promise<Run> {
  const clip = join(folder, 'clip.y4m');
  const kit = createDemoKit(
    {
      folder,
      nowMs: nodeClock.wallMs(),
      demo: true,
      moreValid: PEOPLE,
      config: config({ 'camera.kind': 'replay', 'camera.source': clip }),
    },
    nodeRandom,
  );
  writeFileSync(clip, y4mHeader(SIZE.widthPx, SIZE.heightPx, RATE_HZ));
  const { people, empty } = peopleOf(kit);
  const file = await open(clip, 'a');
  // The first seconds belong to the browser.
  for (let frame = 0; frame < RATE_HZ * 3; frame++) await file.writev([Buffer.from(Y4M_FRAME_LINE), empty]);
  for (const person of people) {
    for (let frame = 0; frame < HELD_FRAMES + EMPTY_FRAMES; frame++)
      await file.writev([Buffer.from(Y4M_FRAME_LINE), frame < HELD_FRAMES ? person : empty]);
  }
  await file.close();
  const recorder = createRecorder();
  const kiosk = await openBenchKiosk(kit, recorder);
  try {
    await show(kiosk.display.enterUrl('citizen'));
    await kiosk.checkpoint.done;
    say(`replay: ${recorder.samples.length} verdicts`);
    return { samples: recorder.samples, handedAtMs: undefined, controlMs: await control(kiosk) };
  } finally {
    await kiosk.close();
  }
}

async function runRtsp(opened: Closers, folder: string, show: (url: string) => Promise<unknown>, say: Say): Promise<Run> {
  const camera = opened.add(await openRtspCamera({ ...SIZE, frameRateHz: RATE_HZ }));
  const kit = createDemoKit(
    {
      folder,
      nowMs: nodeClock.wallMs(),
      demo: true,
      moreValid: PEOPLE,
      config: config({ 'camera.kind': 'rtsp', 'camera.source': camera.url }),
    },
    nodeRandom,
  );
  const { people, empty, otherEmpty } = peopleOf(kit);
  const recorder = createRecorder();
  let frames = 0;
  let shown = empty;
  let handed: ((atMs: number) => void) | undefined;
  const feed = () => {
    // A sensor has noise: no two of its pictures are the same.
    if (shown === empty) return frames++ % 2 === 0 ? otherEmpty : empty;
    handed?.(nodeClock.monotonicMs());
    handed = undefined;
    return shown;
  };
  opened.defer(feedCamera(camera, RATE_HZ, feed));
  const kiosk = opened.add(await openBenchKiosk(kit, recorder));
  const handedAtMs: number[] = [];
  await show(kiosk.display.enterUrl('citizen'));
  for (const endMs = nodeClock.monotonicMs() + START_MS_MAX; kiosk.checkpoint.fault() !== undefined && nodeClock.monotonicMs() < endMs; )
    await sleep(nodeClock, 50);
  for (const person of people) {
    const before = recorder.samples.length;
    const handing = new Promise<number>((resolve) => {
      handed = resolve;
    });
    // Not in step with the camera's rate.
    await sleep(nodeClock, (nodeRandom.bytes(1)[0] ?? 0) / 6);
    shown = person;
    const atMs = await handing;
    await sleep(nodeClock, (HELD_FRAMES * 1000) / RATE_HZ);
    shown = empty;
    await sleep(nodeClock, (EMPTY_FRAMES * 1000) / RATE_HZ);
    if (recorder.samples.length > before) handedAtMs.push(atMs);
  }
  say(`rtsp: ${recorder.samples.length} verdicts`);
  return { samples: recorder.samples, handedAtMs, controlMs: await control(kiosk) };
}

function config(camera: Record<string, string>) {
  return { ...camera, 'display.port': 0, 'display.required': true, 'log.level': 'silent' as const };
}

/** Each person has a valid code of their own. */
function peopleOf(kit: DemoKit) {
  const people = kit.moreValid.map((text, index) =>
    renderFrame({ ...SIZE, seed: index + 1, code: { text, modulePx: 4, look: 'phone', x: 0.5, y: 0.5, turnDeg: (index % 7) - 3 } }),
  );
  return { people, empty: renderFrame({ ...SIZE, seed: 99 }), otherEmpty: renderFrame({ ...SIZE, seed: 98 }) };
}

function createRecorder() {
  const samples: Sample[] = [];
  const pending = new Map<string, Omit<Sample, 'paintedAtMs'>>();
  let last = { arrivedAtMs: 0, decodeMs: 0 };
  return {
    samples,
    watcher: {
      onSighting: ({ arrivedAtMs, decodeMs }: { arrivedAtMs: number; decodeMs: number }) => {
        last = { arrivedAtMs, decodeMs };
      },
      onDecision: ({ record }: { record: { id: string } }) =>
        void pending.set(record.id, { ...last, decidedAtMs: nodeClock.monotonicMs() }),
      onPainted: (id: string, outcome: string) => {
        const sample = pending.get(id);
        if (sample !== undefined && outcome === 'painted') samples.push({ ...sample, paintedAtMs: nodeClock.monotonicMs() });
      },
    },
  };
}

async function openBenchKiosk(kit: DemoKit, recorder: ReturnType<typeof createRecorder>): Promise<Kiosk> {
  const parsed = parseConfig(readFileSync(kit.configFile, 'utf8'));
  if (!parsed.ok) throw new Error(parsed.problems[0].key);
  const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
  return openKiosk({ config: parsed.config, configFile: kit.configFile, allowDemo: true, loops: 1, watcher: recorder.watcher }, host);
}

/** What showing alone costs: no camera, no decoding, no journal. */
async function control(kiosk: Kiosk): Promise<number[]> {
  const times: number[] = [];
  kiosk.display.setLane({ open: true });
  for (let round = 0; round < PEOPLE; round++) {
    await sleep(nodeClock, 150);
    const startMs = nodeClock.monotonicMs();
    const outcome = await kiosk.display.showResult({
      state: 'see-staff',
      words: 'see-staff',
      code: 'S-10',
      grade: 'fresh',
      sliceAgeMinutes: 0,
    });
    if (outcome === 'painted') times.push(nodeClock.monotonicMs() - startMs);
  }
  return times;
}
