import { beforeAll, describe, expect, it } from 'vitest';
import { nodeClock } from '../../config/host/node-host.ts';
import { type HeldCode, renderFrame } from '../../fixtures/render-qr.ts';
import { createAdviser, isWhole } from './advice.ts';
import type { Advice, DecodedSymbol, Picture, PictureReader, Quad } from './decoder.ts';
import { openZxingWasm } from './zxing-wasm-reader.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
/** Version 9, 53 modules a side, as an issuer's codes have. */
const TEXT = `CP1:${'RRQ+D9 60CO0HD4WD68CK6KAFN0EDC18V1T0BDC479J-0X507H0QS00+0/E7V50X30Y503D0NJK.UKG.KZ8L9KLSVLGJ0K*9/*'.repeat(3).slice(0, 245)}`;
const MODULES = 53;
const FRAMES = 8;

interface Cause {
  readonly code?: Partial<HeldCode>;
  readonly light?: number;
  readonly noise?: number;
  /** How far the hand moves from frame to frame, pixels. */
  readonly wavePx?: number;
}

const heldCode = (code: Partial<HeldCode> = {}): HeldCode => ({ text: TEXT, look: 'phone', modulePx: 3.4, x: 0.5, y: 0.5, ...code });

function render({ code, light, noise, wavePx = 1 }: Cause, frame: number): Picture {
  const held = heldCode(code);
  const x = held.x + ((frame % 3) * wavePx) / SIZE.widthPx;
  const scene = { ...SIZE, seed: 50 + frame, ...(light !== undefined && { light }), ...(noise !== undefined && { noise }) };
  return { ...SIZE, luma: renderFrame({ ...scene, code: { ...held, x } }) };
}

/** Where the renderer drew it, for what no decoder locates. */
function drawn(code: Partial<HeldCode> = {}): DecodedSymbol {
  const { x, y, modulePx } = heldCode(code);
  const [cx, cy, half] = [x * SIZE.widthPx, y * SIZE.heightPx, (MODULES * modulePx) / 2];
  const quad: Quad = [
    { x: cx - half, y: cy - half },
    { x: cx + half, y: cy - half },
    { x: cx + half, y: cy + half },
    { x: cx - half, y: cy + half },
  ];
  return { text: undefined, quad, version: 9 };
}

describe('the advice of a code that is located and not read', () => {
  let reader: PictureReader;
  beforeAll(async () => {
    reader = await openZxingWasm();
  });

  /** What is said of the largest symbol, frame by frame; only frames in which one is located and none read. */
  async function said(cause: Cause): Promise<(Advice | undefined)[]> {
    const adviser = createAdviser();
    const all: (Advice | undefined)[] = [];
    for (let frame = 0; frame < FRAMES; frame++) {
      const picture = render(cause, frame);
      const symbols = await reader.read(picture);
      const advised = adviser.advise(picture, symbols);
      if (symbols.length === 0 || symbols.some(({ text }) => text !== undefined)) continue;
      all.push((advised.symbols.find(isWhole) ?? advised.symbols[0])?.advice);
    }
    return all;
  }

  it.each<[Advice, string, Cause]>([
    ['closer', 'far away', { code: { modulePx: 1.5 } }],
    ['further', 'too near', { code: { modulePx: 14 } }],
    ['tilt-less', 'tilted', { code: { modulePx: 2.6, tiltDeg: 60 } }],
    ['tilt-less', 'tilted much', { code: { modulePx: 4, tiltDeg: 70 } }],
    ['less-glare', 'in glare', { code: { modulePx: 3.2, glare: 1.5 } }],
    ['less-glare', 'in strong glare', { code: { modulePx: 4, glare: 3, look: 'paper' } }],
    ['wipe', 'blurred', { code: { blurPx: 3 } }],
    ['brighter', 'in the dark', { code: { modulePx: 5 }, light: 0.08, noise: 4 }],
    ['brighter', 'in the dusk', { code: { modulePx: 4 }, light: 0.15, noise: 6 }],
  ])('is %s where it is %s', async (advice, _name, cause) => {
    const all = await said(cause);
    const right = all.filter((one) => one === advice).length;
    expect({ all, isMost: all.length > 0 && right > all.length / 2 }).toMatchObject({ isMost: true });
    // And none that would send people the wrong way.
    expect(all.filter((one) => one !== advice && one !== undefined).length).toBeLessThanOrEqual(all.length / 4);
  });
});

describe('the advice at a known place', () => {
  const advise = (cause: Cause, frame = 0) => createAdviser().advise(render(cause, frame), [drawn(cause.code)]).symbols[0]?.advice;

  it.each<[Advice | undefined, string, Cause]>([
    [undefined, 'nothing is wrong with it', {}],
    [undefined, 'it is small and sharp', { code: { modulePx: 2.2, look: 'paper' } }],
    [undefined, 'the light is low and enough', { light: 0.4 }],
    ['hold-still', 'it is smeared', { code: { motionPx: 7 } }],
    ['hold-still', 'it is smeared along its own side, turned', { code: { motionPx: 9, turnDeg: 3 } }],
    ['wipe', 'it is blurred', { code: { blurPx: 4 } }],
    ['brighter', 'it is dark', { light: 0.12, noise: 8 }],
    ['further', 'it is cut off by the edge', { code: { modulePx: 5, x: 0.95 } }],
    ['brighter', 'it is night', { light: 0.07, noise: 8 }],
  ])('is %s where %s', (advice, _name, cause) => {
    expect(advise(cause)).toBe(advice);
  });

  it('is to hold still where it moves from frame to frame', () => {
    const adviser = createAdviser();
    const said = [0, 1, 2, 3].map((frame) => {
      const code = { x: 0.4 + frame * 0.05 };
      return adviser.advise(render({ code }, 0), [drawn(code)]).symbols[0]?.advice;
    });
    expect(said).toEqual([undefined, 'hold-still', 'hold-still', 'hold-still']);
  });

  it('is to hold still where a symbol was located and is smeared now, for a while', () => {
    const adviser = createAdviser();
    adviser.advise(render({}, 0), [drawn()]);
    const smeared = render({ code: { motionPx: 9 } }, 1);
    for (let frame = 0; frame < 10; frame++) expect(adviser.advise(smeared, []).advice).toBe('hold-still');
    expect(adviser.advise(smeared, []).advice).toBeUndefined();
  });

  it('is none where a symbol was located and an empty scene is now', () => {
    const adviser = createAdviser();
    adviser.advise(render({}, 0), [drawn()]);
    expect(adviser.advise({ ...SIZE, luma: renderFrame({ ...SIZE, seed: 3 }) }, []).advice).toBeUndefined();
  });

  it('is none for a code that was read', () => {
    const read = { ...drawn(), text: TEXT };
    expect(createAdviser().advise(render({ light: 0.05 }, 0), [read]).symbols).toEqual([read]);
  });

  it('costs less than a millisecond, and copes with corners outside of the picture', () => {
    const adviser = createAdviser();
    const picture = render({}, 0);
    const outside = drawn({ x: 1.4, y: -0.4, modulePx: 20 });
    for (let frame = 0; frame < 50; frame++) adviser.advise(picture, [drawn(), outside]);
    const startMs = nodeClock.monotonicMs();
    for (let frame = 0; frame < 100; frame++) adviser.advise(picture, [drawn()]);
    expect((nodeClock.monotonicMs() - startMs) / 100).toBeLessThan(1);
    expect(adviser.advise(picture, [outside]).symbols[0]?.advice).toBe('further');
  });
});
