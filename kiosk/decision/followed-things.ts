/**
 * What is in the guide, followed from look to look by key and by place (pure): how long each thing is there, whether it was
 * answered, and whether it stands still. What hands hold moves; what stands still for long is a sticker, a poster, a sheet
 * that somebody left: background, until it moves.
 */
import type { Place } from '../decode/code-source.ts';
import type { Advice } from '../decode/decoder.ts';

export type CodeKind = 'verified' | 'doubtful' | 'foreign';

export interface SeenCode {
  readonly key: string;
  /** verified: signature and claims held; doubtful: ours by its prefix, refused; foreign: another kind of code. */
  readonly kind: CodeKind;
  /** Undefined where a source knows none: such a code never becomes background. */
  readonly place: Place | undefined;
}

/** A symbol without a text. */
export interface SeenSymbol {
  /** Undefined: there is something of a symbol, and nobody knows where. */
  readonly place: Place | undefined;
  /** False where only a corner of it was recognised. */
  readonly whole: boolean;
  /** Whether nothing but a symbol can look like that. */
  readonly sure: boolean;
  readonly advice: Advice | undefined;
}

export interface Thing {
  readonly kind: CodeKind | 'unread';
  /** Since when it is waited for, and in how many looks it was seen since. */
  readonly sinceMs: number;
  readonly frames: number;
  readonly lastSeenMs: number;
  /** Without a text: it was sure once that it is a symbol. */
  readonly sure: boolean;
  /** A decision was made on it: it is only watched until it leaves. */
  readonly answeredAtMs: number | undefined;
  /** People were asked to show it alone. */
  readonly asked: boolean;
  readonly place: Place | undefined;
  /** Where it has stood since it moved last, and so long it was seen there. */
  readonly anchor: Place | undefined;
  readonly stillMs: number;
  /** Looks in a row in which it was seen elsewhere: a decoder may be wrong about a place once. */
  readonly offFrames: number;
  /** It had left and was found at its old place: the same thing for as long as it stands there. */
  readonly returned: boolean;
  readonly advice: Advice | undefined;
}

export interface Things {
  /** By key. */
  readonly codes: ReadonlyMap<string, Thing>;
  readonly unread: readonly Thing[];
}

/** What is away so long has left. Glare and a moving hand interrupt a presentation for less. */
export const ABSENT_MS = 1_000;
/** A foreign code flickers at the edge of the view for longer: a sticker must not ask again and again. */
const FOREIGN_ABSENT_MS = 5_000;
/** What stood still for so long is background. */
const STILL_MS = 20_000;
/** Moved: by a tenth of its size, or by the tremor of a mast where it is small. */
const MOVED_OF_SIZE = 0.1;
const MOVED_MIN = 0.01;
const MOVED_FRAMES = 2;
/** What a decoder says of a symbol that it cannot read is less exact. */
const MOVED_OF_SIZE_UNREAD = 0.2;
/** People stand before a sticker: it is remembered at its place so many times as long as it was seen there, up to the limit. */
const REMEMBERED_TIMES = 30;
const REMEMBERED_MS_MAX = 600_000;
/** A travel code that was left lying; shorter, because its holder may come back with it. */
const REMEMBERED_VERIFIED_MS = 60_000;
/** A thing that was seen in so few looks, and not in a row, is texture. */
const FLICKER_MS = 400;
const UNREAD_FRAMES = 3;
/** So many where it is not sure that it is a symbol: lattices are taken for one now and then. */
const UNREAD_FRAMES_UNSURE = 12;
/** More is not remembered: what was seen longest ago goes first. */
export const CODES_MAX = 64;
export const UNREAD_MAX = 32;

export function isBackground({ kind, answeredAtMs, stillMs }: Thing): boolean {
  return stillMs >= STILL_MS && (kind !== 'verified' || answeredAtMs !== undefined);
}

/** A verified code that people were asked to show alone, and did not take up: it is still undecided, and hinders nobody. */
export function isLeftLying({ kind, answeredAtMs, asked, stillMs }: Thing): boolean {
  return kind === 'verified' && answeredAtMs === undefined && asked && stillMs >= STILL_MS;
}

