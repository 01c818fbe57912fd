import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Place } from '../decode/code-source.ts';
import { CODES_MAX, type CodeKind, type SeenCode, type SeenSymbol, UNREAD_MAX } from './followed-things.ts';
import { type Look, noPresentation, type PresentationState, track } from './presentation.ts';

const FRAME_MS = 100;
/** A decoder loses a code for so many looks at most while it is held. */
const LOST_LOOKS = 5;
const STICKER: SeenCode = { key: 'sticker', kind: 'foreign', place: { x: 0.3, y: 0.3, size: 0.15 } };
const POSTER: Place = { x: 1.5, y: 0.7, size: 0.2 };

interface Run {
  readonly decisions: readonly { readonly atMs: number; readonly what: string }[];
  readonly states: readonly PresentationState[];
}

function run(looks: readonly Omit<Look, 'atMs' | 'advice' | 'mayDecide'>[]): Run {
  let state = noPresentation;
  const decisions: { atMs: number; what: string }[] = [];
  const states: PresentationState[] = [];
  for (const [index, look] of looks.entries()) {
    const atMs = index * FRAME_MS;
    const tracked = track(state, { ...look, atMs, advice: undefined, mayDecide: true });
    state = tracked.state;
    states.push(state);
    const { step } = tracked;
    if (step.kind === 'decide') decisions.push({ atMs, what: step.what === 'code' ? step.key : step.what });
  }
  return { decisions, states };
}

const counts = (all: readonly string[]) =>
  Object.fromEntries([...new Set(all)].map((what) => [what, all.filter((one) => one === what).length]));

