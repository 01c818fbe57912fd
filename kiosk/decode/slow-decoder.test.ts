import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeClock } from '../../config/host/node-host.ts';
import { every } from '../../config/ports/clock.ts';
import { createHastyHost } from '../../fixtures/hasty-host.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import type { FrameSource } from '../camera/frame-source.ts';
import { createNewestFrame, videoLimits } from '../camera/newest-frame.ts';
import { createCameraCodeSource } from './camera-code-source.ts';
import type { CodeSource } from './code-source.ts';
import type { DecodeResult, Decoder } from './decoder.ts';
import { openWorkerDecoder } from './worker-decoder.ts';

const SIZE = { widthPx: 640, heightPx: 480 };
const OPTIONS = { guide: { x: 0, y: 0, width: 1, height: 1 }, frameAgeMsMax: 500 };
const held = renderFrame({ ...SIZE, seed: 3, code: { text: 'CP1:STUCK', modulePx: 6, look: 'paper', x: 0.5, y: 0.5 } });
const empty = renderFrame({ ...SIZE, seed: 4 });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A camera that gives ten frames a second of what `show` says. */
function camera(host: ReturnType<typeof createHastyHost>, show: () => Uint8Array): FrameSource {
  const newest = createNewestFrame(host.clock, videoLimits(2_000));
  const generation = newest.open();
  const stop = every(host.clock, 100, () => newest.put(generation, { luma: show().slice(), ...SIZE, stride: SIZE.widthPx }));
  return {
    next: newest.next,
    health: newest.health,
    reopen: () => undefined,
    async close() {
      stop();
      newest.close();
    },
  };
}

/** Takes whatever the source gives, as the path does. */
function takeAll(source: CodeSource): { seen: number } {
  const taken = { seen: 0 };
  const run = async () => {
    while ((await source.next()) !== undefined) taken.seen++;
  };
  const running = run();
  closers.push(async () => {
    await source.close();
    await running;
  });
  return taken;
}

const within = (msMax: number) => ({ timeout: msMax, interval: 10 });

describe('a decoder that starts slowly', () => {
  it('is waited for, however long it takes, and says so in the log', async () => {
    // Twenty times as fast: its two seconds are forty.
    const host = createHastyHost(20);
    const decoder = await openWorkerDecoder({ frameMsMax: 100_000, budgetMs: 66, source: 'fixtures/slow-worker.ts' }, host);
    closers.push(decoder.close);
    expect(decoder.name()).toBe('zxing-wasm');
    expect(host.events).toContainEqual({ event: 'decoder-starting', fields: { waitedMs: expect.any(Number) } });
  });

  it('keeps the lane closed and holds up nothing else, and is not begun anew', async () => {
    const host = createHastyHost(1);
    const options = { frameMsMax: 10_000, budgetMs: 66, source: 'fixtures/slow-worker.ts' };
    const decoder = await openWorkerDecoder({ ...options, patienceMs: 100 }, host);
    // Handed over while the worker still starts.
    expect(decoder.name()).toBeUndefined();
    const source = createCameraCodeSource(
      camera(host, () => empty),
      decoder,
      OPTIONS,
      host,
    );
    const taken = takeAll(source);
    await vi.waitFor(() => expect(source.health().frameRateHz).toBeGreaterThan(0), within(5_000));
    if (taken.seen === 0) expect(source.health()).toMatchObject({ state: 'starting', fault: undefined });
    await vi.waitFor(() => expect(source.health().state).toBe('live'), within(20_000));
    expect(taken.seen).toBeGreaterThan(0);
    expect(host.events.filter(({ event }) => event === 'decoder-stuck')).toEqual([]);
  });
});

describe('a decoder that gives nothing while frames arrive', () => {
  it('closes the lane after two seconds, long before the frame is given up', async () => {
    const host = createHastyHost(1);
    const decoder = await openWorkerDecoder({ frameMsMax: 10_000, budgetMs: 66, source: 'fixtures/stuck-worker.ts' }, host);
    let shown = empty;
    const source = createCameraCodeSource(
      camera(host, () => shown),
      decoder,
      OPTIONS,
      host,
    );
    takeAll(source);
    await vi.waitFor(() => expect(source.health().state).toBe('live'), within(10_000));
    shown = held;
    const startMs = nodeClock.monotonicMs();
    await vi.waitFor(() => expect(source.health()).toMatchObject({ state: 'down', fault: 'decoder-silent' }), within(9_000));
    expect(nodeClock.monotonicMs() - startMs).toBeGreaterThan(1_900);
    shown = empty;
    await vi.waitFor(() => expect(source.health().state).toBe('live'), within(25_000));
  });

  it('closes the lane where each answer comes too late to count', async () => {
    const host = createSimulatedHost();
    let answer: (result: DecodeResult) => void = () => undefined;
    const decoder: Decoder = {
      name: () => 'zxing-js',
      fault: () => undefined,
      decode: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      close: async () => answer({ symbols: [], decodeMs: 0, timedOut: true }),
    };
    const newest = createNewestFrame(host.clock, videoLimits(2_000));
    const generation = newest.open();
    const frames = { ...newest, reopen: () => undefined, close: async () => newest.close() };
    const source = createCameraCodeSource(frames, decoder, OPTIONS, host);
    const taken = takeAll(source);
    /** One frame each 100 ms, each decoded in so long. */
    const decodeFor = async (decodeMs: number, times: number) => {
      for (let time = 0; time < times; time++) {
        for (let ms = 0; ms < decodeMs; ms += 100) {
          newest.put(generation, { luma: empty, ...SIZE, stride: SIZE.widthPx });
          for (let turn = 0; turn < 10; turn++) await Promise.resolve();
          host.advance(100);
        }
        answer({ symbols: [], decodeMs, timedOut: false });
        for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      }
    };
    await decodeFor(200, 4);
    expect(taken.seen).toBeGreaterThan(0);
    expect(source.health().state).toBe('live');
    await decodeFor(700, 4);
    expect(source.health()).toMatchObject({ state: 'down', fault: 'decoder-silent' });
    await decodeFor(200, 4);
    expect(source.health().state).toBe('live');
  });
});
