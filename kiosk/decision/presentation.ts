/**
 * Follows what is held up, look after look, and says when a decision is due: one for each presentation, however many
 * frames it lasts. Pure: state and a look in, state and a step out. It follows keys, never texts: the credential id once a
 * code was verified (a rotating code renews itself while it is held), else a hash of the text.
 */
import type { ReadingHint } from './citizen-view.ts';

export type CodeKind = 'verified' | 'doubtful' | 'foreign';

export interface SeenCode {
  readonly key: string;
  /** verified: signature and claims held; doubtful: ours by its prefix, refused; foreign: another kind of code. */
  readonly kind: CodeKind;
}

/** One look at the guide. Codes outside of it are the next person's, and not here. */
export interface Look {
  readonly atMs: number;
  readonly codes: readonly SeenCode[];
  /** Sizes (0..1 of the frame) of symbols that are in the guide and could not be read. */
  readonly unreadableSizes: readonly number[];
  /** Whether the screen can take a result now; if not, a due decision waits for a later look. */
  readonly mayDecide: boolean;
}

interface Presence {
  readonly sinceMs: number;
  readonly lastSeenMs: number;
  readonly frames: number;
  /** A decision was made on it: it is only watched until it leaves. */
  readonly answered: boolean;
}

export interface PresentationState {
  /** Every code in view, by key. */
  readonly codes: ReadonlyMap<string, Presence & { readonly kind: CodeKind }>;
  /** A symbol without a text. */
  readonly unread: Presence | undefined;
  /** Two undecided codes at once. */
  readonly several: Presence | undefined;
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

export const noPresentation: PresentationState = { codes: new Map(), unread: undefined, several: undefined };

/** What is away so long has left. Glare and a moving hand interrupt a presentation for less. */
const ABSENT_MS = 1_000;
/** A foreign code flickers at the edge of the view for longer: a sticker must not ask again and again. */
const FOREIGN_ABSENT_MS = 5_000;
/** A refused text must come twice: a single misread is no reason to stop a person. */
const DOUBTFUL_FRAMES = 2;
/** A bank code that is only carried past is nobody's answer. */
const FOREIGN_MS = 1_200;
const SEVERAL_MS = 700;
const UNREAD_FRAMES = 2;
/** A code that is seen for so long and not read goes to staff. */
const UNREADABLE_MS = 5_000;

export function track(before: PresentationState, look: Look): Tracked {
  const codes = seeCodes(before.codes, look);
  const state = { codes, unread: stillHere(before.unread, look), several: stillHere(before.several, look) };
  const inView = [...codes].filter(([, code]) => code.lastSeenMs === look.atMs);
  const ours = inView.filter(([, code]) => code.kind !== 'foreign');
  const open = ours.filter(([, code]) => !code.answered);
  if (open.length > 1) return trackSeveral(state, look);
  // Beside a travel code a foreign one counts for nothing, be it a sticker on the phone or a poster behind.
  const [due] = ours.length > 0 ? open : inView.filter(([, code]) => !code.answered);
  if (due !== undefined) return trackCode(state, due[0], look);
  if (look.unreadableSizes.length > 0) return trackUnread(state, look);
  return { state, step: waitingStep(state, look) };
}

function trackCode(state: PresentationState, key: string, look: Look): Tracked {
  const code = state.codes.get(key);
  if (code === undefined) return { state, step: { kind: 'idle' } };
  const isDue =
    code.kind === 'verified' ||
    (code.kind === 'doubtful' && code.frames >= DOUBTFUL_FRAMES) ||
    (code.kind === 'foreign' && look.atMs - code.sinceMs >= FOREIGN_MS);
  if (!isDue || !look.mayDecide) return { state, step: { kind: 'reading', hint: 'hold-still' } };
  // The frames in which the symbol was seen and not yet read belong to the same presentation.
  const blurred = state.unread?.answered === false ? state.unread : undefined;
  const sinceMs = Math.min(code.sinceMs, blurred?.sinceMs ?? code.sinceMs);
  const frames = code.frames + (blurred?.frames ?? 0);
  const codes = new Map(state.codes).set(key, { ...code, answered: true });
  return { state: { codes, unread: undefined, several: undefined }, step: { kind: 'decide', what: 'code', key, sinceMs, frames } };
}

function trackSeveral(state: PresentationState, look: Look): Tracked {
  const several = seeAgain(state.several, look);
  if (several.answered) return { state: { ...state, several }, step: { kind: 'held' } };
  if (look.atMs - several.sinceMs < SEVERAL_MS || !look.mayDecide) {
    return { state: { ...state, several }, step: { kind: 'reading', hint: 'hold-still' } };
  }
  const { sinceMs, frames } = several;
  return {
    state: { ...state, several: { ...several, answered: true } },
    step: { kind: 'decide', what: 'several-codes', sinceMs, frames },
  };
}

function trackUnread(state: PresentationState, look: Look): Tracked {
  // The hand that draws an answered code back blurs it: that is no new presentation.
  const isDrawnBack = [...state.codes.values()].some((code) => code.answered && code.kind !== 'foreign');
  if (isDrawnBack && state.unread === undefined) return { state, step: { kind: 'held' } };
  const unread = seeAgain(state.unread, look);
  if (unread.answered) return { state: { ...state, unread }, step: { kind: 'held' } };
  // Texture looks like a symbol for a single frame now and then.
  if (unread.frames < UNREAD_FRAMES) return { state: { ...state, unread }, step: waitingStep(state, look) };
  if (look.atMs - unread.sinceMs < UNREADABLE_MS || !look.mayDecide) {
    return { state: { ...state, unread }, step: { kind: 'reading', hint: hintFor(unread, look) } };
  }
  const { sinceMs, frames } = unread;
  return { state: { ...state, unread: { ...unread, answered: true } }, step: { kind: 'decide', what: 'unreadable', sinceMs, frames } };
}

/** Nothing new in the guide: something may be about to come back, or an answered code may still be held. */
function waitingStep(state: PresentationState, look: Look): PresentationStep {
  const present = [...state.codes.values()].filter((code) => code.kind !== 'foreign' || code.lastSeenMs === look.atMs);
  if (present.some((code) => code.answered)) return { kind: 'held' };
  const isComing = present.length > 0 || (state.unread?.answered === false && state.unread.frames >= UNREAD_FRAMES);
  return isComing ? { kind: 'reading', hint: 'hold-still' } : { kind: 'idle' };
}

function seeCodes(before: PresentationState['codes'], look: Look): PresentationState['codes'] {
  const codes = new Map(
    [...before].filter(([, code]) => look.atMs - code.lastSeenMs <= (code.kind === 'foreign' ? FOREIGN_ABSENT_MS : ABSENT_MS)),
  );
  for (const { key, kind } of look.codes) {
    const earlier = codes.get(key);
    // Within one look a code may be found twice: it counts once.
    if (earlier?.lastSeenMs !== look.atMs) codes.set(key, { ...seeAgain(earlier, look), kind });
  }
  return codes;
}

function seeAgain(presence: Presence | undefined, look: Look): Presence {
  if (presence === undefined) return { sinceMs: look.atMs, lastSeenMs: look.atMs, frames: 1, answered: false };
  return { ...presence, lastSeenMs: look.atMs, frames: presence.frames + 1 };
}

function stillHere(presence: Presence | undefined, look: Look): Presence | undefined {
  return presence !== undefined && look.atMs - presence.lastSeenMs <= ABSENT_MS ? presence : undefined;
}

/** What helps most, judged by the size of the symbol and by how long it has not been read. */
function hintFor(unread: Presence, look: Look): ReadingHint {
  const size = Math.max(...look.unreadableSizes);
  if (size < 0.2) return 'closer';
  if (size > 0.85) return 'further';
  const heldMs = look.atMs - unread.sinceMs;
  if (heldMs < 1_500) return 'hold-still';
  return heldMs < 3_000 ? 'tilt-less' : 'brighter';
}
