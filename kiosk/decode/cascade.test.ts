import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { nodeClock } from '../../config/host/node-host.ts';
import { hardClip } from '../../fixtures/hard-clips.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { createCascade } from './cascade.ts';
import type { DecodedSymbol, Picture, PictureReader, Quad } from './decoder.ts';
import { average, crop, sharpen } from './enhance.ts';
import { openZxingWasm } from './zxing-wasm-reader.ts';

const SIZE = { widthPx: 320, heightPx: 240 };
const blank: Picture = { ...SIZE, luma: new Uint8Array(320 * 240).fill(128) };
const quad: Quad = [
  { x: 100, y: 80 },
  { x: 160, y: 80 },
  { x: 160, y: 140 },
  { x: 100, y: 140 },
];

const at = (x: number, y: number) => ({ x, y });
/** The same place in what is cut out around it, 21 pixels of margin on each side. */
const inRegion: Quad = [at(21, 21), at(81, 21), at(81, 81), at(21, 81)];
const unread: DecodedSymbol = { text: undefined, quad };

/** A reader that answers as told, and remembers the sizes that it was shown. */
function scripted(answers: readonly (readonly DecodedSymbol[])[]) {
  const shown: string[] = [];
  let calls = 0;
  const reader: PictureReader = {
    name: 'zxing-wasm',
    async read({ widthPx, heightPx }) {
      shown.push(`${widthPx}x${heightPx}`);
      return answers[calls++] ?? [];
    },
  };
  return { reader, shown };
}
const still = { nowMs: () => 0, budgetMs: 66, exhaustive: false };
const single = { ...still, exhaustive: true };

