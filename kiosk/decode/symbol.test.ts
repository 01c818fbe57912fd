import QRCode from 'qrcode';
import { beforeAll, describe, expect, it } from 'vitest';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { createSeededRandom } from '../../fixtures/simulated-host.ts';
import type { Picture, PictureReader, Quad } from './decoder.ts';
import { busiestRegion, detailMap, finelyFilled } from './detail.ts';
import { average, halve, stretch } from './enhance.ts';
import { drawSymbol, equalise } from './equaliser.ts';
import { createChangeGate } from './gate.ts';
import { solveSymmetric } from './linear.ts';
import { createStack } from './stack.ts';
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
    const picture = stretch(pixels, widthPx, widthPx);
    const alone = (await reader.read(picture)).filter(({ text }) => text !== undefined);
    expect(alone).toEqual([]);
    const template = symbolTemplate(version);
    if (template === undefined) throw new Error('no template');
    const map = levelMap(pixels, widthPx, widthPx, 16);
    const values = equalise(map, template, fitGrid(map, template, moveBy(quad, [1, 1, -1, 1, 2, -2, 1, 0]), 3).quad);
    const symbols = values === undefined ? [] : await reader.read(drawSymbol(values, template), { prepared: true });
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

describe('frames laid onto each other', () => {
  const size = { widthPx: 480, heightPx: 360 };
  const frame = (seed: number, x: number, y: number, turnDeg: number): Picture => ({
    ...size,
    luma: renderFrame({ ...size, seed, noise: 60, code: { text: TEXT, modulePx: 2.4, look: 'paper', x, y, turnDeg } }),
  });
  const region = { left: 130, top: 70, widthPx: 220, heightPx: 220 };

  it('follow the hand, and are read where no single one is', async () => {
    const stack = createStack(frame(1, 0.5, 0.5, 0), region);
    const alone: (string | undefined)[] = [];
    for (let index = 1; index <= 10; index++) {
      const next = frame(1 + index, 0.5 + index * 0.006, 0.5 - index * 0.004, index * 0.4);
      alone.push(...(await reader.read(next)).map(({ text }) => text));
      expect(stack.add(next)).toBe(true);
    }
    expect(stack.frames()).toBe(11);
    const centre = stack.centre();
    expect(Math.abs(centre.x - 240 - 0.06 * 480)).toBeLessThan(1.5);
    expect(Math.abs(centre.y - 180 + 0.04 * 360)).toBeLessThan(1.5);
    const { pixels, widthPx, heightPx } = stack.mean();
    const texts = (await reader.read(stretch(pixels, widthPx, heightPx))).map(({ text }) => text);
    expect(texts).toEqual([TEXT]);
    expect(alone).not.toContain(TEXT);
  });

  it('end where the code has left', () => {
    const stack = createStack(frame(1, 0.5, 0.5, 0), region);
    let taken = 0;
    while (taken < 20 && stack.add(frame(1, 0.5 + (taken + 1) * 0.018, 0.5, 0))) taken++;
    expect(taken).toBeGreaterThan(3);
    expect(taken).toBeLessThan(12);
  });

  it('bear a plain picture', () => {
    const plain: Picture = { ...size, luma: new Uint8Array(480 * 360).fill(80) };
    const stack = createStack(plain, region);
    expect(() => stack.add(plain)).not.toThrow();
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
