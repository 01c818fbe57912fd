import { describe, expect, it } from 'vitest';
import type { Place } from '../decode/code-source.ts';
import type { Advice } from '../decode/decoder.ts';
import type { CodeKind, SeenCode, SeenSymbol } from './followed-things.ts';
import { heldKey, noPresentation, type PresentationStep, pausePresentation, track } from './presentation.ts';

const AT: Place = { x: 0.9, y: 0.5, size: 0.4 };
const seen = (kind: CodeKind, key: string, place: Partial<Place> = {}): SeenCode => ({ key, kind, place: { ...AT, ...place } });
const own = (key: string, place?: Partial<Place>) => seen('verified', key, place);
const doubtful = (key: string, place?: Partial<Place>) => seen('doubtful', key, place);
const foreign = (key: string, place?: Partial<Place>) => seen('foreign', key, place);
const symbol = (place: Partial<Place> = {}, advice?: Advice): SeenSymbol => ({
  place: { ...AT, ...place },
  whole: true,
  sure: true,
  advice,
});

/** What stands beside the place where people hold their codes. */
const STICKER: Place = { x: 0.4, y: 0.3, size: 0.15 };
const BEHIND: Place = { x: 1.3, y: 0.3, size: 0.15 };
/** Two codes of about one size. */
const LEFT = { x: 0.6 };
const RIGHT = { x: 1.2 };

interface View {
  readonly codes?: readonly SeenCode[];
  readonly unread?: readonly SeenSymbol[];
  readonly advice?: Advice;
  readonly mayDecide?: boolean;
}
interface Span extends View {
  readonly forMs: number;
  /** Another view for each look of the span, by its number. */
  readonly each?: (look: number) => View;
}

const FRAME_MS = 100;

/** Runs looks at 10 a second and gives every step that was a decision, with its time. */
function decisionsOf(spans: readonly Span[]) {
  let state = noPresentation;
  let atMs = 0;
  const decisions: { atMs: number; what: string; sinceMs: number; frames: number }[] = [];
  const steps: PresentationStep[] = [];
  for (const { forMs, each, ...view } of spans) {
    for (let look = 0; look < forMs / FRAME_MS; look++, atMs += FRAME_MS) {
      const { codes = [], unread = [], advice, mayDecide = true } = { ...view, ...each?.(look) };
      const tracked = track(state, { atMs, codes, unread, advice, mayDecide });
      state = tracked.state;
      const { step } = tracked;
      steps.push(step);
      if (step.kind === 'decide') {
        decisions.push({ atMs, what: step.what === 'code' ? step.key : step.what, sinceMs: step.sinceMs, frames: step.frames });
      }
    }
  }
  return { decisions, steps, state };
}

const whats = (spans: readonly Span[]) => decisionsOf(spans).decisions.map(({ what }) => what);
const kinds = (spans: readonly Span[]) => new Set(decisionsOf(spans).steps.map(({ kind }) => kind));
/** A hand is never still. */
const wander = (look: number) => ({ x: 0.9 + 0.06 * Math.sin(look / 7), y: 0.5 + 0.05 * Math.cos(look / 5) });