/** Travel codes, whether they verify or not. */
export function isOwn({ kind }: Thing): boolean {
  return kind === 'verified' || kind === 'doubtful';
}

/** Whether a symbol without a text was seen often enough to count. */
export function isEstablished({ frames, sure }: Thing): boolean {
  return frames >= (sure ? UNREAD_FRAMES : UNREAD_FRAMES_UNSURE);
}

export function sizeOf({ place }: Thing): number {
  return place?.size ?? 0;
}

export function follow(before: Things, atMs: number, seen: readonly SeenCode[], symbols: readonly SeenSymbol[]): Things {
  const codes = new Map([...before.codes].filter(([, thing]) => atMs - thing.lastSeenMs <= memoryMs(thing)));
  for (const { key, kind, place } of largestFirst(seen)) {
    const earlier = codes.get(key);
    // Within one look a code may be found twice: it counts once.
    if (earlier?.lastSeenMs !== atMs) codes.set(key, seeAgain(earlier, kind, atMs, place, undefined));
  }
  const known = before.unread.filter((thing) => atMs - thing.lastSeenMs <= memoryMs(thing));
  const unread = followUnread(known, [...codes.values()], atMs, symbols);
  return { codes: new Map(newest([...codes], CODES_MAX, ([, thing]) => thing)), unread: newest(unread, UNREAD_MAX, (thing) => thing) };
}

/** What is left of it when nobody looked for a while: only what stands there. */
export function backgroundOf({ codes, unread }: Things): Things {
  return { codes: new Map([...codes].filter(([, thing]) => isBackground(thing))), unread: unread.filter(isBackground) };
}

/** Whether both say the same place; what lies within another, or is much larger, is another thing. */
export function isSamePlace(a: Place | undefined, b: Place | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const [small, large] = [Math.min(a.size, b.size), Math.max(a.size, b.size)];
  return distance(a, b) < 0.5 * small && large < 1.6 * small;
}

function followUnread(known: readonly Thing[], codes: readonly Thing[], atMs: number, symbols: readonly SeenSymbol[]): Thing[] {
  const things = [...known];
  const wholeFirst = largestFirst(symbols).sort((a, b) => Number(b.whole) - Number(a.whole));
  for (const { place: seenAt, whole, sure, advice } of wholeFirst) {
    // A corner of what was seen whole before says that it is there, and not that it moved.
    const place = (whole ? undefined : things.find((thing) => isCornerOf(seenAt, thing))?.place) ?? seenAt;
    // A code that is read now and then, and the parts of one that is seen now, are that code.
    const isKnown = codes.some((code) => isStandIn(place, code, atMs)) || [...codes, ...things].some((one) => isPartOf(place, one, atMs));
    if (place === undefined || isKnown) continue;
    const at = nearest(things, place, atMs);
    const earlier = at < 0 ? undefined : things[at];
    if (earlier?.lastSeenMs === atMs) continue;
    const again = seeAgain(earlier, 'unread', atMs, place, advice);
    const thing = { ...again, sure: again.sure || sure };
    if (at < 0) things.push(thing);
    else things[at] = thing;
  }
  return things;
}

function isCornerOf(place: Place | undefined, { place: whole }: Thing): boolean {
  return place !== undefined && whole !== undefined && place.size < whole.size && distance(place, whole) < 0.75 * whole.size;
}

/** Whether it may be the code, unread for the moment: near where that was just now, or where it has stood. */
function isStandIn(place: Place | undefined, code: Thing, atMs: number): boolean {
  return atMs - code.lastSeenMs <= ABSENT_MS ? isSamePlace(place, code.place) : isStill({ ...code, kind: 'unread' }, place);
}

function isPartOf(place: Place | undefined, { place: whole, lastSeenMs }: Thing, atMs: number): boolean {
  if (lastSeenMs !== atMs || whole === undefined || place === undefined) return false;
  return distance(whole, place) < 0.75 * whole.size;
}

