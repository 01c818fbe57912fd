import { describe, expect, it } from 'vitest';
import type { FaultCode } from '../../config/faults.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import type { Frame, FrameSource } from './frame-source.ts';
import type { Pixels } from './newest-frame.ts';
import { createPictureHealth, createPictureMeter, type PictureHealth, type PictureLimits, type PictureMeasure } from './picture-health.ts';
import { watchPictures } from './watched-source.ts';

const LIMITS: PictureLimits = {
  frozenMs: 3_000,
  interframe: false,
  blackMs: 1_500,
  blackLevelMax: 40,
  washedOutMs: 3_000,
  washedOutShareMin: 0.6,
  coveredMs: 3_000,
  detailShareMin: 0.2,
};
const SIZE = { widthPx: 640, heightPx: 360 };
const FRAME_MS = 100;

const pixels = (luma: Uint8Array) => ({ ...SIZE, stride: SIZE.widthPx, luma });
const street = (seed: number, light = 1) => pixels(renderFrame({ ...SIZE, seed, light, noise: 3 }));
const flat = (seed: number, level: number) =>
  pixels(Uint8Array.from({ length: SIZE.widthPx * SIZE.heightPx }, (_, at) => level + (((at * 7919 + seed * 104729) >> 3) % 3)));

/** A lens far out of focus: the mean of a wide square, with the noise of the sensor on it. */
function blurred(seed: number) {
  const { luma } = street(1);
  const { widthPx, heightPx } = SIZE;
  const out = new Uint8Array(luma.length);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      let sum = 0;
      let count = 0;
      for (let dy = -32; dy <= 32; dy += 8)
        for (let dx = -32; dx <= 32; dx += 8) {
          const level = luma[(y + dy) * widthPx + x + dx];
          if (level === undefined) continue;
          sum += level;
          count++;
        }
      out[y * widthPx + x] = sum / count + ((x * 31 + y * 17 + seed * 7) % 2);
    }
  }
  return pixels(out);
}

/** Each beside a picture before it, as a camera sends them. */
const measures = (shots: readonly Pixels[]): PictureMeasure[] => {
  const measure = createPictureMeter();
  for (const shot of shots) measure(shot);
  return shots.map((shot) => measure(shot));
};

/** Shows pictures ten times a second, and says when the first fault came, milliseconds after the first of them. */
function faultAfter(health: PictureHealth, startMs: number, forMs: number, shots: readonly PictureMeasure[]) {
  for (let n = 0; n * FRAME_MS <= forMs; n++) {
    const measure = shots[n % shots.length];
    if (measure !== undefined) health.judge(measure, startMs + n * FRAME_MS);
    const fault = health.fault();
    if (fault !== undefined) return { fault, afterMs: n * FRAME_MS };
  }
  return undefined;
}

const streets = measures(Array.from({ length: 8 }, (_, seed) => street(seed)));
const same = measures([street(3)]);
const blacks = measures([1, 2, 3].map((seed) => flat(seed, 4)));

function learned(limits = LIMITS) {
  const health = createPictureHealth(limits);
  expect(faultAfter(health, 0, 20_000, streets)).toBeUndefined();
  return health;
}

const six = (shot: (n: number) => Pixels) => measures(Array.from({ length: 6 }, (_, n) => shot(n)));

