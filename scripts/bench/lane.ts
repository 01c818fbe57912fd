/**
 * `bench lane`: people of a seed walk up to a whole kiosk, one behind the other, each as soon as the screen has answered the
 * one before. A network camera, the kiosk in a process of its own, a real Chromium whose screen is the only judge. Then a busy
 * street without codes (`street.ts`).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type Closers, closingAfter } from '../../config/closers.ts';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { sleep } from '../../config/ports/clock.ts';
import { feedCamera } from '../../fixtures/camera-feed.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { startKioskProcess } from '../../fixtures/kiosk-process.ts';
import { type NetworkCamera, openMjpegCamera, openRtspCamera } from '../../fixtures/network-camera.ts';
import { parseMetrics } from '../../fixtures/prometheus.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { openBenchBrowser } from './browser.ts';
import { createPeople, type Person } from './lane-people.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';
import { countFalseReadings } from './street.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const RATE_HZ = 15;
const PEOPLE = 30;
const SEED = 5;
const STREET_MINUTES = 2;
const EMPTY_FRAMES = 8;
/** A person who gets no answer goes on after so long. */
const PATIENCE_MS = 7_000;
/** From the answer until the next code is in view: the phone is taken back, the next one is held out. Frames of a visit count. */
const HAND_MS = 1_200;

type Say = (line: string) => void;

interface Visit {
  readonly person: Person;
  /** Undefined where none came. */
  readonly answer: { readonly state: string; readonly afterMs: number } | undefined;
}

