/**
 * Says when a decision is due: one for each presentation, however many frames it lasts. Pure: state and a look in, state and
 * a step out. It follows keys, never texts: the credential id once a code was verified (a rotating code renews itself while
 * it is held), else a hash of the text.
 *
 * Who is first: a verified code, the largest; then a refused one; then, where no travel code is in the guide, another kind of
 * code that stays; then a symbol that cannot be read. What was answered, and what stands still like a sticker, blocks none
 * of them. Two verified codes of about one size are asked for one at a time, once; the one that is left alone is decided,
 * and then the next, beside which those already answered do not count: so a family's sheet is read code by code.
 */
import type { Advice } from '../decode/decoder.ts';
import type { ReadingHint } from './citizen-view.ts';
import {
  ABSENT_MS,
  backgroundOf,
  follow,
  isBackground,
  isEstablished,
  isLeftLying,
  isOwn,
  isSamePlace,
  type SeenCode,
  type SeenSymbol,
  sizeOf,
  type Thing,
  type Things,
} from './followed-things.ts';
import { type HintState, settleHint } from './reading-hint.ts';

/** One look at the guide. Codes outside of it are the next person's, and not here. */
export interface Look {
  readonly atMs: number;
  readonly codes: readonly SeenCode[];
  /** Symbols that are in the guide and could not be read. */
  readonly unread: readonly SeenSymbol[];
  /** What helps where a symbol was a moment ago and is not located now. */
  readonly advice: Advice | undefined;
  /** Whether the screen can take a result now; if not, a due decision waits for a later look. */
  readonly mayDecide: boolean;
}

interface Span {
  readonly sinceMs: number;
  readonly lastSeenMs: number;
  readonly frames: number;
}

export interface PresentationState extends Things {
  /** Several undecided verified codes at once. */
  readonly several: Span | undefined;
  /** When a travel code that is no background was seen last, answered or not. */
  readonly ownSeenMs: number;
  readonly hint: HintState | undefined;
}

/** What the caller does next. `sinceMs` is when the presentation began, `frames` how many looks it took. */
export type PresentationStep =
  | { readonly kind: 'idle' | 'held' }
  | { readonly kind: 'reading'; readonly hint: ReadingHint }
  | { readonly kind: 'decide'; readonly what: 'code'; readonly key: string; readonly sinceMs: number; readonly frames: number }
  | { readonly kind: 'decide'; readonly what: 'unreadable' | 'several-codes'; readonly sinceMs: number; readonly frames: number };

interface Tracked {
  readonly state: PresentationState;
  readonly step: PresentationStep;
}
type Keyed = readonly [string, Thing];

export const noPresentation: PresentationState = {
  codes: new Map(),
  unread: [],
  several: undefined,
  ownSeenMs: Number.NEGATIVE_INFINITY,
  hint: undefined,
};

/** A refused text must come twice: a single misread is no reason to stop a person. */
const DOUBTFUL_FRAMES = 2;
/** A bank code that is only carried past is nobody's answer, and for half a second not even a reading. */
const FOREIGN_MS = 1_200;
const FOREIGN_READING_MS = 500;
const SEVERAL_MS = 700;
/** Two codes are there together when both were seen within so long: either may flicker. */
const TOGETHER_MS = 500;
/** So many times as large as another one, it is clearly the one that is held up. */
const CLEARLY_LARGER = 1.5;
/** A clearly smaller code beside one just answered is the next person's: it lets that answer be seen first. */
const BEHIND_MS = 4_000;
/** A symbol that is seen for so long and not read goes to staff. */
const UNREADABLE_MS = 5_000;
/** Later where it may be none. */
const UNREADABLE_UNSURE_MS = 15_000;

