import { describe, expect, it } from 'vitest';
import { backoffMs, fraction } from './backoff.ts';
import { judgeReceipt } from './outbox.ts';

const head = (n: number, history = 'a') => `${history}${n}`;
const own = (firstSeq: number, lastSeq: number) => ({
  firstSeq,
  lastSeq,
  hashAt: (n: number) => (n >= firstSeq && n <= lastSeq ? head(n) : undefined),
});
const receipt = (outcome: 'acknowledged' | 'gap' | 'fork' | 'unknown-journal', n: number, change: object = {}) => ({
  outcome,
  n,
  head: head(n),
  points: [],
  ...change,
});

describe('what a receipt means', () => {
  it('acknowledges up to n where the head is the own hash there', () => {
    expect(judgeReceipt(receipt('acknowledged', 40), own(0, 100))).toEqual({ kind: 'acknowledge', n: 40 });
  });

  it('acknowledges nothing by the mark alone', () => {
    const step = judgeReceipt(receipt('acknowledged', 40, { head: head(40, 'b') }), own(0, 100));
    expect(step).toEqual({ kind: 'new-journal', afterSeq: 0, lost: undefined });
  });

  it('goes back to the mark at a gap', () => {
    expect(judgeReceipt(receipt('gap', 10), own(0, 100))).toEqual({ kind: 'acknowledge', n: 10 });
  });

  it('starts again where upstream knows nothing and everything is here', () => {
    expect(judgeReceipt(receipt('unknown-journal', 0), own(0, 100))).toEqual({ kind: 'restart' });
  });

  it('names a range that neither side has any more', () => {
    const lost = { kind: 'new-journal', afterSeq: 50, lost: { from: 31, to: 50 } };
    expect(judgeReceipt(receipt('gap', 30), own(50, 100))).toEqual(lost);
    expect(judgeReceipt(receipt('acknowledged', 30), own(50, 100))).toEqual(lost);
    expect(judgeReceipt(receipt('unknown-journal', 0), own(50, 100))).toEqual({ ...lost, lost: { from: 1, to: 50 } });
  });

  it('loses nothing where the mark is just before the oldest record that is here', () => {
    expect(judgeReceipt(receipt('gap', 50), own(50, 100))).toEqual({ kind: 'acknowledge', n: 50 });
  });

  it('forks at the highest point that both histories share, and moves every record above it', () => {
    const points = [
      { n: 80, head: head(80, 'b') },
      { n: 60, head: head(60, 'b') },
      { n: 40, head: head(40) },
      { n: 20, head: head(20) },
      { n: 0, head: head(0) },
    ];
    const fork = receipt('fork', 80, { head: head(80, 'b'), points });
    expect(judgeReceipt(fork, own(0, 100))).toEqual({ kind: 'new-journal', afterSeq: 40, lost: undefined });
    expect(judgeReceipt(fork, own(50, 100))).toEqual({ kind: 'new-journal', afterSeq: 50, lost: undefined });
  });

  it('treats a kiosk that was set back, behind upstream, as forked', () => {
    const points = [
      { n: 120, head: head(120) },
      { n: 90, head: head(90) },
    ];
    expect(judgeReceipt(receipt('acknowledged', 120, { points }), own(0, 100))).toEqual({
      kind: 'new-journal',
      afterSeq: 90,
      lost: undefined,
    });
  });
});

describe('backoff', () => {
  it('doubles with full jitter up to five minutes', () => {
    expect(backoffMs(0, 0)).toBe(0);
    expect(backoffMs(0, 0.5)).toBe(500);
    expect(backoffMs(3, 0.5)).toBe(4_000);
    expect(backoffMs(50, 0.999_999)).toBe(300_000);
  });

  it('never comes back before it was asked to', () => {
    expect(backoffMs(0, 0, 30_000)).toBe(30_000);
    expect(backoffMs(9, 0.5, 30_000)).toBeGreaterThan(30_000);
  });

  it('draws from the whole range below one', () => {
    expect(fraction(Uint8Array.of(0, 0, 0, 0))).toBe(0);
    expect(fraction(Uint8Array.of(255, 255, 255, 255))).toBeLessThan(1);
    expect(fraction(Uint8Array.of(128, 0, 0, 0))).toBe(0.5);
  });
});
