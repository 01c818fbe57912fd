/**
 * What stages of the cascade took before, against what is left of a frame's budget; and what frames took, against a plain
 * decode of each: what is saved there may be spent on a search (pure but for its memory).
 */

export interface Pace {
  /** A frame begins. */
  begin(): void;
  /** It ends: what it took less than a plain decode is credit, what it took more is spent. */
  end(): void;
  hasCredit(): boolean;
  /** Whether a stage is expected to end in time. One that is refused is tried again some frames later. */
  fits(stage: string): boolean;
  /** Runs a stage and remembers what it took. */
  timed<T>(stage: string, run: () => T | Promise<T>): Promise<T>;
}

/** Milliseconds at first, and at most. */
const CREDIT_MS = 200;
const CREDIT_MS_MAX = 400;
/** A stage that once took long is expected to take this part of it the next time. */
const FORGET = 0.9;
/** What the dear ones take before they were ever run, milliseconds. */
const EXPECTED_MS = { plain: 6, locate: 25, track: 12, estimate: 20 };
/** Of the newest plain decode in their mean. */
const PLAIN_SHARE = 0.1;
/** `budgetMs`: of a frame. */
export function createPace(nowMs: () => number, budgetMs: number): Pace {
  const expectedMs = new Map<string, number>(Object.entries(EXPECTED_MS));
  let startMs = 0;
  let creditMs = CREDIT_MS;
  let plainMs = EXPECTED_MS.plain;
  return {
    begin() {
      startMs = nowMs();
    },
    end() {
      creditMs = Math.min(CREDIT_MS_MAX, creditMs + plainMs - (nowMs() - startMs));
    },
    hasCredit: () => creditMs > 0,
    fits(stage: string): boolean {
      const expected = expectedMs.get(stage) ?? 0;
      const isIn = nowMs() - startMs + expected < budgetMs;
      if (!isIn) expectedMs.set(stage, expected * FORGET);
      return isIn;
    },
    async timed<T>(stage: string, run: () => T | Promise<T>): Promise<T> {
      const beginMs = nowMs();
      const result = await run();
      const tookMs = nowMs() - beginMs;
      if (stage === 'plain') plainMs += (tookMs - plainMs) * PLAIN_SHARE;
      expectedMs.set(stage, Math.max(tookMs, (expectedMs.get(stage) ?? 0) * FORGET));
      return result;
    },
  };
}
