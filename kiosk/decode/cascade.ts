/**
 * The decode cascade. A gate comes first: a scene that stands still and is empty is decoded now and then only. Then the cheap
 * looks: where a code was a moment ago or detail says that one may be, the picture at half its size, and now and then the
 * whole picture. Where these give no text, a symbol is searched for and its modules are estimated from all frames that show
 * it, under a budget of time: what does not fit into one frame is done on the next. Single pictures have means of their own.
 */
import type { DecodedSymbol, Picture, PictureReader, Point } from './decoder.ts';
import { busiestRegion, detailMap, finelyFilled } from './detail.ts';
import { average, crop, frameWhite, halve, sharpen, smooth } from './enhance.ts';
import { createChangeGate } from './gate.ts';
import { createHeldSymbol } from './held-symbol.ts';
import { createPace } from './pace.ts';
import { distance, hasText, isAmong, movedSymbol, type Region, regionAround, squareAround, twice } from './region.ts';
import { createSearchedPlaces } from './searched-places.ts';

export interface CascadeOptions {
  readonly nowMs: () => number;
  /** No stage begins that is not expected to end within it, milliseconds. */
  readonly budgetMs: number;
  /** For single pictures: every stage at once, because there is no next frame. */
  readonly exhaustive: boolean;
  /** Stages that are left out, to measure what each earns. */
  readonly without?: readonly DecodeStage[];
  /** Told of each stage that ran: what it took, milliseconds, and whether it gave a text. */
  readonly onStage?: (stage: DecodeStage, tookMs: number, gaveText: boolean) => void;
}

/** Which means gave the text, from the cheapest to the dearest. */
export const decodeStages = [
  'region',
  'half',
  'plain',
  'held',
  'whole-sharpened',
  'whole-framed',
  'whole-smoothed',
  'whole-aztec',
] as const;
export type DecodeStage = (typeof decodeStages)[number];

export interface CascadeResult {
  readonly symbols: readonly DecodedSymbol[];
  /** Undefined where no text was read. */
  readonly stage: DecodeStage | undefined;
}

export interface Cascade {
  read(picture: Picture): Promise<CascadeResult>;
}

interface Attempt {
  readonly stage: DecodeStage;
  run(): Promise<readonly DecodedSymbol[]>;
}

/** A symbol that was located is looked for at its place for so many frames. */
const REMEMBER_FRAMES = 15;
/** Where a symbol was read or its grid was found, one is: it is searched for without sparing for so many frames. */
const HELD_FRAMES = 60;
/** What moves by more than this part of its size from one frame to the next is smeared: a hand on its way, a car. */
const STEADY = 0.4;
/** And what is seen so far from where it was, parts of its size, has moved. */
const MOVED = 0.3;
/** Surroundings that are cut out with it, parts of its size: the quiet zone, and what a hand moves between two frames. */
const MARGIN = 0.35;
/** An empty scene that stands still is decoded every so many frames all the same: no code held still is ever starved. */
const STILL_EVERY = 10;
/** In the dark a code that comes in may be hidden by noise from the gate. */
const STILL_EVERY_DARK = 4;
/** The whole picture is read at every so manieth look, whatever the cheaper ones say: a second code, or one that they miss. */
const WHOLE_EVERY = 4;
/** Where nothing says where to look. */
const WHOLE_EVERY_BLIND = 2;
/** And at half its size at every so manieth, where one place is looked at and shows nothing. */
const HALF_EVERY = 2;
/** Sides of the busiest square, parts of the picture's height: of a code at arm's length, and of single pictures. */
const BUSY_SIDE = 0.28;
const BUSY_SIDES_STILL = [0.28, 0.5, 0.85];
/** What is searched of it, as a part of its side. */
const SEARCHED_SIDE = 1.3;
/** The same of a place with its surroundings, which a symbol was located at. */
const KNOWN_SIDE = 0.8;
/** And one search after another more and less of it: what one outline is taken in by, another is not. */
const SEARCHED_SCALES = [1, 1.25, 0.8];
/** Frames whose mean is asked for detail in the dark: in one, noise looks like it. */
const HISTORY = 3;
const DARK_LEVEL = 60;
/** Where nothing is saved, one search in so many frames. */
const SEARCH_EVERY = 20;
const RADIUS_PX = 2;
/** A quiet zone for what lies at the very edge. */
const FRAME_PX = 20;
const AMOUNT = 2;
/** A smaller one has too few pixels for any symbol. */
const SIDE_PX_MIN = 24;
const NOTHING: CascadeResult = { symbols: [], stage: undefined };