describe('presentations, whatever is held up', () => {
  /** A person: how long nobody is there before, how long the code is held, which looks lose it, and how the hand moves. */
  const visit = fc.record({
    gapLooks: fc.integer({ min: 12, max: 60 }),
    heldLooks: fc.integer({ min: 8, max: 300 }),
    lost: fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 40, maxLength: 40 }),
    still: fc.boolean(),
    size: fc.double({ min: 0.2, max: 0.8, noNaN: true }),
    kind: fc.constantFrom<CodeKind>('verified', 'doubtful'),
  });
  /** Whether a fixed thing is seen in each look: often, now and then, or hidden by people for long. */
  const fixed = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 80 })), { minLength: 1, maxLength: 30 });

  it('decides on each person exactly once, and on what is fixed in the view once at most', () => {
    fc.assert(
      fc.property(fc.array(visit, { minLength: 1, maxLength: 8 }), fixed, fixed, (visits, sticker, poster) => {
        const isShown = (spans: readonly (readonly [boolean, number])[]) =>
          spans.flatMap(([shown, looks]) => Array.from({ length: looks }, () => shown));
        const [stickerShown, posterShown] = [isShown(sticker), isShown(poster)];
        const looks: { codes: SeenCode[]; unread: SeenSymbol[] }[] = [];
        const around = () => {
          const index = looks.length;
          const jitter = 0.004 * Math.sin(index * 1.7);
          const codes = stickerShown[index % stickerShown.length] ? [STICKER] : [];
          const place = { ...POSTER, x: POSTER.x + jitter };
          return { codes, unread: posterShown[index % posterShown.length] ? [{ place, whole: true, sure: true, advice: undefined }] : [] };
        };
        for (const [number, { gapLooks, heldLooks, lost, still, size, kind }] of visits.entries()) {
          for (let look = 0; look < gapLooks; look++) looks.push(around());
          let away = 0;
          for (let look = 0; look < heldLooks; look++) {
            const { codes, unread } = around();
            away = lost[look % lost.length] === 0 && away < LOST_LOOKS && look > 2 ? away + 1 : 0;
            const drift = still ? 0 : 0.1;
            const place = { x: 0.9 + drift * Math.sin(look / 6), y: 0.5 + drift * Math.cos(look / 9), size };
            looks.push({ codes: away > 0 ? codes : [...codes, { key: `p${number}`, kind, place }], unread });
          }
        }
        const { decisions, states } = run(looks);
        const { sticker: stickers = 0, unreadable = 0, ...people } = counts(decisions.map(({ what }) => what));
        expect(stickers).toBeLessThanOrEqual(1);
        expect(unreadable).toBeLessThanOrEqual(1);
        expect(people).toEqual(Object.fromEntries(visits.map((_, number) => [`p${number}`, 1])));
        expect(Math.max(...states.map(({ codes, unread }) => codes.size + unread.length))).toBeLessThanOrEqual(visits.length + 2);
      }),
      { numRuns: 120 },
    );
  });

  const place = fc.record({
    x: fc.double({ min: 0, max: 1.7, noNaN: true }),
    y: fc.double({ min: 0, max: 1, noNaN: true }),
    size: fc.double({ min: 0.02, max: 1, noNaN: true }),
  });
  const anyCode = fc.record({
    key: fc.integer({ min: 0, max: 5 }),
    place: fc.option(place, { nil: undefined }),
  });
  const kindOf = (key: number): CodeKind => (key < 3 ? 'verified' : key < 5 ? 'doubtful' : 'foreign');
  const anyLook = fc.record({
    codes: fc
      .array(anyCode, { maxLength: 4 })
      .map((all) => all.map(({ key, place: at }) => ({ key: `${key}`, kind: kindOf(key), place: at }))),
    unread: fc.array(
      fc.record({ place: fc.option(place, { nil: undefined }), sure: fc.boolean(), whole: fc.boolean(), advice: fc.constant(undefined) }),
      {
        maxLength: 3,
      },
    ),
  });
  /** Looks that each stay for a while. */
  const anyLooks = fc
    .array(fc.tuple(anyLook, fc.integer({ min: 1, max: 25 })), { maxLength: 40 })
    .map((spans) => spans.flatMap(([look, times]) => Array.from({ length: times }, () => look)));

  it('never decides twice on a code that has not left, nor asks for one at a time without two that verify', () => {
    fc.assert(
      fc.property(anyLooks, (looks) => {
        const { decisions } = run(looks);
        for (const { atMs, what } of decisions) {
          const index = atMs / FRAME_MS;
          if (what === 'several-codes') {
            const recent = looks.slice(Math.max(0, index - 5), index + 1).flatMap(({ codes }) => codes);
            expect(new Set(recent.filter(({ kind }) => kind === 'verified').map(({ key }) => key)).size).toBeGreaterThanOrEqual(2);
          }
          if (what === 'several-codes' || what === 'unreadable') continue;
          const isSeen = (at: number) => looks[at]?.codes.some(({ key }) => key === what);
          expect(isSeen(index)).toBe(true);
          const earlier = decisions.filter((one) => one.what === what && one.atMs < atMs).at(-1);
          if (earlier === undefined) continue;
          // Between two decisions on a code it was away for over a second at a stretch.
          let [awayMs, longestMs] = [0, 0];
          for (let at = earlier.atMs / FRAME_MS; at < index; at++) {
            awayMs = isSeen(at) ? 0 : awayMs + FRAME_MS;
            longestMs = Math.max(longestMs, awayMs);
          }
          expect(longestMs).toBeGreaterThanOrEqual(1_000);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('remembers a bounded number of things, however many pass', () => {
    const looks = Array.from({ length: 20_000 }, (_, index) => {
      const at = { x: (index % 97) / 60, y: (index % 89) / 90, size: 0.1 + (index % 7) / 20 };
      const slow = Math.floor(index / 25);
      const codes: SeenCode[] = [
        { key: `f${slow}`, kind: 'foreign', place: { ...at, x: (slow % 97) / 60 } },
        { key: `v${index}`, kind: 'verified', place: at },
        { key: `x${slow % 200}`, kind: 'doubtful', place: undefined },
      ];
      return { codes, unread: [{ place: { ...at, y: 1 - at.y }, whole: true, sure: true, advice: undefined }] };
    });
    const { states } = run(looks);
    expect(Math.max(...states.map(({ codes }) => codes.size))).toBeLessThanOrEqual(CODES_MAX);
    expect(Math.max(...states.map(({ unread }) => unread.length))).toBeLessThanOrEqual(UNREAD_MAX);
  });
});
