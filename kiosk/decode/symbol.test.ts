import QRCode from 'qrcode';
import { beforeAll, describe, expect, it } from 'vitest';
import { type HeldCode, renderFrame } from '../../fixtures/render-qr.ts';
import { createSeededRandom } from '../../fixtures/simulated-host.ts';
import type { Picture, PictureReader, Quad } from './decoder.ts';
import { busiestRegion, detailMap, finelyFilled } from './detail.ts';
import { average, halve } from './enhance.ts';
import { drawSymbol, equalise } from './equaliser.ts';
import { createChangeGate } from './gate.ts';
import { createHeldSymbol } from './held-symbol.ts';
import { solveSymmetric } from './linear.ts';
import { textureOutlines } from './outline.ts';
import { fitGrid, levelMap, symbolTemplate } from './symbol-grid.ts';
import { openZxingWasm } from './zxing-wasm-reader.ts';

const TEXT = `CP1:${'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'.repeat(5)}`;
let reader: PictureReader;
beforeAll(async () => {
  reader = await openZxingWasm();
});

it('equations are solved, and what has no answer is said to have none', () => {
  const a = Float64Array.of(4, 1, 2, 0, 5, 3, 0, 0, 6);
  const x = solveSymmetric(a, Float64Array.of(4 + 2 + 6, 1 + 10 + 9, 2 + 6 + 18), 3);
  expect([...(x ?? [])].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([1, 2, 3]);
  expect(solveSymmetric(Float64Array.of(0, 0, 0, 0), Float64Array.of(1, 1), 2)).toBeUndefined();
});

describe('a template', () => {
  it.each(Array.from({ length: 40 }, (_, index) => index + 1))('agrees with every symbol of version %i', (version) => {
    const template = symbolTemplate(version);
    const { modules } = QRCode.create('A', { version, errorCorrectionLevel: 'L' });
    expect(template?.size).toBe(modules.size);
    const wrong = [...(template?.known ?? [])].filter((value, at) => value !== 0 && value > 0 !== (modules.data[at] === 1));
    expect(wrong).toEqual([]);
    // Finders, timing and one dark module at least.
    expect(template?.points.length).toBeGreaterThan(3 * 200);
  });

  it('exists for real versions only', () => {
    for (const version of [0, 41, 2.5, Number.NaN]) expect(symbolTemplate(version)).toBeUndefined();
  });
});

/** A symbol drawn with `modulePx` a module, smeared over `smear` pixels in both directions, with its true corners. */
function smearedSymbol(modulePx: number, smear: number) {
  const { modules, version } = QRCode.create(TEXT, { errorCorrectionLevel: 'L' });
  const widthPx = Math.ceil((modules.size + 12) * modulePx);
  const [left, top] = [6 * modulePx + 0.3, 6 * modulePx + 0.6];
  const sharp = new Float32Array(widthPx * widthPx);
  const parts = 4;
  for (let y = 0; y < widthPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      let sum = 0;
      for (let part = 0; part < parts * parts; part++) {
        const column = Math.floor((x + ((part % parts) + 0.5) / parts - 0.5 - left) / modulePx);
        const row = Math.floor((y + (Math.floor(part / parts) + 0.5) / parts - 0.5 - top) / modulePx);
        const isIn = column >= 0 && row >= 0 && column < modules.size && row < modules.size;
        sum += isIn && modules.data[row * modules.size + column] === 1 ? 20 : 220;
      }
      sharp[y * widthPx + x] = sum / (parts * parts);
    }
  }
  const pixels = new Float32Array(sharp.length).fill(220);
  const reach = (smear - 1) / 2;
  for (let y = reach; y < widthPx - reach; y++) {
    for (let x = reach; x < widthPx - reach; x++) {
      let sum = 0;
      for (let v = -reach; v <= reach; v++) for (let u = -reach; u <= reach; u++) sum += sharp[(y + v) * widthPx + x + u] ?? 0;
      pixels[y * widthPx + x] = sum / (smear * smear);
    }
  }
  const far = modules.size * modulePx;
  const quad: Quad = [
    { x: left, y: top },
    { x: left + far, y: top },
    { x: left + far, y: top + far },
    { x: left, y: top + far },
  ];
  return { pixels, widthPx, quad, version };
}

const moveBy = ([a, b, c, d]: Quad, by: readonly number[]): Quad => {
  const at = (index: number) => by[index] ?? 0;
  return [
    { x: a.x + at(0), y: a.y + at(1) },
    { x: b.x + at(2), y: b.y + at(3) },
    { x: c.x + at(4), y: c.y + at(5) },
    { x: d.x + at(6), y: d.y + at(7) },
  ];
};

