import { describe, expect, it } from 'vitest';
import { createBusyStreet } from '../../fixtures/busy-street.ts';
import { drawTexture, textureKinds } from '../../fixtures/street-textures.ts';
import { openZxingWasm } from '../../kiosk/decode/zxing-wasm-reader.ts';

const SIZE = { widthPx: 640, heightPx: 360 };
const street = (seed: number, ornament = true) => createBusyStreet({ ...SIZE, frameRateHz: 15, seed, ornament });

describe('the busy street', () => {
  it('is the same for the same seed, moves, and is another place after twenty seconds', () => {
    const [one, same] = [street(3), street(3)];
    const pictures = Array.from({ length: 301 }, () => {
      const picture = one.next().slice();
      expect(Buffer.compare(picture, same.next())).toBe(0);
      return picture;
    });
    const change = (a: number, b: number) =>
      (pictures[a] ?? new Uint8Array()).reduce((sum, level, at) => sum + Math.abs(level - (pictures[b]?.[at] ?? 0)), 0) /
      (SIZE.widthPx * SIZE.heightPx);
    expect(change(0, 45)).toBeGreaterThan(2);
    expect(change(299, 300)).toBeGreaterThan(10);
  });

  it('names what is in front at a point, and street where nothing is', () => {
    const one = street(3);
    one.next();
    const names = new Set<string>();
    for (let y = 0; y < SIZE.heightPx; y += 20) for (let x = 0; x < SIZE.widthPx; x += 20) names.add(one.thingAt(x, y));
    expect(names.size).toBeGreaterThan(3);
    expect(one.thingAt(-500, -500)).toBe('street');
  });

  it.each(textureKinds)('holds no code: %s', async (kind) => {
    const reader = await openZxingWasm();
    let state = 7;
    const dice = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    for (let round = 0; round < 5; round++) {
      const sprite = drawTexture(kind, 320, 240, dice);
      expect((await reader.read(sprite)).filter(({ text }) => text !== undefined)).toEqual([]);
    }
  });
});