export function createCascade(reader: PictureReader, options: CascadeOptions): Cascade {
  const { nowMs, budgetMs, exhaustive, without = [], onStage } = options;
  const gate = createChangeGate();
  const held = createHeldSymbol(reader);
  const pace = createPace(nowMs, budgetMs);
  let frame = 0;
  let looks = 0;
  /** What the last look at the whole scene saw; more than one symbol is never left to a look at one place. */
  let seenAtOnce = 0;
  let hasSymbols = false;
  let wasDark = false;
  let heldFrame = Number.NEGATIVE_INFINITY;
  let searchedBefore: Region | undefined;
  let searches = 0;
  const places = createSearchedPlaces();
  let searchedFrame = Number.NEGATIVE_INFINITY;
  /** Half-size pictures of the frames before this one, newest first. */
  let history: Picture[] = [];
  let place: { readonly region: Region; readonly frame: number; readonly widthPx: number } | undefined;

  return { read: readNow };

  async function readNow(picture: Picture): Promise<CascadeResult> {
    pace.begin();
    const result = await readFrame(picture);
    pace.end();
    return result;
  }

  async function readFrame(picture: Picture): Promise<CascadeResult> {
    frame++;
    const isBusy = exhaustive || hasSymbols || held.isTracked() || knownRegion(picture) !== undefined;
    const hasChanged = exhaustive || gate.hasChanged(picture);
    // In the dark the gate sees little: where something may be, it is looked at.
    const isGuessing = wasDark && searchedBefore !== undefined;
    if (!isBusy && !isGuessing && !hasChanged && frame % (wasDark ? STILL_EVERY_DARK : STILL_EVERY) !== 0) return NOTHING;
    gate.keep();
    const { symbols: plain, stage, suspected } = await look(picture);
    hasSymbols = plain.length > 0;
    remember(plain, picture);
    if (stage !== undefined) {
      const [only, ...more] = plain;
      if (only?.version !== undefined && more.length === 0) held.suggest(only.quad, only.version);
      heldFrame = frame;
      return { symbols: plain, stage };
    }
    let best = plain;
    for (const attempt of attempts(picture, plain, suspected)) {
      // What is held looks after its own parts.
      if (without.includes(attempt.stage) || (attempt.stage !== 'held' && !pace.fits(attempt.stage))) continue;
      const symbols = await staged(attempt.stage, attempt.run);
      if (symbols.length > 0) hasSymbols = true;
      if (best.length === 0 || attempt.stage === 'held') best = [...symbols, ...best.filter((one) => !isAmong(one, symbols))];
      if (attempt.stage.startsWith('whole') || hasText(symbols)) remember(symbols, picture);
      if (!hasText(symbols)) continue;
      const read = symbols.filter(({ text }) => text !== undefined);
      return { symbols: [...read, ...plain.filter((one) => !isAmong(one, read))], stage: attempt.stage };
    }
    return { symbols: best, stage: undefined };
  }

  async function staged(stage: DecodeStage, run: () => Promise<readonly DecodedSymbol[]>): Promise<readonly DecodedSymbol[]> {
    const beginMs = nowMs();
    const symbols = await pace.timed(stage, run);
    onStage?.(stage, nowMs() - beginMs, hasText(symbols));
    return symbols;
  }

  /** The cheap looks, and where detail says that a code may be. */
  async function look(picture: Picture): Promise<CascadeResult & { readonly suspected: readonly Region[] }> {
    const half = halve(picture);
    const suspected = likely(half);
    const near = nearest(picture, suspected);
    const isWhole = exhaustive || looks % (near === undefined ? WHOLE_EVERY_BLIND : WHOLE_EVERY) === 0 || seenAtOnce > 1;
    looks++;
    if (isWhole) {
      const symbols = await staged('plain', () => reader.read(picture, { oneSize: !exhaustive }));
      seenAtOnce = symbols.length;
      return { symbols, stage: hasText(symbols) ? 'plain' : undefined, suspected };
    }
    const parts = near === undefined ? [] : await staged('region', () => readPart(picture, near));
    if (hasText(parts)) return { symbols: parts, stage: 'region', suspected };
    if (near !== undefined && looks % HALF_EVERY !== 0) return { symbols: parts, stage: undefined, suspected };
    const symbols = await staged('half', () => readHalf(half));
    // What is seen of a part at full size is surer than what is seen of all at half.
    const all = [...parts, ...symbols.filter((one) => one.text !== undefined || parts.length === 0)];
    seenAtOnce = Math.max(seenAtOnce, all.length);
    return { symbols: all, stage: hasText(symbols) ? 'half' : undefined, suspected };
  }

  /** The busiest square, if any part of the picture is as finely filled as a code; of a single picture squares of several sizes. The whole picture's pixels. */
  function likely(half: Picture): Region[] {
    if (history.some(({ widthPx, heightPx }) => widthPx !== half.widthPx || heightPx !== half.heightPx)) history = [];
    wasDark = meanLevel(half) < DARK_LEVEL;
    const detail = detailMap(wasDark ? average([half, ...history]) : half, wasDark);
    history = [half, ...history].slice(0, HISTORY);
    if (!exhaustive && finelyFilled(detail, wasDark) === undefined) return [];
    const sides = exhaustive ? BUSY_SIDES_STILL : [BUSY_SIDE];
    return sides.flatMap((side) => busiestRegion(detail, half.heightPx * side) ?? []).map(twice);
  }

  /** What is tried where nothing was read: on a frame what is held, on a single picture everything. */
  function attempts(picture: Picture, plain: readonly DecodedSymbol[], suspected: readonly Region[]): Attempt[] {
    const known = knownRegion(picture);
    const unread = plain.find(({ version }) => version !== undefined);
    const heldIn = (region: Region | undefined): Attempt => ({ stage: 'held', run: () => readHeld(picture, unread, region) });
    if (exhaustive) {
      const guessed = suspected.map((one) => squareAround(one, SEARCHED_SIDE, picture));
      return [...wholeAttempts(picture), ...[...(known === undefined ? [] : [known]), ...guessed].map(heldIn)];
    }
    const near = nearest(picture, suspected);
    return [heldIn(near !== undefined && near === known ? squareAround(known, KNOWN_SIDE, picture) : near)];
  }

  /** A symbol that is held: followed from the frame before, from where the decoder located it, or else looked for. */
  async function readHeld(
    picture: Picture,
    unread: DecodedSymbol | undefined,
    region: Region | undefined,
  ): Promise<readonly DecodedSymbol[]> {
    const wasHeld = frame - heldFrame <= HELD_FRAMES;
    const before = searchedBefore;
    searchedBefore = region;
    const isSteady = region !== undefined && before !== undefined && distance(region, before) <= STEADY * region.widthPx;
    if (!held.isTracked() && unread?.version !== undefined) held.suggest(unread.quad, unread.version);
    let isFound = held.isTracked() && pace.fits('track') && (await pace.timed('track', () => held.track(picture)));
    const isSure = exhaustive || wasHeld || knownRegion(picture) !== undefined;
    const isDue = pace.hasCredit() || frame - searchedFrame >= SEARCH_EVERY;
    // In the dark each frame is another.
    const maySearch = isSure || (isSteady && isDue && (wasDark || places.isWorth(picture, region, frame)));
    if (!isFound && region !== undefined && maySearch && pace.fits('locate')) {
      searchedFrame = frame;
      places.note(picture, region, frame);
      const scale = SEARCHED_SCALES[searches++ % SEARCHED_SCALES.length] ?? 1;
      isFound = await pace.timed('locate', () => held.locate(picture, squareAround(region, scale, picture)));
    }
    if (!isFound) return [];
    heldFrame = frame;
    return pace.fits('estimate') ? pace.timed('estimate', held.read) : [];
  }

  async function readHalf(half: Picture): Promise<DecodedSymbol[]> {
    return (await reader.read(half, { darkOnLight: true })).map((symbol) => movedSymbol(symbol, ({ x, y }) => ({ x: 2 * x, y: 2 * y })));
  }

  async function readPart(picture: Picture, region: Region): Promise<DecodedSymbol[]> {
    return (await reader.read(crop(picture, region))).map((symbol) =>
      movedSymbol(symbol, ({ x, y }) => ({ x: x + region.left, y: y + region.top })),
    );
  }

  /** For single pictures, which may be cut off at the symbol's edge. */
  function wholeAttempts(picture: Picture): Attempt[] {
    const inFrame = ({ x, y }: Point) => ({ x: x - FRAME_PX, y: y - FRAME_PX });
    return [
      { stage: 'whole-sharpened', run: () => reader.read(sharpen(picture, RADIUS_PX, AMOUNT)) },
      {
        stage: 'whole-framed',
        run: async () => (await reader.read(frameWhite(picture, FRAME_PX))).map((symbol) => movedSymbol(symbol, inFrame)),
      },
      { stage: 'whole-smoothed', run: () => reader.read(smooth(picture)) },
      { stage: 'whole-aztec', run: () => reader.read(picture, { aztec: true }) },
    ];
  }

  /** Where to look: where a symbol was located, or else where detail says so. What is gone from its place and seen elsewhere has moved. */
  function nearest(picture: Picture, [likeliest]: readonly Region[]): Region | undefined {
    const known = knownRegion(picture);
    const guessed = likeliest && squareAround(likeliest, SEARCHED_SIDE, picture);
    if (known === undefined || guessed === undefined) return known ?? guessed;
    const hasMoved = place?.frame !== frame && distance(known, guessed) > MOVED * guessed.widthPx;
    return hasMoved ? guessed : known;
  }

  function knownRegion({ widthPx }: Picture): Region | undefined {
    const isFresh = place !== undefined && frame - place.frame <= REMEMBER_FRAMES && place.widthPx === widthPx;
    return isFresh ? place?.region : undefined;
  }

  /** The largest symbol is the one that is held up. */
  function remember(symbols: readonly DecodedSymbol[], picture: Picture): void {
    const [largest] = symbols.map(({ quad }) => regionAround(quad, MARGIN, picture)).sort((a, b) => b.widthPx - a.widthPx);
    if (largest !== undefined && largest.widthPx >= SIDE_PX_MIN && largest.heightPx >= SIDE_PX_MIN)
      place = { region: largest, frame, widthPx: picture.widthPx };
  }
}

/** Of every hundredth pixel: enough to tell night from day. */
function meanLevel({ luma }: Picture): number {
  let sum = 0;
  for (let at = 0; at < luma.length; at += 101) sum += luma[at] ?? 0;
  return sum / Math.ceil(luma.length / 101);
}
