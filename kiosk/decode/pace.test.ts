import { describe, expect, it } from 'vitest';
import { createPace } from './pace.ts';

/** A pace on a clock that stages advance. */
function paced(budgetMs = 66) {
  let nowMs = 0;
  const pace = createPace(() => nowMs, budgetMs);
  const spend = (stage: string, tookMs: number) =>
    pace.timed(stage, () => {
      nowMs += tookMs;
    });
  const frame = async (...stages: [stage: string, tookMs: number][]) => {
    pace.begin();
    for (const [stage, tookMs] of stages) await spend(stage, tookMs);
    pace.end();
  };
  return { pace, spend, frame };
}

describe('the pace of the cascade', () => {
  it('begins nothing that took longer before than what is left of the budget, and tries it again later', async () => {
    const { pace, spend, frame } = paced();
    await frame(['locate', 60]);
    pace.begin();
    expect(pace.fits('locate')).toBe(true);
    await spend('region', 10);
    expect(pace.fits('locate')).toBe(false);
    // Each refusal forgets a tenth.
    expect(pace.fits('locate')).toBe(true);
  });

  it('spends on searches what frames save against a plain decode, and no more', async () => {
    const { pace, frame } = paced();
    for (let count = 0; count < 20; count++) await frame(['plain', 5]);
    expect(pace.hasCredit()).toBe(true);
    for (let count = 0; count < 20; count++) await frame(['region', 1], ['locate', 25]);
    expect(pace.hasCredit()).toBe(false);
    for (let count = 0; count < 100; count++) await frame(['region', 1]);
    expect(pace.hasCredit()).toBe(true);
  });

  it('saves up so much and not for ever', async () => {
    const { pace, frame } = paced();
    for (let count = 0; count < 10_000; count++) await frame(['region', 1]);
    for (let count = 0; count < 25; count++) await frame(['locate', 25]);
    expect(pace.hasCredit()).toBe(false);
  });
});
