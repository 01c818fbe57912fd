import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../fixtures/simulated-host.ts';
import type { Picture } from './decoder.ts';
import { halve } from './enhance.ts';
import { createSearchedPlaces } from './searched-places.ts';

const SIZE = { widthPx: 320, heightPx: 240 };
const REGION = { left: 40, top: 40, widthPx: 100, heightPx: 100 };

/** A poster under noise of 20 levels; `level` of what hangs there. */
function street(seed: number, level = 100): Picture {
  const noise = createSeededRandom(seed).bytes(320 * 240);
  return { ...SIZE, luma: Uint8Array.from(noise, (byte, at) => level + ((at % 320) % 7) * 5 + (byte % 20)) };
}

describe('a place that was searched in vain', () => {
  const searched = (times: number) => {
    const places = createSearchedPlaces();
    for (let frame = 0; frame < times; frame++) places.note(street(frame), REGION, frame);
    return places;
  };

  it('is worth six searches, and then one now and then', () => {
    expect(searched(5).isWorth(street(9), REGION, 6)).toBe(true);
    expect(searched(6).isWorth(street(9), REGION, 6)).toBe(false);
    expect(searched(6).isWorth(street(9), REGION, 50)).toBe(true);
  });

  it('is worth it again when something is held there, and not when that is gone', () => {
    const places = searched(6);
    expect(places.isWorth(street(9, 150), REGION, 6)).toBe(true);
    places.note(street(9, 150), REGION, 6);
    expect(places.isWorth(street(10), REGION, 7)).toBe(false);
  });

  it('says nothing about another place, nor about a picture of another size', () => {
    const places = searched(6);
    expect(places.isWorth(street(9), { ...REGION, left: 80 }, 6)).toBe(true);
    expect(places.isWorth({ widthPx: 64, heightPx: 48, luma: new Uint8Array(64 * 48) }, REGION, 6)).toBe(true);
  });
});

describe('a picture of half the size', () => {
  it('has the rounded means of four pixels, whatever its width and place in memory', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 13 }),
        fc.integer({ min: 0, max: 9 }),
        fc.nat(3),
        fc.nat(1000),
        (widthPx, heightPx, offset, seed) => {
          const bytes = new Uint8Array(offset + widthPx * heightPx);
          bytes.set(createSeededRandom(seed).bytes(bytes.length));
          const luma = bytes.subarray(offset);
          const half = halve({ luma, widthPx, heightPx });
          const [width, height] = [widthPx >> 1, heightPx >> 1];
          const means = Array.from({ length: width * height }, (_, at) => {
            const from = 2 * Math.floor(at / width) * widthPx + 2 * (at % width);
            const sum = [from, from + 1, from + widthPx, from + widthPx + 1].reduce((total, place) => total + (luma[place] ?? 0), 0);
            return Math.floor((sum + 2) / 4);
          });
          expect([half.widthPx, half.heightPx, [...half.luma]]).toEqual([width, height, means]);
        },
      ),
    );
  });
});
