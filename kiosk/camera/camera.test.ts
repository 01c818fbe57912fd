import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import { openClip } from './clip.ts';
import type { FrameSource } from './frame-source.ts';
import { createNewestFrame, type Pixels, videoLimits } from './newest-frame.ts';
import { createReplaySource } from './replay-source.ts';
import { createStillsSource, type TakeShot } from './stills-source.ts';
import { createY4mSplitter, parseY4mHeader, Y4M_FRAME_LINE, y4mHeader } from './y4m.ts';

const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'camera-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pixels = (level: number): Pixels => ({ luma: new Uint8Array(4).fill(level), widthPx: 2, heightPx: 2, stride: 2 });

describe('the newest-frame slot', () => {
  const setUp = () => {
    const simulated = createSimulatedHost();
    return { simulated, newest: createNewestFrame(simulated.clock, videoLimits(2_000)) };
  };

  it('keeps the newest frame only, and gives each one once', async () => {
    const { simulated, newest } = setUp();
    const generation = newest.open();
    for (const level of [1, 2, 3]) {
      simulated.advance(33);
      newest.put(generation, pixels(level));
    }
    expect((await newest.next())?.luma[0]).toBe(3);
    const waiting = newest.next();
    simulated.advance(33);
    newest.put(generation, pixels(4));
    expect(await waiting).toMatchObject({ sequence: 4, arrivedAtMs: 132, generation: 1 });
  });

  it('does not believe the first frame after a gap: it may be one that was held back', async () => {
    const { simulated, newest } = setUp();
    const generation = newest.open();
    newest.put(generation, pixels(1));
    await newest.next();
    simulated.advance(501);
    newest.put(generation, pixels(2));
    simulated.advance(33);
    newest.put(generation, pixels(3));
    expect((await newest.next())?.luma[0]).toBe(3);
  });

  it('takes nothing of an opening that is over, also what lies in the slot', async () => {
    const { simulated, newest } = setUp();
    const first = newest.open();
    newest.put(first, pixels(1));
    newest.shut(first, 'camera-stalled');
    newest.put(first, pixels(2));
    const second = newest.open();
    newest.put(first, pixels(3));
    simulated.advance(10);
    newest.put(second, pixels(4));
    expect(await newest.next()).toMatchObject({ generation: 2, luma: new Uint8Array([4, 4, 4, 4]) });
  });

  it('grades itself by the age of its newest frame', () => {
    const { simulated, newest } = setUp();
    expect(newest.health().state).toBe('starting');
    const generation = newest.open();
    newest.put(generation, pixels(1));
    expect(newest.health()).toMatchObject({ state: 'live', fault: undefined });
    simulated.advance(1_001);
    expect(newest.health().state).toBe('degraded');
    simulated.advance(1_000);
    expect(newest.health()).toMatchObject({ state: 'down', fault: 'camera-stalled', frameAgeMs: 2_001 });
    newest.shut(generation, 'camera-missing');
    expect(newest.health().fault).toBe('camera-missing');
  });

  it('uses memory again only once its reader has asked for the next frame', async () => {
    const { newest } = setUp();
    const generation = newest.open();
    const seen = new Set<Uint8Array>();
    const put = (value: number) => {
      const luma = newest.buffer(4);
      seen.add(luma);
      newest.put(generation, { luma: luma.fill(value), widthPx: 2, heightPx: 2, stride: 2 });
    };
    put(1);
    const held = await newest.next();
    // As many as come while one is decoded.
    for (let value = 2; value < 20; value++) put(value);
    expect(held?.luma).toEqual(new Uint8Array(4).fill(1));
    expect((await newest.next())?.luma).toEqual(new Uint8Array(4).fill(19));
    const waiting = newest.next();
    put(20);
    put(21);
    expect((await waiting)?.luma).toEqual(new Uint8Array(4).fill(20));
    expect((await newest.next())?.luma).toEqual(new Uint8Array(4).fill(21));
    expect(seen.size).toBeLessThanOrEqual(4);
  });

  it('ends a waiting reader when it is closed', async () => {
    const { newest } = setUp();
    const waiting = newest.next();
    newest.close();
    expect(await waiting).toBeUndefined();
    expect(await newest.next()).toBeUndefined();
  });
});

