import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readingHints } from './citizen-view.ts';
import { type HintState, settleHint } from './reading-hint.ts';

it('changes what it says about once a second at most, and only to what was measured for a moment', () => {
  const advice = fc.option(fc.constantFrom(...readingHints), { nil: undefined });
  const looks = fc.array(fc.tuple(advice, fc.integer({ min: 20, max: 200 })), { maxLength: 200 });
  fc.assert(
    fc.property(looks, (all) => {
      let state: HintState | undefined;
      let atMs = 0;
      const changes: number[] = [];
      const measured = new Map<string, number>();
      for (const [hint, stepMs] of all) {
        atMs += stepMs;
        const before = state?.shown;
        state = settleHint(state, hint, atMs);
        if (hint !== undefined) for (const other of measured.keys()) if (other !== hint) measured.delete(other);
        if (hint !== undefined && !measured.has(hint)) measured.set(hint, atMs);
        if (before === undefined || before === state.shown) continue;
        expect(atMs - (measured.get(state.shown) ?? atMs)).toBeGreaterThanOrEqual(300);
        changes.push(atMs);
      }
      for (const [index, at] of changes.entries()) expect(at - (changes[index - 1] ?? -1_000)).toBeGreaterThanOrEqual(1_000);
    }),
  );
});

it('keeps what it says through frames in which nothing was measured', () => {
  let state: HintState | undefined;
  for (let atMs = 0; atMs < 2_000; atMs += 100) state = settleHint(state, atMs % 300 === 0 ? 'brighter' : undefined, atMs);
  expect(state?.shown).toBe('brighter');
});

it('begins anew after an interruption', () => {
  const state = settleHint(settleHint(settleHint(undefined, 'closer', 0), 'closer', 400), 'closer', 800);
  expect(state.shown).toBe('closer');
  expect(settleHint(state, undefined, 2_000).shown).toBe('hold-still');
});