export async function benchLane(say: Say, options: { readonly minutes?: number | undefined }): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-lane-'));
  try {
    const results = await closingAfter((opened) => runLane(opened, folder, say));
    Object.assign(results, await countFalseReadings(options.minutes ?? STREET_MINUTES, say));
    return { name: 'lane', results };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runLane(opened: Closers, folder: string, say: Say): Promise<Record<string, Metric>> {
  const browser = opened.add(await openBenchBrowser('lane'));
  const { camera, kind } = await openCamera(say);
  opened.add(camera);
  const kit = createDemoKit(
    {
      folder,
      nowMs: nodeClock.wallMs(),
      demo: false,
      moreValid: PEOPLE,
      config: { 'camera.kind': kind, 'camera.source': camera.url, 'display.port': 0 },
    },
    nodeRandom,
  );
  say(`lane: rendering ${PEOPLE} people`);
  const people = createPeople(kit, { ...SIZE, count: PEOPLE, seed: SEED });
  const empty = Array.from({ length: EMPTY_FRAMES }, (_, seed) => renderFrame({ ...SIZE, seed: seed + 1 }));
  const show = createStage(empty);
  opened.defer(feedCamera(camera, RATE_HZ, show.next));
  const kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
  opened.defer(kiosk.stop);
  await kiosk.until('kiosk-started');
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
  await page.goto(kiosk.enterUrl('citizen'));
  const answers = await watchScreen(page);
  await kiosk.until('lane-open');
  say(`lane: ${PEOPLE} people, ${kind}`);
  const startMs = nodeClock.monotonicMs();
  const visits: Visit[] = [];
  for (const person of people) visits.push(await receive(person, show, answers));
  const spentMs = nodeClock.monotonicMs() - startMs;
  for (const { person, answer } of visits.filter(isNotAsExpected))
    say(`lane: ${person.description}: expected ${person.expected}, ${answer === undefined ? 'no answer' : `got ${answer.state}`}`);
  const outcomes = parseMetrics(await (await fetch(new URL('/metrics', page.url()))).text());
  return laneResults(visits, spentMs, outcomes);
}

function laneResults(visits: readonly Visit[], spentMs: number, outcomes: ReadonlyMap<string, number>): Record<string, Metric> {
  const answered = visits.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
  const wrong = visits.filter((visit) => visit.answer !== undefined && isNotAsExpected(visit));
  const results = (outcome: string) => outcomes.get(`checkpoint_results_painted_total{outcome="${outcome}"}`) ?? 0;
  const shown = results('painted') + results('unpainted') + results('superseded');
  return {
    'lane: people a minute': metric([(visits.length * 60_000) / spentMs], '1/min'),
    'lane: decided': metric([(100 * answered.length) / visits.length], '%'),
    'lane: wrong verdicts': metric([wrong.length], 'count'),
    'lane: code at the camera to verdict on the screen, behind a pass': metric(
      visits.flatMap(({ answer }, index) => (answer !== undefined && isBehindPass(visits, index) ? [answer.afterMs] : [])),
      'ms',
    ),
    'lane: results painted': metric([(100 * results('painted')) / shown], '%'),
  };
}

/** Behind a person who was stopped it is that person's three seconds on the screen that are waited for. */
function isBehindPass(visits: readonly Visit[], index: number): boolean {
  return index === 0 || visits[index - 1]?.answer?.state === 'pass';
}

function isNotAsExpected({ person, answer }: Visit): boolean {
  return answer?.state !== person.expected;
}

/** RTSP where GStreamer is installed, else motion JPEG, which needs nothing but ffmpeg on the kiosk's side. */
async function openCamera(say: Say): Promise<{ camera: NetworkCamera; kind: 'rtsp' | 'mjpeg' }> {
  const options = { ...SIZE, frameRateHz: RATE_HZ };
  try {
    return { camera: await openRtspCamera(options), kind: 'rtsp' };
  } catch (error) {
    say(`lane: no RTSP server here (${error instanceof Error ? error.message : error}): motion JPEG instead`);
    return { camera: await openMjpegCamera(options), kind: 'mjpeg' };
  }
}

interface Stage {
  next(): Uint8Array;
  /** Frames that are shown once, then those that go on until something else is set. Resolves when the first was taken. */
  set(once: readonly Uint8Array[], then: readonly Uint8Array[] | undefined): Promise<void>;
}

/** What is in front of the camera, frame by frame; without anything else, the empty scene. */
function createStage(empty: readonly Uint8Array[]): Stage {
  let frames = 0;
  let queue: Uint8Array[] = [];
  let held: readonly Uint8Array[] = empty;
  let taken: (() => void) | undefined;
  return {
    next() {
      taken?.();
      taken = undefined;
      frames++;
      return queue.shift() ?? held[frames % held.length] ?? new Uint8Array();
    },
    set: (once, then = empty) =>
      new Promise((resolve) => {
        queue = [...once];
        held = then;
        taken = resolve;
      }),
  };
}

interface Answers {
  /** The next verdict that the page shows; undefined after `msMax`. */
  next(msMax: number): Promise<string | undefined>;
}

/** Told by the page itself, at each change of its state. */
async function watchScreen(page: Page): Promise<Answers> {
  let heard: ((state: string) => void) | undefined;
  await page.exposeFunction('screenShows', (state: string) => {
    if (!['idle', 'reading', 'out-of-service'].includes(state)) heard?.(state);
  });
  await page.evaluate(`new MutationObserver(() => screenShows(document.querySelector('#screen').dataset.state))
    .observe(document.querySelector('#screen'), { attributeFilter: ['data-state'] })`);
  return {
    next: (msMax) =>
      new Promise((resolve) => {
        const cancel = nodeClock.after(msMax, () => resolve(undefined));
        heard = (state) => {
          cancel();
          resolve(state);
        };
      }),
  };
}

/** One person: holds the code out until the screen answers, takes it back, and leaves the lane to the next one. */
async function receive(person: Person, show: Stage, answers: Answers): Promise<Visit> {
  const answering = answers.next(PATIENCE_MS);
  await show.set(person.comes, person.holds);
  const startMs = nodeClock.monotonicMs();
  const state = await answering;
  const afterMs = nodeClock.monotonicMs() - startMs;
  await show.set(person.leaves, undefined);
  const comingMs = (person.comes.length * 1000) / RATE_HZ;
  await sleep(nodeClock, HAND_MS - comingMs + person.pauseMs);
  return { person, answer: state === undefined ? undefined : { state, afterMs } };
}