export function track(before: PresentationState, look: Look): Tracked {
  const things = follow(before, look.atMs, look.codes, look.unread);
  const front = [...things.codes].filter(([, thing]) => !isBackground(thing));
  const inView = front.filter(([, { lastSeenMs }]) => lastSeenMs === look.atMs);
  const ownSeenMs = inView.some(([, thing]) => isOwn(thing)) ? look.atMs : before.ownSeenMs;
  const several = before.several && look.atMs - before.several.lastSeenMs <= ABSENT_MS ? before.several : undefined;
  const state = { ...before, ...things, several, ownSeenMs };
  const open = inView.filter(([, { answeredAtMs }]) => answeredAtMs === undefined).sort(([, a], [, b]) => sizeOf(b) - sizeOf(a));
  const verified = open.filter(([, { kind }]) => kind === 'verified');
  if (verified.length > 0) return trackVerified(state, front, verified, look);
  const [doubtful] = open.filter(([, { kind, frames }]) => kind === 'doubtful' && frames >= DOUBTFUL_FRAMES);
  if (doubtful !== undefined) return trackOwn(state, front, doubtful, look);
  const [foreign] = open.filter(([, { kind }]) => kind === 'foreign');
  if (foreign !== undefined && look.atMs - ownSeenMs > ABSENT_MS) return trackForeign(state, foreign, look);
  return trackUnread(state, front, look);
}

/**
 * Key of the travel code that was decided on and is still held up; undefined where there is none. Of several it is the one
 * decided last. What stands there like a sheet that somebody left is held up by nobody.
 */
export function heldKey({ codes }: Pick<PresentationState, 'codes'>, atMs: number): string | undefined {
  const held = [...codes].filter(([, thing]) => isOwn(thing) && !isBackground(thing) && atMs - thing.lastSeenMs <= ABSENT_MS);
  const [last] = held
    .flatMap(([key, { answeredAtMs }]) => (answeredAtMs === undefined ? [] : [{ key, answeredAtMs }]))
    .sort((a, b) => b.answeredAtMs - a.answeredAtMs);
  return last?.key;
}

/** After a time in which nobody looked: what stood there before is still known. */
export function pausePresentation({ codes, unread }: PresentationState): PresentationState {
  return { ...noPresentation, ...backgroundOf({ codes, unread }) };
}

/** `verified`: in view and open, the largest first; never empty. */
function trackVerified(state: PresentationState, front: readonly Keyed[], verified: readonly Keyed[], look: Look): Tracked {
  // Codes that were asked to come alone and were left lying hinder nobody.
  const held = verified.filter(([, thing]) => !isLeftLying(thing));
  const [first, second] = held.length > 0 ? held : verified;
  if (first === undefined) return { state, step: { kind: 'idle' } };
  const rivals = front.filter(
    ([key, thing]) =>
      key !== first[0] &&
      thing.kind === 'verified' &&
      thing.answeredAtMs === undefined &&
      look.atMs - thing.lastSeenMs <= TOGETHER_MS &&
      !(isLeftLying(thing) && held.length > 0) &&
      !isClearlyLarger(first[1], thing),
  );
  if (rivals.length > 0 && (second !== undefined || state.several !== undefined)) return trackSeveral(state, [first, ...rivals], look);
  return trackOwn(state, front, first, look);
}

function trackSeveral(state: PresentationState, together: readonly Keyed[], look: Look): Tracked {
  const { atMs, mayDecide } = look;
  const { sinceMs, frames } = state.several ?? { sinceMs: atMs, frames: 0 };
  const several: Span = { sinceMs, frames: frames + 1, lastSeenMs: atMs };
  if (together.every(([, { asked }]) => asked)) return { state: { ...state, several }, step: { kind: 'held' } };
  if (atMs - sinceMs < SEVERAL_MS || !mayDecide) return reading({ ...state, several }, 'one-at-a-time', look);
  const codes = new Map(state.codes);
  for (const [key, thing] of together) codes.set(key, { ...thing, asked: true });
  return { state: { ...state, codes, several }, step: { kind: 'decide', what: 'several-codes', sinceMs, frames: frames + 1 } };
}

function trackOwn(state: PresentationState, front: readonly Keyed[], [key, code]: Keyed, look: Look): Tracked {
  const isBehind = front.some(
    ([, other]) =>
      isOwn(other) && other.answeredAtMs !== undefined && look.atMs - other.answeredAtMs < BEHIND_MS && isClearlyLarger(other, code),
  );
  if (isBehind) return { state, step: { kind: 'held' } };
  return look.mayDecide ? decideOn(state, key, code, look) : reading(state, undefined, look);
}