describe('a symbol that neighbours smear into each other', () => {
  it('is found to a fraction of a module, from corners that are modules off', () => {
    const { pixels, widthPx, quad, version } = smearedSymbol(3, 3);
    const template = symbolTemplate(version);
    if (template === undefined) throw new Error('no template');
    const map = levelMap(pixels, widthPx, widthPx, 16);
    const fitted = fitGrid(map, template, moveBy(quad, [2, -3, 3, 2, 7, 6, -2, 1]), 3);
    expect(fitted.score).toBeGreaterThan(0.6);
    for (const [index, corner] of fitted.quad.entries()) {
      const right = quad[index] ?? corner;
      expect(Math.hypot(corner.x - right.x, corner.y - right.y)).toBeLessThan(1.5);
    }
  });

  it('is read where the decoder alone reads nothing', async () => {
    const { pixels, widthPx, quad, version } = smearedSymbol(3.2, 5);
    const picture: Picture = { luma: Uint8Array.from(pixels), widthPx, heightPx: widthPx };
    const alone = (await reader.read(picture)).filter(({ text }) => text !== undefined);
    expect(alone).toEqual([]);
    const template = symbolTemplate(version);
    if (template === undefined) throw new Error('no template');
    const map = levelMap(pixels, widthPx, widthPx, 16);
    const equalised = equalise(map, template, fitGrid(map, template, moveBy(quad, [1, 1, -1, 1, 2, -2, 1, 0]), 3).quad);
    const symbols = equalised === undefined ? [] : await reader.read(drawSymbol(equalised.values, template), { prepared: true });
    expect(symbols.map(({ text }) => text)).toEqual([TEXT]);
  });

  it('is not seen in noise', () => {
    const random = createSeededRandom(5);
    const pixels = Float32Array.from(random.bytes(200 * 200));
    const template = symbolTemplate(8);
    if (template === undefined) throw new Error('no template');
    const quad: Quad = [
      { x: 20, y: 20 },
      { x: 180, y: 20 },
      { x: 180, y: 180 },
      { x: 20, y: 180 },
    ];
    expect(fitGrid(levelMap(pixels, 200, 200, 16), template, quad, 3).score).toBeLessThan(0.3);
  });
});

describe('a symbol that is held up', () => {
  const size = { widthPx: 480, heightPx: 360 };
  const OTHER = `CP1:${'ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210'.repeat(5)}`;
  const region = { left: 110, top: 50, widthPx: 260, heightPx: 260 };
  const shown = (seed: number, code: Partial<HeldCode> = {}, noise = 4): Picture => ({
    ...size,
    luma: renderFrame({ ...size, seed, noise, code: { text: TEXT, modulePx: 2.6, look: 'paper', x: 0.5, y: 0.5, ...code } }),
  });
  const aloneReads = async (picture: Picture) => (await reader.read(picture)).some(({ text }) => text !== undefined);

  it('has its outline found by texture', () => {
    // A symbol of 49 modules in the middle of the picture.
    const half = (49 * 2.6) / 2;
    for (const outline of textureOutlines(shown(1))) {
      for (const { x, y } of outline) {
        expect(Math.abs(Math.abs(x - 240) - half)).toBeLessThan(20);
        expect(Math.abs(Math.abs(y - 180) - half)).toBeLessThan(20);
      }
    }
    expect(textureOutlines(shown(1)).length).toBeGreaterThan(0);
    expect(textureOutlines({ ...size, luma: new Uint8Array(480 * 360) })).toEqual([]);
    expect(textureOutlines({ widthPx: 5, heightPx: 3, luma: new Uint8Array(15) })).toEqual([]);
  });

  it.each<[string, Partial<HeldCode>, number]>([
    ['leans far and is small', { tiltDeg: 66, modulePx: 3.4, turnDeg: 30 }, 4],
    ['is smeared by the hand', { motionPx: 8, modulePx: 3 }, 3],
    ['is out of focus', { blurPx: 3.4, modulePx: 3 }, 3],
    ['is drowned in noise', { modulePx: 3 }, 70],
  ])('is read from a few frames where it %s and the decoder alone reads none', async (_, code, noise) => {
    const held = createHeldSymbol(reader);
    const texts: (string | undefined)[] = [];
    for (let index = 0; index < 8; index++) {
      const picture = shown(index, { ...code, x: 0.5 + index * 0.001, y: 0.5 - index * 0.001 }, noise);
      expect(await aloneReads(picture)).toBe(false);
      if (!held.track(picture) && !held.locate(picture, region)) continue;
      texts.push(...(await held.read()).map(({ text }) => text));
    }
    expect(texts).toContain(TEXT);
    expect(new Set(texts.filter((text) => text !== undefined)).size).toBe(1);
  });

  it('is forgotten when another one takes its place', async () => {
    const held = createHeldSymbol(reader);
    const texts: (string | undefined)[] = [];
    for (let index = 0; index < 12; index++) {
      const picture = shown(index, { text: index < 6 ? TEXT : OTHER, blurPx: 2 });
      if (held.track(picture) || held.locate(picture, region)) texts.push((await held.read())[0]?.text);
    }
    expect(texts.slice(0, 6)).toContain(TEXT);
    expect(texts.slice(7)).not.toContain(TEXT);
    expect(texts.slice(7)).toContain(OTHER);
  });

  it('is said to lie where it does', async () => {
    const held = createHeldSymbol(reader);
    expect(held.locate(shown(3), region)).toBe(true);
    const [symbol] = await held.read();
    expect(symbol?.text).toBe(TEXT);
    const half = (49 * 2.6) / 2;
    expect(symbol?.quad[0].x).toBeCloseTo(240 - half, -0.5);
    expect(symbol?.quad[2].y).toBeCloseTo(180 + half, -0.5);
  });

  it('is not seen in noise, in a plain picture, or at the edge of a tiny one', async () => {
    const random = createSeededRandom(9);
    const noise: Picture = { ...size, luma: random.bytes(480 * 360) };
    const plain: Picture = { ...size, luma: new Uint8Array(480 * 360).fill(80) };
    const held = createHeldSymbol(reader);
    for (const picture of [noise, plain]) {
      expect(held.locate(picture, region)).toBe(false);
      expect(held.track(picture)).toBe(false);
      expect(await held.read()).toEqual([]);
    }
    expect(held.locate({ widthPx: 8, heightPx: 8, luma: random.bytes(64) }, { left: 0, top: 0, widthPx: 8, heightPx: 8 })).toBe(false);
    held.suggest(
      [
        { x: 0, y: 0 },
        { x: 3, y: 0 },
        { x: 3, y: 3 },
        { x: 0, y: 3 },
      ],
      40,
    );
    expect(held.track(plain)).toBe(false);
  });
});