describe('grey clips (YUV4MPEG2)', () => {
  const clipBytes = Buffer.concat([
    Buffer.from(y4mHeader(3, 2, 12.5)),
    ...[1, 2, 3].flatMap((level) => [Buffer.from(Y4M_FRAME_LINE), Buffer.alloc(6, level)]),
  ]);

  it('come out of a stream whole, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 40 }), (cuts) => {
        const frames: number[][] = [];
        const split = createY4mSplitter(
          () => undefined,
          (luma) => frames.push([...luma]),
        );
        let at = 0;
        for (const cut of cuts) {
          split(clipBytes.subarray(at, at + cut));
          at += cut;
        }
        if (at < clipBytes.length) split(clipBytes.subarray(at));
        expect(frames).toEqual([1, 2, 3].map((level) => new Array(6).fill(level)));
      }),
    );
  });

  it.each([
    ['RIFF0000', 'not a YUV4MPEG2 stream'],
    ['YUV4MPEG2 W3 H2 F25:1 C420\n', 'not a grey stream (Cmono)'],
    ['YUV4MPEG2 W99999 H2 F25:1 Cmono\n', 'no usable picture size'],
    ['YUV4MPEG2 H2 Cmono\n', 'no usable picture size'],
    [`YUV4MPEG2 ${'X'.repeat(400)}`, 'the header line is too long'],
  ])('are refused when they begin with %j', (text, why) => {
    expect(parseY4mHeader(Buffer.from(text))).toBe(why);
  });

  it('are refused in the middle where a frame does not begin as one', () => {
    const split = createY4mSplitter(
      () => undefined,
      () => undefined,
    );
    split(Buffer.from(y4mHeader(1, 1, 10)));
    expect(() => split(Buffer.from('GARBAGE\n'))).toThrow('a frame does not begin with FRAME');
  });

  it('open as files with their size and rate, without a cut-off last frame', async () => {
    writeFileSync(join(folder, 'a.y4m'), clipBytes.subarray(0, clipBytes.length - 1));
    const clip = await openClip(join(folder, 'a.y4m'));
    expect(clip).toMatchObject({ widthPx: 3, heightPx: 2, frameRateHz: 12.5, frameCount: 2 });
    expect([...(await clip.read(1))]).toEqual(new Array(6).fill(2));
    clip.close();
    writeFileSync(join(folder, 'b.y4m'), 'no clip');
    await expect(openClip(join(folder, 'b.y4m'))).rejects.toMatchObject({ code: 'camera-missing' });
    await expect(openClip(join(folder, 'absent'))).rejects.toMatchObject({ code: 'camera-missing' });
  });
});

/** What every source of frames does, whatever is behind it. */
const sources: [string, () => Promise<FrameSource>][] = [
  [
    'replay of a clip',
    async () => {
      const frames = Array.from({ length: 5 }, (_, level) => [Buffer.from(Y4M_FRAME_LINE), Buffer.alloc(32 * 24, level)]).flat();
      writeFileSync(join(folder, 'clip.y4m'), Buffer.concat([Buffer.from(y4mHeader(32, 24, 50)), ...frames]));
      return createReplaySource({ path: join(folder, 'clip.y4m'), loops: Infinity }, host);
    },
  ],
  [
    'replay of a folder',
    async () => {
      for (const name of ['1.png', '2.jpg'])
        await sharp({ create: { width: 32, height: 24, channels: 3, background: '#777' } }).toFile(join(folder, name));
      return createReplaySource({ path: folder, loops: Infinity }, host);
    },
  ],
  [
    'stills',
    async () => {
      const take: TakeShot = async (file) => {
        await sharp({ create: { width: 32, height: 24, channels: 3, background: '#777' } }).toFile(file);
      };
      return createStillsSource(take, host);
    },
  ],
];

describe.each(sources)('%s', (_name, openSource) => {
  it('gives frames of one size with rising numbers, and nothing once closed', async () => {
    const source = await openSource();
    const first = await source.next();
    const second = await source.next();
    expect(first).toMatchObject({ widthPx: 32, heightPx: 24, stride: 32 });
    expect(first?.luma).toHaveLength(32 * 24);
    expect(second?.sequence).toBeGreaterThan(first?.sequence ?? Infinity);
    expect(source.health()).toMatchObject({ state: 'live', fault: undefined, restarts: 0 });
    await source.close();
    expect(await source.next()).toBeUndefined();
  });
});

describe('a replay', () => {
  it('ends after its loops', async () => {
    writeFileSync(join(folder, 'c.y4m'), Buffer.concat([Buffer.from(y4mHeader(1, 1, 100)), Buffer.from(`${Y4M_FRAME_LINE}x`)]));
    const source = createReplaySource({ path: join(folder, 'c.y4m'), loops: 3 }, host);
    let frames = 0;
    while ((await source.next()) !== undefined) frames++;
    expect(frames).toBeGreaterThan(0);
    expect(frames).toBeLessThanOrEqual(3);
    await source.close();
  });

  it('says that its clip is missing, and goes on once it is there', async () => {
    const source = createReplaySource({ path: join(folder, 'later.y4m'), loops: Infinity }, host);
    await expect.poll(() => source.health().fault).toBe('camera-missing');
    writeFileSync(join(folder, 'later.y4m'), Buffer.concat([Buffer.from(y4mHeader(1, 1, 10)), Buffer.from(`${Y4M_FRAME_LINE}x`)]));
    expect(await source.next()).toMatchObject({ widthPx: 1 });
    await source.close();
  });
});

describe('stills', () => {
  const good = (file: string) => sharp({ create: { width: 8, height: 8, channels: 3, background: '#777' } }).toFile(file);
  const cases: [string, TakeShot][] = [
    [
      'an old picture that is reported as new',
      async (file) => {
        await good(file);
        utimesSync(file, 1_000, 1_000);
      },
    ],
    ['an empty file', async (file) => writeFileSync(file, '')],
    ['no file', async () => undefined],
    ['what is no picture', async (file) => writeFileSync(file, 'not a jpeg')],
    ['an error of the tool', () => Promise.reject(new Error('fswebcam: not found'))],
  ];
  it.each(cases)('take %s for no frame', async (_name, take) => {
    const source = createStillsSource(take, host);
    const first = source.next();
    await expect.poll(() => source.health().fault).toBe('camera-missing');
    await source.close();
    expect(await first).toBeUndefined();
  });
});