describe('a picture', () => {
  it.each<[string, FaultCode, number, (n: number) => Pixels]>([
    ['the same again and again', 'camera-frozen', 3_000, () => street(3)],
    ['black', 'camera-black', 1_500, (n) => flat(n, 4)],
    ['white', 'camera-washed-out', 3_000, (n) => flat(n, 251)],
    ['white as films have it', 'camera-washed-out', 3_000, (n) => ({ ...flat(n, 231), whiteLevel: 235 })],
    ['covered by a hand', 'camera-covered', 3_000, (n) => flat(n, 90)],
    ['out of focus', 'camera-out-of-focus', 3_000, blurred],
  ])('that is %s is %s after %i ms', (_, fault, afterMs, shot) => {
    expect(faultAfter(learned(), 20_000, 5_000, six(shot))).toEqual({ fault, afterMs });
  });

  it('is good in dusk, at night and while a code is held up', () => {
    for (const light of [0.5, 0.2, 0.1])
      expect(
        faultAfter(
          learned(),
          20_000,
          6_000,
          six((n) => street(n, light)),
        ),
      ).toBeUndefined();
    const code = { text: `CP1:${'ABC123'.repeat(20)}`, modulePx: 5, look: 'phone' as const, x: 0.5, y: 0.5 };
    const held = six((n) => pixels(renderFrame({ ...SIZE, seed: n, noise: 3, code })));
    expect(faultAfter(learned(), 20_000, 6_000, held)).toBeUndefined();
  });

  it('is good again with the first good frame, and a single bad one is nothing', () => {
    const health = learned();
    expect(faultAfter(health, 20_000, 1_400, blacks)).toBeUndefined();
    expect(faultAfter(health, 21_500, 0, streets)).toBeUndefined();
    expect(faultAfter(health, 21_600, 2_000, blacks)?.fault).toBe('camera-black');
    expect(faultAfter(health, 24_000, 0, streets)).toBeUndefined();
  });

  it('that stands still stays so when the camera is opened anew', () => {
    const health = learned();
    expect(faultAfter(health, 20_000, 4_000, same)?.fault).toBe('camera-frozen');
    health.reopened();
    expect(health.fault()).toBe('camera-frozen');
    expect(faultAfter(health, 26_000, 0, same)?.fault).toBe('camera-frozen');
    expect(faultAfter(health, 26_100, 0, streets)).toBeUndefined();
  });

  it('that stands still is seen at one picture a second too, as stills come', () => {
    const health = createPictureHealth(LIMITS);
    const faultAt = measures(Array.from({ length: 5 }, () => street(3))).map((measure, second) => {
      health.judge(measure, second * 1_000);
      return health.fault();
    });
    expect(faultAt).toEqual([undefined, undefined, undefined, 'camera-frozen', 'camera-frozen']);
  });

  it('that is black stays a fault when the camera is opened anew, so that the lane does not open for a moment', () => {
    const health = learned();
    expect(faultAfter(health, 20_000, 4_000, blacks)?.fault).toBe('camera-black');
    health.reopened();
    expect(faultAfter(health, 26_000, 0, blacks)?.fault).toBe('camera-black');
    expect(faultAfter(health, 26_100, 0, streets)).toBeUndefined();
    // A doubt that is not yet a fault begins anew: many cameras open with a black picture.
    expect(faultAfter(health, 27_000, 1_000, blacks)).toBeUndefined();
    health.reopened();
    expect(faultAfter(health, 28_000, 1_000, blacks)).toBeUndefined();
  });

  it('that changes by no more than an encoder makes of one picture is frozen, if the camera is seldom still', () => {
    const limits = { ...LIMITS, interframe: true };
    const encoded = same.map((measure) => ({ ...measure, change: 5 }));
    const again = learned(limits);
    for (const startMs of [20_000, 40_000]) {
      expect(faultAfter(again, startMs, 5_000, encoded)).toMatchObject({ fault: 'camera-frozen' });
      expect(faultAfter(again, startMs + 5_000, 0, streets)).toBeUndefined();
      expect(faultAfter(again, startMs + 5_100, 5_000, streets)).toBeUndefined();
    }
    // An empty scene at night: it stands still, changes by itself, and stands still again.
    const quiet = learned(limits);
    expect(faultAfter(quiet, 20_000, 2_000, encoded)).toBeUndefined();
    expect(faultAfter(quiet, 22_100, 1_000, streets)).toBeUndefined();
    expect(faultAfter(quiet, 23_200, 9_000, encoded)).toBeUndefined();
    expect(faultAfter(quiet, 33_000, 4_000, same)?.fault).toBe('camera-frozen');
  });
});

it('a source whose picture is black is down, says so, and is opened anew once in a while', async () => {
  const host = createSimulatedHost();
  let reopened = 0;
  let sequence = 0;
  const source: FrameSource = {
    async next(): Promise<Frame> {
      await host.advance(FRAME_MS);
      sequence++;
      return { ...flat(sequence, 4), arrivedAtMs: host.clock.monotonicMs(), generation: 1, sequence };
    },
    health: () => ({ state: 'live', fault: undefined, frameAgeMs: 10, frameRateHz: 10, restarts: 0 }),
    reopen: () => void reopened++,
    close: async () => undefined,
  };
  const watched = watchPictures(source, LIMITS, host);
  await watched.next();
  expect(watched.health()).toMatchObject({ state: 'live', fault: undefined });
  for (let n = 0; n < 20; n++) await watched.next();
  expect(watched.health()).toMatchObject({ state: 'down', fault: 'camera-black' });
  expect(reopened).toBe(1);
  for (let n = 0; n < 300; n++) await watched.next();
  expect(reopened).toBe(2);
});
