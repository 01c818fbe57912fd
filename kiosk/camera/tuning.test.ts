import { describe, expect, it } from 'vitest';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { nextExposure } from './exposure.ts';
import { type FocusTry, nextFocusTries, sharpest } from './focus-sweep.ts';
import { measureGuide, partOf } from './sharpness.ts';

describe('the search for the focus', () => {
  const search = (control: { min: number; max: number; step: number }, sharpnessAt: (value: number) => number) => {
    const tried: FocusTry[] = [];
    for (let next = nextFocusTries(control, tried); next.length > 0; next = nextFocusTries(control, tried)) {
      tried.push(...next.map((value) => ({ value, sharpness: sharpnessAt(value) })));
    }
    return { best: sharpest(tried)?.value, tries: tried.length, values: tried.map(({ value }) => value) };
  };

  it.each([0, 5, 35, 120, 245, 250])('finds %i in about twenty tries', (peak) => {
    const { best, tries } = search({ min: 0, max: 250, step: 5 }, (value) => 1 / (1 + Math.abs(value - peak) / 20));
    expect(best).toBe(peak);
    expect(tries).toBeLessThanOrEqual(24);
  });

  it('comes near the peak of a lens with many positions, trying none twice and none that is not there', () => {
    const { best, tries, values } = search({ min: 1, max: 1023, step: 1 }, (value) => 1 / (1 + Math.abs(value - 700) / 60));
    expect(Math.abs((best ?? 0) - 700)).toBeLessThanOrEqual(30);
    expect(tries).toBeLessThanOrEqual(40);
    expect(new Set(values).size).toBe(values.length);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...values)).toBeLessThanOrEqual(1023);
  });

  it('ends also where nothing can be told apart, or the lens has one position', () => {
    expect(search({ min: 0, max: 250, step: 5 }, () => 0).tries).toBeLessThanOrEqual(24);
    expect(search({ min: 3, max: 3, step: 1 }, () => 1)).toMatchObject({ best: 3, tries: 1 });
  });
});

describe('exposure metered on the guide', () => {
  const limits = { min: 3, max: 2_047, step: 1, powerLineHz: 50, frameRateHz: 30 };
  /** A sensor in a scene: the level follows the time up to white. */
  const settle = (light: number, start: number, of = limits) => {
    let units = start;
    for (let tries = 0; tries < 20; tries++) {
      const next = nextExposure(Math.min(255, units * light), units, of);
      if (next === undefined) return { units, level: Math.min(255, units * light) };
      units = next;
    }
    throw new Error('it does not settle');
  };

  it.each([0.4, 0.55, 1, 3, 10])('settles at a middle level in light %f, from either side', (light) => {
    for (const start of [3, 300, 2_047]) {
      expect(settle(light, start).level).toBeGreaterThanOrEqual(75);
      expect(settle(light, start).level).toBeLessThanOrEqual(155);
    }
  });

  it('takes whole pulses of the light of the mains where there is time for one', () => {
    expect(settle(0.55, 2_047).units % 100).toBe(0);
    expect(settle(10, 2_047).units).toBeLessThan(100);
    expect(settle(1, 2_047, { ...limits, powerLineHz: 60 }).units).toBe(83);
  });

  it('never makes the exposure longer than a frame, and leaves a good one alone', () => {
    expect(settle(0.01, 50).units).toBe(300);
    expect(nextExposure(115, 200, limits)).toBeUndefined();
    expect(nextExposure(10, 300, limits)).toBeUndefined();
  });
});

describe('sharpness of the guide', () => {
  const size = { widthPx: 320, heightPx: 180 };
  const code = { text: 'CP1:SHARP', modulePx: 4, look: 'paper' as const, x: 0.5, y: 0.5 };
  const picture = { ...size, stride: size.widthPx, luma: renderFrame({ ...size, seed: 1, code }) };

  it('falls with blur and not with light', () => {
    const blurred = picture.luma.map((_, at) => {
      const row = at - (at % size.widthPx);
      const around = [-3, -2, -1, 0, 1, 2, 3].map((d) => picture.luma[Math.min(row + size.widthPx - 1, Math.max(row, at + d))] ?? 0);
      return around.reduce((sum, one) => sum + one, 0) / around.length;
    });
    const dark = picture.luma.map((level) => level / 2);
    const [sharp, soft, dim] = [picture.luma, blurred, dark].map((luma) => measureGuide({ ...picture, luma }));
    expect(soft?.sharpness).toBeLessThan((sharp?.sharpness ?? 0) * 0.8);
    expect(dim?.sharpness).toBeCloseTo(sharp?.sharpness ?? 0, 1);
    expect(dim?.level).toBeCloseTo((sharp?.level ?? 0) / 2, -1);
  });

  it('looks at nothing beside the guide', () => {
    const luma = new Uint8Array(size.widthPx * size.heightPx).fill(10);
    for (let y = 60; y < 120; y++) luma.fill(200, y * size.widthPx + 100, y * size.widthPx + 220);
    const part = partOf({ ...picture, luma }, { x: 100 / 320, y: 60 / 180, width: 120 / 320, height: 60 / 180 });
    expect(part).toMatchObject({ widthPx: 120, heightPx: 60, stride: 320 });
    expect(measureGuide(part)).toEqual({ level: 200, sharpness: 0 });
    // A guide that reaches over the edge ends there.
    expect(partOf(picture, { x: 0.9, y: 0.9, width: 1, height: 1 })).toMatchObject({ widthPx: 32, heightPx: 18 });
  });
});