describe('presentations', () => {
  it('decides on a verified code in its first frame, once for as long as it is held', () => {
    const { decisions } = decisionsOf([{ forMs: 300 }, { forMs: 120_000, each: (look) => ({ codes: [own('a', wander(look))] }) }]);
    expect(decisions).toEqual([{ atMs: 300, what: 'a', sinceMs: 300, frames: 1 }]);
    expect(whats([{ forMs: 120_000, codes: [own('a')] }])).toEqual(['a']);
  });

  it('keeps one presentation through gaps below a second', () => {
    expect(whats([{ forMs: 500, codes: [own('a')] }, { forMs: 900 }, { forMs: 500, codes: [own('a')] }])).toEqual(['a']);
  });

  it('takes a code that comes back after more than a second for a new presentation', () => {
    expect(whats([{ forMs: 500, codes: [own('a')] }, { forMs: 1_500 }, { forMs: 500, codes: [own('a')] }])).toEqual(['a', 'a']);
  });

  it('decides on the next code while the last one is still in view', () => {
    const next = { forMs: 1_000, codes: [own('a', LEFT), own('b', RIGHT)] };
    expect(whats([{ forMs: 1_000, codes: [own('a', LEFT)] }, next])).toEqual(['a', 'b']);
  });

  it('does not stop anybody for a single misread frame', () => {
    expect(
      whats([
        { forMs: 100, codes: [doubtful('x')] },
        { forMs: 1_000, codes: [own('a')] },
      ]),
    ).toEqual(['a']);
    expect(whats([{ forMs: 100, codes: [doubtful('x')] }, { forMs: 3_000 }])).toEqual([]);
    expect(kinds([{ forMs: 100, codes: [doubtful('x')] }, { forMs: 3_000 }])).toEqual(new Set(['idle']));
  });

  it('decides on a refused code in its second frame', () => {
    expect(decisionsOf([{ forMs: 2_000, codes: [doubtful('x')] }]).decisions).toMatchObject([{ atMs: 100, what: 'x', frames: 2 }]);
  });

  it('waits with a due decision until the screen can take it', () => {
    const spans = [
      { forMs: 1_000, codes: [own('a')], mayDecide: false },
      { forMs: 1_000, codes: [own('a')] },
    ];
    expect(decisionsOf(spans).decisions).toMatchObject([{ atMs: 1_000, what: 'a', sinceMs: 0 }]);
  });

  it('works for a source that knows no places', () => {
    const at = (key: string): SeenCode => ({ key, kind: 'verified', place: undefined });
    expect(whats([{ forMs: 500, codes: [at('a')] }, { forMs: 1_500 }, { forMs: 30_000, codes: [at('a')] }])).toEqual(['a', 'a']);
  });
});

describe('several codes', () => {
  it('asks for one at a time, once, when two verified codes stay', () => {
    const { decisions, steps } = decisionsOf([{ forMs: 60_000, codes: [own('a', LEFT), own('b', RIGHT)] }]);
    expect(decisions).toMatchObject([{ atMs: 700, what: 'several-codes' }]);
    expect(steps[5]).toEqual({ kind: 'reading', hint: 'one-at-a-time' });
  });

  it('takes the one that is clearly larger at once, and lets its answer be seen before the next', () => {
    const { decisions } = decisionsOf([{ forMs: 6_000, codes: [own('far', { ...RIGHT, size: 0.2 }), own('near', LEFT)] }]);
    expect(decisions).toMatchObject([
      { atMs: 0, what: 'near' },
      { atMs: 4_000, what: 'far' },
    ]);
    const leaves = [
      { forMs: 1_000, codes: [own('near', LEFT), own('far', { ...RIGHT, size: 0.2 })] },
      { forMs: 2_000, codes: [own('far')] },
    ];
    expect(decisionsOf(leaves).decisions).toMatchObject([{ what: 'near' }, { atMs: 1_000, what: 'far' }]);
  });

  it('reads a sheet code by code, as they are left alone', () => {
    const [a, b, c] = [own('a', { x: 0.5, size: 0.25 }), own('b', { x: 0.9, size: 0.25 }), own('c', { x: 1.3, size: 0.25 })];
    const sheet = [
      { forMs: 5_000, codes: [a, b, c] },
      { forMs: 2_000, codes: [a] },
      { forMs: 2_000, codes: [a, b, c] },
      { forMs: 2_000, codes: [a, b] },
      { forMs: 2_000, codes: [a, b, c] },
    ];
    expect(whats(sheet)).toEqual(['several-codes', 'a', 'several-codes', 'b', 'c']);
  });

  it('decides on none of two because one of them flickers', () => {
    const both = [own('a', LEFT), own('b', RIGHT)];
    const flicker = (look: number) => ({ codes: look % 4 === 3 ? both.slice(0, 1) : both });
    expect(whats([{ forMs: 8_000, each: flicker }])).toEqual(['several-codes']);
  });

  it('reads one code after another from one screen', () => {
    const spans = ['a', 'b', 'c'].map((key) => ({ forMs: 2_000, codes: [own(key)] }));
    expect(whats(spans)).toEqual(['a', 'b', 'c']);
  });

  it('asks for one at a time only among verified codes', () => {
    const spans = [{ forMs: 5_000, codes: [doubtful('x', LEFT), own('a', RIGHT), foreign('bank', STICKER)], unread: [symbol(BEHIND)] }];
    expect(whats(spans)).toEqual(['a', 'x']);
    expect(whats([{ forMs: 5_000, codes: [doubtful('x', LEFT), doubtful('y', RIGHT)] }])).toEqual(['x', 'y']);
  });

  it('lets nobody wait for two codes that were asked for one at a time and left lying', () => {
    const left = [own('a', { ...STICKER }), own('b', BEHIND)];
    const person = own('c', { size: 0.2 });
    expect(
      whats([
        { forMs: 30_000, codes: left },
        { forMs: 2_000, codes: [...left, person] },
      ]),
    ).toEqual(['several-codes', 'c']);
    expect(
      whats([
        { forMs: 30_000, codes: left },
        { forMs: 2_000, codes: left.slice(0, 1) },
      ]),
    ).toEqual(['several-codes', 'a']);
  });
});

