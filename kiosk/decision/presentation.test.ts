import { describe, expect, it } from 'vitest';
import { type Look, noPresentation, type PresentationStep, type SeenCode, track } from './presentation.ts';

const own = (key: string): SeenCode => ({ key, kind: 'verified' });
const doubtful = (key: string): SeenCode => ({ key, kind: 'doubtful' });
const foreign = (key: string): SeenCode => ({ key, kind: 'foreign' });

interface Span {
  readonly forMs: number;
  readonly codes?: readonly SeenCode[];
  readonly unreadable?: readonly number[];
  readonly mayDecide?: boolean;
}

const FRAME_MS = 100;

/** Runs looks at 10 a second and gives every step that was a decision, with its time. */
function decisionsOf(spans: readonly Span[]) {
  let state = noPresentation;
  let atMs = 0;
  const decisions: { atMs: number; what: string; sinceMs: number; frames: number }[] = [];
  const steps: PresentationStep[] = [];
  for (const { forMs, codes = [], unreadable = [], mayDecide = true } of spans) {
    for (const endMs = atMs + forMs; atMs < endMs; atMs += FRAME_MS) {
      const look: Look = { atMs, codes, unreadableSizes: unreadable, mayDecide };
      const tracked = track(state, look);
      state = tracked.state;
      const { step } = tracked;
      steps.push(step);
      if (step.kind === 'decide') {
        decisions.push({ atMs, what: step.what === 'code' ? step.key : step.what, sinceMs: step.sinceMs, frames: step.frames });
      }
    }
  }
  return { decisions, steps };
}

const whats = (spans: readonly Span[]) => decisionsOf(spans).decisions.map(({ what }) => what);

describe('presentations', () => {
  it('decides on a verified code in its first frame, once for as long as it is held', () => {
    const { decisions } = decisionsOf([{ forMs: 300 }, { forMs: 20_000, codes: [own('a')] }]);
    expect(decisions).toEqual([{ atMs: 300, what: 'a', sinceMs: 300, frames: 1 }]);
  });

  it('keeps one presentation through gaps below a second', () => {
    expect(whats([{ forMs: 500, codes: [own('a')] }, { forMs: 900 }, { forMs: 500, codes: [own('a')] }])).toEqual(['a']);
  });

  it('takes a code that comes back after more than a second for a new presentation', () => {
    expect(whats([{ forMs: 500, codes: [own('a')] }, { forMs: 1_500 }, { forMs: 500, codes: [own('a')] }])).toEqual(['a', 'a']);
  });

  it('decides on the next code while the last one is still in view', () => {
    expect(
      whats([
        { forMs: 1_000, codes: [own('a')] },
        { forMs: 1_000, codes: [own('a'), own('b')] },
      ]),
    ).toEqual(['a', 'b']);
  });

  it('asks for one at a time when two new codes stay', () => {
    expect(whats([{ forMs: 3_000, codes: [own('a'), own('b')] }])).toEqual(['several-codes']);
  });

  it('does not stop anybody for a single misread frame', () => {
    expect(
      whats([
        { forMs: 100, codes: [doubtful('x')] },
        { forMs: 1_000, codes: [own('a')] },
      ]),
    ).not.toContain('x');
    expect(whats([{ forMs: 100, codes: [doubtful('x')] }, { forMs: 3_000 }])).toEqual([]);
  });

  it('decides on a refused code in its second frame', () => {
    expect(decisionsOf([{ forMs: 2_000, codes: [doubtful('x')] }]).decisions).toMatchObject([{ atMs: 100, what: 'x', frames: 2 }]);
  });

  it('answers a foreign code once it stays, and only once', () => {
    expect(whats([{ forMs: 10_000, codes: [foreign('bank')] }])).toEqual(['bank']);
    expect(whats([{ forMs: 800, codes: [foreign('bank')] }, { forMs: 8_000 }])).toEqual([]);
  });

  it('lets no sticker in the background block the lane', () => {
    const spans = [
      { forMs: 3_000, codes: [foreign('sticker')] },
      { forMs: 1_000, codes: [foreign('sticker'), own('a')] },
      { forMs: 2_000, codes: [foreign('sticker')] },
      { forMs: 1_000, codes: [foreign('sticker'), own('b')] },
    ];
    expect(whats(spans)).toEqual(['sticker', 'a', 'b']);
  });

  it('sends a code that cannot be read to staff after five seconds, once', () => {
    const { decisions, steps } = decisionsOf([{ forMs: 9_000, unreadable: [0.4] }]);
    expect(decisions).toMatchObject([{ atMs: 5_000, what: 'unreadable' }]);
    expect(steps.slice(1, 50).every(({ kind }) => kind === 'reading')).toBe(true);
  });

  it('counts the frames in which a code was seen and not read to its presentation', () => {
    const { decisions } = decisionsOf([
      { forMs: 400, unreadable: [0.4] },
      { forMs: 500, codes: [own('a')] },
    ]);
    expect(decisions).toEqual([{ atMs: 400, what: 'a', sinceMs: 0, frames: 5 }]);
  });

  it('takes a blur right after a decision for the same hand', () => {
    expect(whats([{ forMs: 500, codes: [own('a')] }, { forMs: 900, unreadable: [0.4] }, { forMs: 3_000 }])).toEqual(['a']);
  });

  it('waits with a due decision until the screen can take it', () => {
    const spans = [
      { forMs: 1_000, codes: [own('a')], mayDecide: false },
      { forMs: 1_000, codes: [own('a')] },
    ];
    expect(decisionsOf(spans).decisions).toMatchObject([{ atMs: 1_000, what: 'a', sinceMs: 0 }]);
  });

  it('takes no notice of what looks like a code in a single frame', () => {
    expect(decisionsOf([{ forMs: 100, unreadable: [0.3] }, { forMs: 300 }]).steps.every(({ kind }) => kind === 'idle')).toBe(true);
  });

  it('says what helps by the size of the symbol', () => {
    expect(decisionsOf([{ forMs: 200, unreadable: [0.1] }]).steps[1]).toEqual({ kind: 'reading', hint: 'closer' });
    expect(decisionsOf([{ forMs: 200, unreadable: [0.95] }]).steps[1]).toEqual({ kind: 'reading', hint: 'further' });
  });
});