describe('the cascade', () => {
  it('reads the whole picture first, and then where the code was', async () => {
    const { reader, shown } = scripted([[{ text: 'A', quad }], [{ text: 'A', quad: inRegion }]]);
    const cascade = createCascade(reader, still);
    expect(await cascade.read(blank)).toEqual({ symbols: [{ text: 'A', quad }], stage: 'plain' });
    expect(await cascade.read(blank)).toEqual({ symbols: [{ text: 'A', quad }], stage: 'region' });
    expect(shown).toEqual(['320x240', '102x102']);
  });

  it('looks at a scene that changes and shows nothing in half its size, and says where a code is in the whole', async () => {
    const inHalf: Quad = [at(50, 40), at(80, 40), at(80, 70), at(50, 70)];
    const { reader, shown } = scripted([[], [{ text: 'A', quad: inHalf }]]);
    const cascade = createCascade(reader, still);
    const results: unknown[] = [];
    for (let level = 0; level < 2; level++) results.push(await cascade.read({ ...SIZE, luma: new Uint8Array(320 * 240).fill(60 * level) }));
    expect(shown).toEqual(['320x240', '160x120']);
    expect(results[1]).toEqual({ symbols: [{ text: 'A', quad }], stage: 'half' });
  });

  it('tries a single picture in other ways, and says where a symbol is in the picture itself', async () => {
    const framed: Quad = [at(120, 100), at(180, 100), at(180, 160), at(120, 160)];
    const { reader, shown } = scripted([[unread], [], [{ text: 'A', quad: framed }]]);
    const result = await createCascade(reader, single).read(blank);
    expect(shown).toEqual(['320x240', '320x240', '360x280']);
    expect(result).toEqual({ symbols: [{ text: 'A', quad }], stage: 'whole-framed' });
  });

  it('remembers the place for the next frames', async () => {
    const { reader, shown } = scripted([[unread]]);
    const cascade = createCascade(reader, still);
    await cascade.read(blank);
    shown.length = 0;
    await cascade.read(blank);
    // Where it was, then the picture at half its size.
    expect(shown).toEqual(['102x102', '160x120']);
    for (let frame = 0; frame < 40; frame++) await cascade.read(blank);
    shown.length = 0;
    for (let frame = 0; frame < 20; frame++) await cascade.read(blank);
    expect(shown).toHaveLength(2);
  });

  it('reads the whole picture every fourth frame while it follows one code: there may be a second one', async () => {
    const { reader, shown } = scripted([[{ text: 'A', quad }], ...Array.from({ length: 12 }, () => [{ text: 'A', quad: inRegion }])]);
    const cascade = createCascade(reader, still);
    for (let frame = 0; frame < 12; frame++) await cascade.read(blank);
    expect(shown.filter((size) => size === '320x240')).toHaveLength(3);
  });

  it('leaves nothing to a look at one place while two codes are in view', async () => {
    const other: DecodedSymbol = { text: 'B', quad: [at(220, 80), at(280, 80), at(280, 140), at(220, 140)] };
    const { reader, shown } = scripted(Array.from({ length: 12 }, () => [{ text: 'A', quad }, other]));
    const cascade = createCascade(reader, still);
    for (let frame = 0; frame < 12; frame++) expect((await cascade.read(blank)).symbols).toHaveLength(2);
    expect(shown).not.toContain('102x102');
  });

  it('begins nothing more once its time is over', async () => {
    let nowMs = 0;
    const { reader, shown } = scripted([[unread], [unread]]);
    const slow: PictureReader = {
      name: 'zxing-wasm',
      read(picture) {
        nowMs += 40;
        return reader.read(picture);
      },
    };
    const result = await createCascade(slow, { ...single, nowMs: () => nowMs }).read(blank);
    // A second one would fit, and the one after it would not.
    expect(shown).toEqual(['320x240', '320x240']);
    expect(result).toEqual({ symbols: [unread], stage: undefined });
  });

  it('decodes a scene that stands still every tenth frame, and at once when it changes', async () => {
    const { reader, shown } = scripted([]);
    const cascade = createCascade(reader, still);
    for (let frame = 0; frame < 60; frame++) await cascade.read(blank);
    expect(shown).toHaveLength(7);
    const luma = new Uint8Array(blank.luma);
    for (let y = 100; y < 140; y++) luma.fill(200, y * 320 + 100, y * 320 + 140);
    await cascade.read({ ...SIZE, luma });
    expect(shown).toHaveLength(8);
  });

  it('never skips a frame while a symbol is in view', async () => {
    const { reader, shown } = scripted(Array.from({ length: 30 }, () => [{ text: 'A', quad }]));
    const cascade = createCascade(reader, still);
    for (let frame = 0; frame < 30; frame++) expect((await cascade.read(blank)).symbols).toHaveLength(1);
    expect(shown).toHaveLength(30);
  });

  it('does without a place that lies outside of a picture of another size', async () => {
    const { reader, shown } = scripted([[unread], [unread]]);
    const cascade = createCascade(reader, still);
    await cascade.read(blank);
    shown.length = 0;
    await cascade.read({ widthPx: 64, heightPx: 48, luma: new Uint8Array(64 * 48) });
    expect(shown[0]).toBe('32x24');
    expect(shown).not.toContain('102x102');
  });
});

