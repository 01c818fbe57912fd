import { afterEach, beforeEach, expect, it } from 'vitest';
import { type HeldCode, renderFrame } from '../fixtures/render-qr.ts';
import { openTestCheckpoint, type TestCheckpoint } from '../fixtures/test-checkpoint.ts';
import type { FrameSource } from './camera/frame-source.ts';
import { startCheckpoint } from './checkpoint.ts';
import { createKioskTime } from './decision/kiosk-time.ts';
import { noPlateSource } from './decision/plate-source.ts';
import { createCameraCodeSource } from './decode/camera-code-source.ts';
import type { Sighting } from './decode/code-source.ts';
import type { Decoder } from './decode/decoder.ts';
import { openWorkerDecoder } from './decode/worker-decoder.ts';
import { closedScreen, mayCutIn, type ScreenModel } from './display/screen-state.ts';
import type { Signal } from './display/signal.ts';

const SIZE = { widthPx: 640, heightPx: 360 };
const FRAME_MS = 100;
const PEOPLE = 50;
/** Frames of a visit: coming in, held, leaving, and nobody. */
const VISIT = { comes: 1, held: 7, leaves: 1, nobody: 13 };
/** Ten seconds without people at the end: what stands there is still there. */
const EMPTY_END = 100;

let parts: TestCheckpoint;
let decoder: Decoder;
beforeEach(async () => {
  parts = openTestCheckpoint(PEOPLE);
  decoder = await openWorkerDecoder({ frameMsMax: 10_000, budgetMs: 8 }, parts.host);
});
afterEach(async () => {
  await decoder.close();
  parts.close();
});

/** A bank's sticker on the left, and on the right a travel code with a hole in it, which is located and never read. */
function street(bank: string, torn: string): (luma: Uint8Array, frame: number) => void {
  const cut = (code: HeldCode, sidePx: number) => {
    const [left, top] = [Math.round(code.x * SIZE.widthPx - sidePx / 2), Math.round(code.y * SIZE.heightPx - sidePx / 2)];
    const looks = [1, 2, 3, 4, 5].map((seed) => renderFrame({ ...SIZE, seed, code }));
    return { left, top, sidePx, looks };
  };
  const sticker = cut({ text: bank, modulePx: 2.2, look: 'paper', x: 0.24, y: 0.35 }, 120);
  const poster = cut({ text: torn, modulePx: 2.2, look: 'paper', x: 0.79, y: 0.4 }, 140);
  for (const luma of poster.looks) {
    for (let y = 124; y < 164; y++) luma.fill(210, y * SIZE.widthPx + 486, y * SIZE.widthPx + 526);
  }
  return (luma, frame) => {
    for (const { left, top, sidePx, looks } of [sticker, poster]) {
      const look = looks[(frame * 7) % looks.length] ?? new Uint8Array();
      for (let y = top; y < top + sidePx; y++) {
        const from = y * SIZE.widthPx + left;
        luma.set(look.subarray(from, from + sidePx), from);
      }
    }
  };
}

/** One person after another before the camera, rendered as they are asked for; each frame takes its time. */
function crowd(texts: readonly string[], hang: (luma: Uint8Array, frame: number) => void): FrameSource {
  const perPerson = VISIT.comes + VISIT.held + VISIT.leaves + VISIT.nobody;
  let sequence = 0;
  const codeAt = (frame: number): HeldCode | undefined => {
    const text = texts[Math.floor(frame / perPerson)];
    const at = frame % perPerson;
    const away = at < VISIT.comes ? VISIT.comes - at : at < VISIT.comes + VISIT.held ? 0 : at - VISIT.comes - VISIT.held + 1;
    if (text === undefined || away > Math.max(VISIT.comes, VISIT.leaves)) return undefined;
    const sway = { x: 0.52 + 0.03 * Math.sin(frame / 3), y: 0.5 + 0.02 * Math.cos(frame / 2) };
    const look = Math.floor(frame / perPerson) % 2 === 0 ? 'phone' : 'paper';
    return { text, modulePx: 2.8, look, ...sway, y: sway.y + 0.3 * away, motionPx: 5 * away };
  };
  return {
    async next() {
      const frame = sequence++;
      if (frame >= texts.length * perPerson + EMPTY_END) return undefined;
      parts.host.advance(FRAME_MS);
      const code = codeAt(frame);
      const luma = renderFrame({ ...SIZE, seed: frame + 1, code });
      hang(luma, frame);
      return { ...SIZE, luma, stride: SIZE.widthPx, arrivedAtMs: parts.host.clock.monotonicMs(), generation: 1, sequence };
    },
    health: () => ({ state: 'live', fault: undefined, frameAgeMs: 10, frameRateHz: 10, restarts: 0 }),
    reopen: () => undefined,
    close: async () => undefined,
  };
}

/** A screen that keeps the times of the real one. */
function screen() {
  let model: ScreenModel = { ...closedScreen, fault: undefined };
  const readings: number[] = [];
  const now = () => parts.host.clock.monotonicMs();
  const signal: Signal = {
    async showResult(view) {
      model = { ...model, result: { view, sinceMs: now() } };
      return 'painted';
    },
    showReading: (hint) => void (hint !== undefined && readings.push(now())),
    showHeld: () => undefined,
    mayShowResult: () => mayCutIn(model, now()),
    setLane: () => undefined,
    health: () => ({ ready: true, fault: undefined }),
    close: async () => undefined,
  };
  return { signal, readings };
}

it('decides on fifty of fifty people beside a sticker and a torn poster, which are answered once each', async () => {
  const { kit, host, registry, journal } = parts;
  const textOf = (name: string) => kit.cases.find((person) => person.case === name)?.text ?? '';
  const frames = crowd(kit.moreValid, street(textOf('bank'), textOf('held')));
  const source = createCameraCodeSource(frames, decoder, { guide: { x: 0.1, y: 0, width: 0.8, height: 1 }, frameAgeMsMax: 500 }, host);
  const { signal, readings } = screen();
  const reasons: { reason: string; atMs: number }[] = [];
  const located = { sticker: 0, poster: 0 };
  const count = ({ symbols }: Sighting) => {
    if (symbols.some(({ text }) => text === textOf('bank'))) located.sticker++;
    if (symbols.some(({ text, place }) => text === undefined && (place?.x ?? 0) > 1.2)) located.poster++;
  };
  const checkpoint = startCheckpoint(
    {
      ...{ source, registry, journal, signal, plates: noPlateSource, isRevoked: () => false },
      time: createKioskTime(host.clock, { read: () => 0, write: () => undefined }),
    },
    { area: 79, direction: 'in' },
    {
      onSighting: count,
      onDecision: ({ decision }) => void reasons.push({ reason: decision.reason, atMs: host.clock.monotonicMs() }),
    },
    host,
  );
  await checkpoint.done;
  await checkpoint.stop();
  const timesOf = (reason: string) => reasons.filter((one) => one.reason === reason).map(({ atMs }) => atMs);
  // The test is worth something only where both were in view.
  expect(located.sticker).toBeGreaterThan(300);
  expect(located.poster).toBeGreaterThan(100);
  expect(timesOf('ok')).toHaveLength(PEOPLE);
  expect(timesOf('prefix-unknown').length).toBeLessThanOrEqual(1);
  expect(timesOf('unreadable').length).toBeLessThanOrEqual(1);
  expect(reasons.length).toBeLessThanOrEqual(PEOPLE + 2);
  const endMs = host.clock.monotonicMs();
  expect(readings.filter((atMs) => atMs > endMs - EMPTY_END * FRAME_MS + 1_000)).toEqual([]);
}, 120_000);
