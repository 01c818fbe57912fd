import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLog, nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { createCascade } from './cascade.ts';
import type { DecodedSymbol, Picture, PictureReader } from './decoder.ts';
import { openWorkerDecoder } from './worker-decoder.ts';
import { openZxingJs } from './zxing-js-reader.ts';
import { openZxingWasm } from './zxing-wasm-reader.ts';

const host = { clock: nodeClock, random: nodeRandom, log: createLog('silent') };
const TEXT =
  'CP1:RRQ+D9 60CO0HD4WD68CK6KAFN0EDC18V1T0BDC479J-0X507H0QS00+0/E7V50X30Y503D0NJK.UKG.KZ8L9KLSVLGJ0K*9/*ANB8V49ZPG::9+G0D73 50$%';
const SIZE = { widthPx: 1280, heightPx: 720 };

function picture(change: object = {}): Picture {
  const code = { text: TEXT, modulePx: 4, look: 'phone', x: 0.5, y: 0.5, ...change } as const;
  return { ...SIZE, luma: renderFrame({ ...SIZE, seed: 3, code }) };
}

const openers: [string, () => Promise<PictureReader>][] = [
  ['zxing-wasm', openZxingWasm],
  ['zxing-js', async () => openZxingJs()],
];

describe.each(openers)('%s', (_name, open) => {
  let reader: PictureReader;
  beforeAll(async () => {
    reader = await open();
  });

  it('gives the text of a held code exactly', async () => {
    expect((await reader.read(picture())).map(({ text }) => text)).toEqual([TEXT]);
  });

  it('reads a turned code on paper', async () => {
    expect((await reader.read(picture({ turnDeg: 20, look: 'paper' }))).map(({ text }) => text)).toContain(TEXT);
  });

  it('gives no text for an empty scene', async () => {
    const luma = renderFrame({ ...SIZE, seed: 5 });
    expect((await reader.read({ ...SIZE, luma })).filter(({ text }) => text !== undefined)).toEqual([]);
  });

  it('never throws and never invents a text, whatever the picture', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }), fc.integer(), async (widthPx, heightPx, seed) => {
        let state = seed | 1;
        const luma = Uint8Array.from({ length: widthPx * heightPx }, () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
          return state >>> 24;
        });
        const symbols = await reader.read({ luma, widthPx, heightPx });
        expect(symbols.filter(({ text }) => text !== undefined)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('zxing-wasm', () => {
  it('finds two codes in one picture', async () => {
    const reader = await openZxingWasm();
    const left = picture({ x: 0.25, text: 'CP1:LEFT', modulePx: 6, look: 'paper' });
    const right = picture({ x: 0.75, text: 'CP1:RIGHT', modulePx: 6, look: 'paper' });
    const luma = Uint8Array.from(left.luma, (level, at) => (at % SIZE.widthPx < SIZE.widthPx / 2 ? level : (right.luma[at] ?? 0)));
    expect((await reader.read({ ...SIZE, luma })).map(({ text }) => text).sort()).toEqual(['CP1:LEFT', 'CP1:RIGHT']);
  });

  it('says where an unreadable code is', async () => {
    const reader = await openZxingWasm();
    const held = picture({ modulePx: 5 });
    const luma = held.luma.slice();
    // The finder patterns stay whole, the middle is covered.
    for (let y = 305; y < 425; y++) luma.fill(200, y * 1280 + 590, y * 1280 + 700);
    const symbols = await reader.read({ ...SIZE, luma });
    expect(new Set(symbols.map(({ text }) => text))).toEqual(new Set([undefined]));
    const centres = symbols.map(({ quad }) => quad.reduce((sum, { x }) => sum + x / 4, 0));
    expect(Math.min(...centres.map((x) => Math.abs(x - 640)))).toBeLessThan(60);
  });
});

describe('a code that is covered in the middle', () => {
  it('is surely a symbol, once its grid was found', async () => {
    const held = picture({ modulePx: 5 });
    const luma = held.luma.slice();
    for (let y = 290; y < 440; y++) luma.fill(200, y * 1280 + 575, y * 1280 + 715);
    const cascade = createCascade(await openZxingWasm(), { nowMs: () => 0, budgetMs: 66, exhaustive: false });
    const seen: DecodedSymbol[] = [];
    for (let frame = 0; frame < 4; frame++) seen.push(...(await cascade.read({ ...SIZE, luma })).symbols);
    expect(seen.some(({ sure }) => sure)).toBe(true);
    expect(seen.flatMap(({ text }) => text ?? [])).toEqual([]);
  });
});

describe('decode worker', () => {
  it('decodes in a thread of its own and gives the same text', async () => {
    const decoder = await openWorkerDecoder({ frameMsMax: 5_000, budgetMs: 66 }, host);
    try {
      const result = await decoder.decode(picture());
      expect(result.symbols.map(({ text }) => text)).toEqual([TEXT]);
      expect(result.timedOut).toBe(false);
      expect(decoder.name()).toBe('zxing-wasm');
    } finally {
      await decoder.close();
    }
  });

  it('gives up a picture at the time limit and decodes the next one', async () => {
    const decoder = await openWorkerDecoder({ frameMsMax: 1_500, budgetMs: 66, source: 'fixtures/stuck-worker.ts' }, host);
    try {
      expect((await decoder.decode(picture({ text: 'CP1:STUCK' }))).timedOut).toBe(true);
      expect((await decoder.decode(picture())).symbols.map(({ text }) => text)).toEqual([TEXT]);
    } finally {
      await decoder.close();
    }
  });
});