describe('with a real decoder', () => {
  let reader: PictureReader;
  beforeAll(async () => {
    reader = await openZxingWasm();
  });

  it('reads more than the decoder alone, and what that reads at most three frames later, on hard clips', async () => {
    const options = { nowMs: nodeClock.monotonicMs, budgetMs: 10_000, exhaustive: false };
    let [alone, together] = [0, 0];
    for (const kind of ['smaller', 'motion', 'defocus'] as const) {
      const clip = hardClip(kind, 1);
      const cascade = createCascade(reader, options);
      let frame = 0;
      const first: { alone?: number; together?: number } = {};
      for (const picture of clip.frames()) {
        frame++;
        const own = (await reader.read(picture)).some(({ text }) => text === clip.text);
        const { symbols } = await cascade.read(picture);
        const texts = symbols.flatMap(({ text }) => text ?? []);
        expect(texts.filter((text) => text !== clip.text)).toEqual([]);
        if (own) first.alone ??= frame;
        if (texts.length > 0) first.together ??= frame;
        alone += own ? 1 : 0;
        together += texts.length;
      }
      expect(first.together).toBeLessThanOrEqual((first.alone ?? frame) + 3);
    }
    expect(together).toBeGreaterThan(alone);
  }, 60_000);

  it('reads in the dark what no single frame holds', async () => {
    const clip = hardClip('low-light', 1);
    const cascade = createCascade(reader, { nowMs: nodeClock.monotonicMs, budgetMs: 10_000, exhaustive: false });
    const [alone, together]: [string[], string[]] = [[], []];
    for (const picture of clip.frames()) {
      alone.push(...(await reader.read(picture)).flatMap(({ text }) => text ?? []));
      together.push(...(await cascade.read(picture)).symbols.flatMap(({ text }) => text ?? []));
    }
    expect(alone).toEqual([]);
    expect(new Set(together)).toEqual(new Set([clip.text]));
  }, 60_000);

  it('gives no text for an empty scene, whatever it tries', async () => {
    const options = { nowMs: nodeClock.monotonicMs, budgetMs: 10_000, exhaustive: true };
    const luma = renderFrame({ widthPx: 640, heightPx: 480, seed: 4 });
    const { symbols } = await createCascade(reader, options).read({ luma, widthPx: 640, heightPx: 480 });
    expect(symbols.filter(({ text }) => text !== undefined)).toEqual([]);
  });
});

describe('an enhanced picture', () => {
  it('is the mean of several', () => {
    const flat = (level: number): Picture => ({ luma: new Uint8Array(4).fill(level), widthPx: 2, heightPx: 2 });
    expect(average([flat(10), flat(20), flat(33)])).toEqual(flat(21));
  });

  const pictures = fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
    .chain(([widthPx, heightPx]) =>
      fc.uint8Array({ minLength: widthPx * heightPx, maxLength: widthPx * heightPx }).map((luma): Picture => ({ luma, widthPx, heightPx })),
    );

  it('is flat where the picture was', () => {
    const flat: Picture = { luma: new Uint8Array(30).fill(90), widthPx: 6, heightPx: 5 };
    expect(sharpen(flat, 2, 2).luma).toEqual(flat.luma);
  });

  it('is sharpened as the plain formula says, at every border', () => {
    fc.assert(
      fc.property(pictures, fc.integer({ min: 1, max: 3 }), (picture, radius) => {
        const { luma, widthPx, heightPx } = picture;
        const at = (x: number, y: number) =>
          luma[Math.min(heightPx - 1, Math.max(0, y)) * widthPx + Math.min(widthPx - 1, Math.max(0, x))] ?? 0;
        const sharp = sharpen(picture, radius, 2).luma;
        for (let y = 0; y < heightPx; y++) {
          for (let x = 0; x < widthPx; x++) {
            let sum = 0;
            for (let dy = -radius; dy <= radius; dy++) for (let dx = -radius; dx <= radius; dx++) sum += at(x + dx, y + dy);
            const level = Math.max(0, Math.min(255, 3 * at(x, y) - (2 * sum) / (2 * radius + 1) ** 2));
            expect(Math.abs((sharp[y * widthPx + x] ?? 0) - level)).toBeLessThanOrEqual(1);
          }
        }
      }),
    );
  });

  it('is the part that was cut out', () => {
    const luma = Uint8Array.from({ length: 12 }, (_, index) => index);
    expect(crop({ luma, widthPx: 4, heightPx: 3 }, { left: 1, top: 1, widthPx: 2, heightPx: 2 })).toEqual({
      luma: Uint8Array.of(5, 6, 9, 10),
      widthPx: 2,
      heightPx: 2,
    });
  });
});