describe('the gate', () => {
  const size = { widthPx: 1280, heightPx: 720 };
  const scene = (seed: number, light = 1, code = false): Picture => ({
    ...size,
    luma: renderFrame({
      ...size,
      seed,
      light,
      noise: light < 1 ? 8 : 3,
      ...(code && { code: { text: TEXT, modulePx: 2.2, look: 'phone' as const, x: 0.3, y: 0.6 } }),
    }),
  });

  it.each([1, 0.1])('takes noise for no change, and a code far away for one, in light %f', (light) => {
    const gate = createChangeGate();
    expect(gate.hasChanged(scene(1, light))).toBe(true);
    gate.keep();
    for (const seed of [2, 3, 4]) expect(gate.hasChanged(scene(seed, light))).toBe(false);
    expect(gate.hasChanged(scene(5, light, true))).toBe(true);
    // Not looked at yet: it still differs.
    expect(gate.hasChanged(scene(6, light, true))).toBe(true);
    gate.keep();
    expect(gate.hasChanged(scene(7, light, true))).toBe(false);
    expect(gate.hasChanged({ widthPx: 64, heightPx: 48, luma: new Uint8Array(64 * 48) })).toBe(true);
  });

  it.each([1, 0.15])('tells a code from an empty scene by its even detail, in light %f', (light) => {
    const several = (code: boolean) =>
      average([scene(1, light, code), scene(2, light, code), scene(3, light, code), scene(4, light, code)]);
    const find = (code: boolean) => finelyFilled(detailMap(halve(several(code)), light < 1), light < 1);
    expect(find(false)).toBeUndefined();
    const found = find(true);
    expect(Math.abs((found?.x ?? 0) * 2 - 0.3 * 1280)).toBeLessThan(80);
    expect(Math.abs((found?.y ?? 0) * 2 - 0.6 * 720)).toBeLessThan(80);
  });

  it('has the busiest square where both directions have detail', () => {
    const [widthPx, heightPx] = [200, 120];
    const luma = new Uint8Array(widthPx * heightPx).fill(100);
    // A fence has detail in one direction only.
    for (let y = 0; y < 64; y++) for (let x = 0; x < 64; x++) luma[y * widthPx + x] = x % 6 < 3 ? 0 : 255;
    for (let y = 0; y < 40; y++)
      for (let x = 0; x < 40; x++) luma[(60 + y) * widthPx + 120 + x] = ((x / 3) | 0) % 2 === ((y / 3) | 0) % 2 ? 60 : 140;
    const map = detailMap({ luma, widthPx, heightPx }, false);
    const found = busiestRegion(map, 40);
    expect(Math.abs((found?.left ?? 0) - 120)).toBeLessThanOrEqual(8);
    expect(Math.abs((found?.top ?? 0) - 60)).toBeLessThanOrEqual(8);
    expect(busiestRegion(map, 130)).toBeUndefined();
  });

  it('finds nothing in a picture that is too small for a code', () => {
    for (const [widthPx, heightPx] of [
      [20, 20],
      [1, 1],
      [3, 700],
    ] as const) {
      const map = detailMap({ widthPx, heightPx, luma: new Uint8Array(widthPx * heightPx) }, false);
      expect(finelyFilled(map, false)).toBeUndefined();
      expect(busiestRegion(map, 30)).toBeUndefined();
    }
  });
});