function trackForeign(state: PresentationState, [key, code]: Keyed, look: Look): Tracked {
  const aloneMs = look.atMs - Math.max(code.sinceMs, state.ownSeenMs);
  if (aloneMs >= FOREIGN_MS && look.mayDecide) return decideOn(state, key, code, look);
  return aloneMs >= FOREIGN_READING_MS ? reading(state, undefined, look) : trackUnread(state, [], look);
}

function decideOn(state: PresentationState, key: string, code: Thing, look: Look): Tracked {
  // The frames in which the symbol was seen and not yet read belong to the same presentation.
  const isIt = (thing: Thing) =>
    thing.answeredAtMs === undefined && look.atMs - thing.lastSeenMs <= ABSENT_MS && (!code.place || isSamePlace(thing.place, code.place));
  const before = state.unread.filter(isIt);
  const codes = new Map(state.codes).set(key, { ...code, answeredAtMs: look.atMs });
  return {
    state: { ...state, codes, unread: state.unread.filter((thing) => !isIt(thing)), several: undefined },
    step: {
      ...{ kind: 'decide', what: 'code', key },
      sinceMs: Math.min(code.sinceMs, ...before.map(({ sinceMs }) => sinceMs)),
      frames: before.reduce((sum, { frames }) => sum + frames, code.frames),
    },
  };
}

function trackUnread(state: PresentationState, front: readonly Keyed[], look: Look): Tracked {
  const { atMs } = look;
  // The hand that draws an answered code back blurs it: that is no new presentation.
  const isDrawnBack = front.some(([, thing]) => isOwn(thing) && thing.answeredAtMs !== undefined && atMs - thing.lastSeenMs <= ABSENT_MS);
  const inFront = state.unread.filter((thing) => !isBackground(thing) && atMs - thing.lastSeenMs <= ABSENT_MS);
  const [open] = inFront.filter((thing) => thing.answeredAtMs === undefined && isEstablished(thing)).sort((a, b) => sizeOf(b) - sizeOf(a));
  if (isDrawnBack) return { state, step: { kind: 'held' } };
  if (open === undefined) return waiting(state, front, inFront, look);
  const sinceMs = Math.max(open.sinceMs, state.ownSeenMs);
  const isSeen = open.lastSeenMs === atMs;
  if (!isSeen || atMs - sinceMs < (open.sure ? UNREADABLE_MS : UNREADABLE_UNSURE_MS) || !look.mayDecide)
    return reading(state, isSeen ? open.advice : look.advice, look);
  const unread = state.unread.map((thing) => (thing === open ? { ...open, answeredAtMs: atMs } : thing));
  return { state: { ...state, unread }, step: { kind: 'decide', what: 'unreadable', sinceMs, frames: open.frames } };
}

/** Nothing new in the guide: a verified code may be about to come back, or an answered one may still be held. */
function waiting(state: PresentationState, front: readonly Keyed[], unread: readonly Thing[], look: Look): Tracked {
  const here = [...front.map(([, thing]) => thing), ...unread].filter(({ lastSeenMs }) => look.atMs - lastSeenMs <= ABSENT_MS);
  if (here.some(({ answeredAtMs }) => answeredAtMs !== undefined)) return { state, step: { kind: 'held' } };
  const isComing = here.some(({ kind }) => kind === 'verified');
  return isComing ? reading(state, undefined, look) : { state, step: { kind: 'idle' } };
}

function reading(state: PresentationState, advice: ReadingHint | undefined, { atMs }: Look): Tracked {
  const hint = settleHint(state.hint, advice, atMs);
  return { state: { ...state, hint }, step: { kind: 'reading', hint: hint.shown } };
}

function isClearlyLarger(a: Thing, b: Thing): boolean {
  return a.place !== undefined && b.place !== undefined && a.place.size >= CLEARLY_LARGER * b.place.size;
}