describe('what is nobody', () => {
  it('is answered once while it stays: another kind of code', () => {
    expect(whats([{ forMs: 10_000, codes: [foreign('bank')] }])).toEqual(['bank']);
    expect(whats([{ forMs: 800, codes: [foreign('bank')] }, { forMs: 8_000 }])).toEqual([]);
    expect(kinds([{ forMs: 400, codes: [foreign('bank')] }, { forMs: 8_000 }])).toEqual(new Set(['idle']));
  });

  it('blocks nobody and answers for nobody: a sticker, however large', () => {
    const sticker = foreign('sticker', { ...STICKER, size: 0.8 });
    const spans = [
      { forMs: 3_000, codes: [sticker] },
      { forMs: 1_000, codes: [sticker, own('a')] },
      { forMs: 2_000, codes: [sticker] },
      { forMs: 1_000, codes: [sticker, own('b')] },
    ];
    expect(whats(spans)).toEqual(['sticker', 'a', 'b']);
  });

  it('is not asked about right after a travel code: the sticker on the phone', () => {
    const spans = [
      { forMs: 3_000, codes: [own('a'), foreign('sticker', STICKER)] },
      { forMs: 900, codes: [foreign('sticker', STICKER)] },
    ];
    expect(whats(spans)).toEqual(['a']);
  });

  it('is answered once for hours, though people stand before it: a foreign code that stands still', () => {
    const sticker = foreign('sticker', STICKER);
    const person = (number: number): Span[] => [
      { forMs: 2_500, codes: [sticker] },
      { forMs: 9_000, each: (look) => ({ codes: [own(`p${number}`, wander(look))] }) },
    ];
    const people = Array.from({ length: 100 }, (_, number) => number);
    expect(whats(people.flatMap(person))).toEqual(['sticker', ...people.map((number) => `p${number}`)]);
  });

  it('has not moved for one look in which its place was wrong', () => {
    const people = Array.from({ length: 10 }, (_, number) => number);
    const flawed = (look: number) => ({ codes: [foreign('sticker', look === 0 || look === 9 ? { ...STICKER, size: 0.3 } : STICKER)] });
    const spans = people.flatMap((number): Span[] => [
      { forMs: 3_000, each: flawed },
      { forMs: 9_000, codes: [own(`p${number}`)] },
    ]);
    expect(whats([{ forMs: 5_000, codes: [foreign('sticker', STICKER)] }, ...spans])).toEqual([
      'sticker',
      ...people.map((number) => `p${number}`),
    ]);
  });

  it('is asked about again when it moved away and came back: a bank code in a hand', () => {
    const held = (forMs: number): Span => ({ forMs, each: (look) => ({ codes: [foreign('bank', wander(3 * look))] }) });
    expect(whats([held(3_000), { forMs: 8_000 }, held(3_000)])).toEqual(['bank', 'bank']);
  });

  it('gives neither reading nor verdict once it has stood still for twenty seconds', () => {
    const poster: Span = { forMs: 25_000, codes: [foreign('bank', STICKER), doubtful('x', BEHIND)], unread: [symbol({ y: 0.9 })] };
    const { steps, decisions } = decisionsOf([poster, { ...poster, forMs: 3_600_000 }]);
    expect(decisions.map(({ what }) => what)).toEqual(['x']);
    expect(new Set(steps.slice(260).map(({ kind }) => kind))).toEqual(new Set(['idle']));
  });

  it('is a travel code, too, that was left lying: and when somebody takes it up, it was already answered', () => {
    const spans = [
      { forMs: 60_000, codes: [own('a')] },
      { forMs: 3_000, each: (look: number) => ({ codes: [own('a', { x: 0.9 + 0.02 * look })] }) },
      { forMs: 2_000 },
      { forMs: 1_000, codes: [own('a')] },
    ];
    expect(whats(spans)).toEqual(['a', 'a']);
  });

  it('is still known after the lane was closed for a moment', () => {
    const { state } = decisionsOf([{ forMs: 30_000, codes: [foreign('sticker', STICKER)] }]);
    const look = { atMs: 40_000, codes: [foreign('sticker', STICKER)], unread: [], advice: undefined, mayDecide: true };
    expect(track(pausePresentation(state), look).step).toEqual({ kind: 'idle' });
  });
});