/**
 * Index of the thing that the symbol most likely is; -1 where it is a new one. A hand moves by less than half a code from look
 * to look; background does not, and what is held in front of it must not carry it away.
 */
function nearest(things: readonly Thing[], place: Place, atMs: number): number {
  let best = { at: -1, off: Number.POSITIVE_INFINITY };
  for (const [at, thing] of things.entries()) {
    if (thing.place === undefined) continue;
    const off = distance(thing.place, place);
    const mayMove = atMs - thing.lastSeenMs <= ABSENT_MS && !isBackground(thing);
    const isHere = mayMove ? off <= 0.5 * Math.max(sizeOf(thing), place.size) : isStill(thing, place);
    if (isHere && off < best.off) best = { at, off };
  }
  return best.at;
}

function seeAgain(
  before: Thing | undefined,
  kind: Thing['kind'],
  atMs: number,
  place: Place | undefined,
  advice: Advice | undefined,
): Thing {
  const fresh: Thing = {
    ...{ kind, sinceMs: atMs, frames: 1, lastSeenMs: atMs, answeredAtMs: undefined, asked: false, sure: false },
    ...{ place, anchor: place, stillMs: 0, offFrames: 0, returned: false, advice },
  };
  if (before === undefined) return fresh;
  const gapMs = atMs - before.lastSeenMs;
  const still = isStill(before, place);
  const moved = !still && (before.anchor === undefined || before.offFrames + 1 >= MOVED_FRAMES);
  const hasLeft = gapMs > (kind === 'foreign' ? FOREIGN_ABSENT_MS : ABSENT_MS);
  // Not the thing that stood there; or nobody has seen it but as background, and now somebody holds it.
  if (moved && (hasLeft || before.returned || (isBackground(before) && before.answeredAtMs === undefined))) return fresh;
  const isFlicker = kind === 'unread' && !isEstablished(before) && gapMs > FLICKER_MS;
  return {
    ...before,
    ...(isFlicker || (hasLeft && before.answeredAtMs === undefined) ? { sinceMs: atMs, frames: 1 } : { frames: before.frames + 1 }),
    ...(still && { stillMs: before.stillMs + Math.min(gapMs, ABSENT_MS) }),
    ...(moved && { anchor: place, stillMs: 0 }),
    ...{
      kind,
      lastSeenMs: atMs,
      place,
      advice,
      offFrames: still || moved ? 0 : before.offFrames + 1,
      returned: before.returned || hasLeft,
    },
  };
}

function isStill({ kind, anchor }: Thing, place: Place | undefined): boolean {
  if (anchor === undefined || place === undefined) return false;
  const most = Math.max(MOVED_MIN, anchor.size * (kind === 'unread' ? MOVED_OF_SIZE_UNREAD : MOVED_OF_SIZE));
  return distance(anchor, place) <= most && Math.abs(anchor.size - place.size) <= most;
}

function memoryMs(thing: Thing): number {
  const { kind, stillMs } = thing;
  if (kind === 'verified') return isBackground(thing) || isLeftLying(thing) ? REMEMBERED_VERIFIED_MS : ABSENT_MS;
  if (kind === 'doubtful') return isBackground(thing) ? REMEMBERED_MS_MAX : ABSENT_MS;
  const leastMs = kind === 'foreign' ? FOREIGN_ABSENT_MS : ABSENT_MS;
  return Math.max(leastMs, Math.min(REMEMBERED_MS_MAX, REMEMBERED_TIMES * stillMs));
}

function newest<T>(all: readonly T[], count: number, thingOf: (one: T) => Thing): readonly T[] {
  return all.length <= count ? all : [...all].sort((a, b) => thingOf(b).lastSeenMs - thingOf(a).lastSeenMs).slice(0, count);
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function largestFirst<T extends { readonly place: Place | undefined }>(all: readonly T[]): T[] {
  return [...all].sort((a, b) => (b.place?.size ?? 0) - (a.place?.size ?? 0));
}