describe('what cannot be read', () => {
  it('is waited for longer where it may be a lattice: a second for the screen, fifteen for staff', () => {
    const lattice = { ...symbol(), sure: false };
    const { decisions, steps } = decisionsOf([{ forMs: 20_000, unread: [lattice] }]);
    expect(decisions).toMatchObject([{ atMs: 15_000, what: 'unreadable' }]);
    expect(steps.slice(0, 11).map(({ kind }) => kind)).toEqual(Array.from({ length: 11 }, () => 'idle'));
    expect(steps[12]).toMatchObject({ kind: 'reading' });
  });

  it('counts as a symbol from the look in which it was sure', () => {
    const view = (look: number) => ({ unread: [{ ...symbol(), sure: look === 4 }] });
    expect(decisionsOf([{ forMs: 9_000, each: view }]).decisions).toMatchObject([{ atMs: 5_000, what: 'unreadable' }]);
  });

  it('goes to staff after five seconds, once', () => {
    const { decisions, steps } = decisionsOf([{ forMs: 9_000, unread: [symbol()] }]);
    expect(decisions).toMatchObject([{ atMs: 5_000, what: 'unreadable' }]);
    expect(steps.slice(2, 50).every(({ kind }) => kind === 'reading')).toBe(true);
  });

  it('counts its frames to the presentation of the code that it was', () => {
    const { decisions } = decisionsOf([
      { forMs: 400, unread: [symbol(), symbol(STICKER)] },
      { forMs: 500, codes: [own('a')] },
    ]);
    expect(decisions).toEqual([{ atMs: 400, what: 'a', sinceMs: 0, frames: 5 }]);
  });

  it('is the same hand right after a decision', () => {
    expect(whats([{ forMs: 500, codes: [own('a')] }, { forMs: 900, unread: [symbol()] }, { forMs: 3_000 }])).toEqual(['a']);
  });

  it('is nothing when it is seen here and there: texture', () => {
    const texture = (look: number) => ({
      unread: look % 2 === 0 ? [symbol({ x: 0.4 + 0.13 * (look % 9), y: 0.2 + 0.1 * (look % 7) })] : [],
    });
    expect(kinds([{ forMs: 60_000, each: texture }])).toEqual(new Set(['idle']));
    const rare = (look: number) => ({ unread: look % 8 === 0 ? [symbol(STICKER)] : [] });
    expect(kinds([{ forMs: 60_000, each: rare }])).toEqual(new Set(['idle']));
  });

  it('does not go to staff again and again while it stands still, whoever comes', () => {
    const poster = (look: number) => symbol({ ...STICKER, x: STICKER.x + 0.01 * Math.sin(look) });
    const person = (number: number): Span[] => [
      { forMs: 7_000, each: (look) => ({ unread: look % 3 === 0 ? [] : [poster(look)] }) },
      { forMs: 5_000, each: (look) => ({ unread: [poster(look)], codes: [own(`p${number}`, wander(look))] }) },
    ];
    const people = Array.from({ length: 60 }, (_, number) => number);
    expect(whats(people.flatMap(person))).toEqual(['unreadable', ...people.map((number) => `p${number}`)]);
  });

  it('goes to staff for a person beside a poster that cannot be read either', () => {
    const poster = symbol(STICKER);
    const spans: Span[] = [
      { forMs: 30_000, unread: [poster] },
      { forMs: 7_000, each: (look) => ({ unread: [poster, symbol({ ...wander(look), size: 0.12 })] }) },
    ];
    expect(whats(spans)).toEqual(['unreadable', 'unreadable']);
  });

  it('stands still though a decoder recognises now all of it, and now a corner', () => {
    const corner: SeenSymbol = { place: { x: 1.51, y: 0.3, size: 0.09 }, whole: false, sure: false, advice: undefined };
    const poster = symbol({ x: 1.41, y: 0.4, size: 0.3 });
    const each = (look: number) => ({ unread: look % 3 === 0 ? [corner] : look % 3 === 1 ? [poster] : [corner, poster] });
    const { decisions, steps } = decisionsOf([{ forMs: 40_000, each }]);
    expect(decisions.map(({ what }) => what)).toEqual(['unreadable']);
    expect(steps.at(-1)).toEqual({ kind: 'idle' });
  });

  it('is the sticker, where that is read now and then', () => {
    const sticker = (look: number) => (look % 2 === 0 ? { codes: [foreign('s', STICKER)] } : { unread: [symbol(STICKER)] });
    expect(whats([{ forMs: 60_000, each: sticker }])).toEqual(['s']);
  });

  it('says what helps, once that has been measured for a moment', () => {
    const { steps } = decisionsOf([{ forMs: 1_000, unread: [symbol({}, 'closer')] }]);
    expect(steps.slice(2, 5).every((step) => step.kind === 'reading' && step.hint === 'hold-still')).toBe(true);
    expect(steps.at(-1)).toEqual({ kind: 'reading', hint: 'closer' });
    const lost = decisionsOf([
      { forMs: 500, unread: [symbol({}, 'wipe')] },
      { forMs: 800, advice: 'hold-still' },
    ]);
    expect(lost.steps.at(-1)).toEqual({ kind: 'reading', hint: 'hold-still' });
  });
});

describe('a code that was decided on and is still held up', () => {
  const heldAfter = (spans: readonly Span[]) => {
    const { state } = decisionsOf(spans);
    return heldKey(state, spans.reduce((sum, { forMs }) => sum + forMs, 0) - FRAME_MS);
  };
  const moving = (key: string) => (look: number) => ({ codes: [own(key, { x: 0.9 + 0.1 * (look % 3) })] });

  it('is held from its decision until it has left, whatever the glare in between', () => {
    expect(heldAfter([{ forMs: 300 }])).toBeUndefined();
    expect(heldAfter([{ forMs: 30_000, each: moving('a') }])).toBe('a');
    expect(heldAfter([{ forMs: 3_000, each: moving('a') }, { forMs: 900 }])).toBe('a');
    expect(heldAfter([{ forMs: 3_000, each: moving('a') }, { forMs: 1_300 }])).toBeUndefined();
  });

  it('is the one decided last where several are', () => {
    const spans = [
      { forMs: 1_000, codes: [own('a', LEFT)] },
      { forMs: 1_000, codes: [own('a', LEFT), own('b', RIGHT)] },
    ];
    expect(heldAfter(spans)).toBe('b');
    expect(heldAfter([...spans, { forMs: 2_000, codes: [own('a', LEFT)] }])).toBe('a');
  });

  it('is none where nothing was decided, where it is another kind of code, and where it was left lying', () => {
    expect(heldAfter([{ forMs: 3_000, codes: [own('a')], mayDecide: false }])).toBeUndefined();
    expect(heldAfter([{ forMs: 5_000, codes: [foreign('bank')] }])).toBeUndefined();
    expect(heldAfter([{ forMs: 25_000, codes: [own('a')] }])).toBeUndefined();
  });
});
