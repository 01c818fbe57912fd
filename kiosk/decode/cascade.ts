/**
 * The decode cascade. A gate comes first: a scene that stands still and is empty is decoded now and then only. Then the cheap
 * looks: where a code was a moment ago, the picture of half the size, and the whole picture where detail says that a code may
 * be in it. Where these give no text, harder means follow at the place of a symbol that was located, or else of the most
 * detail, under a budget of time: what does not fit into one frame is tried on the next.
 */
import type { DecodedSymbol, Picture, PictureReader } from './decoder.ts';
import { busiestRegion, detailMap, finelyFilled } from './detail.ts';
import { average, crop, enlargeTwice, frameWhite, halve, sharpen, smooth } from './enhance.ts';
import { createChangeGate } from './gate.ts';
import { createHeldSymbol } from './held-symbol.ts';
import { hasText, isAmong, movedSymbol, type Region, regionAround, squareAround, twice } from './region.ts';

export interface CascadeOptions {
  readonly nowMs: () => number;
  /** No stage begins that is not expected to end within it, milliseconds. */
  readonly budgetMs: number;
  /** For single pictures: every stage at once, because there is no next frame. */
  readonly exhaustive: boolean;
  /** Stages that are left out, to measure what each earns. */
  readonly without?: readonly DecodeStage[];
}

/** Which means gave the text, from the cheapest to the dearest. */
export const decodeStages = [
  'region',
  'half',
  'plain',
  'held',
  'region-enlarged',
  'region-sharpened',
  'whole-sharpened',
  'whole-framed',
  'whole-smoothed',
  'whole-enlarged',
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
/** Surroundings that are cut out with it, parts of its size: the quiet zone, and what a hand moves between two frames. */
const MARGIN = 0.35;
/** An empty scene that stands still is decoded every so many frames all the same: no code held still is ever starved. */
const STILL_EVERY = 10;
/** In the dark a code that comes in may be hidden by noise from the gate. */
const STILL_EVERY_DARK = 4;
/** The whole picture is read every so many frames, whatever the cheaper looks say: a second code, or one that they miss. */
const WHOLE_EVERY = 4;
/** Sides of the busiest square, parts of the picture's height: of a code at arm's length, and of single pictures. */
const BUSY_SIDE = 0.28;
const BUSY_SIDES_STILL = [0.28, 0.5, 0.85];
/** What is searched of it, as a part of its side. */
const SEARCHED_SIDE = 1.3;
/** Frames whose mean is asked for detail in the dark: in one, noise looks like it. */
const HISTORY = 3;
const DARK_LEVEL = 60;
/** At one place: what is located for a moment and never read must not keep the processor. */
const ATTEMPTS_A_FRAME = 1;
/** Searches for a symbol that came to nothing: so many in a row, then one every so many frames. */
const SEARCHES_MAX = 8;
const SEARCHES_A_FRAME = 0.25;
const RADIUS_PX = 2;
/** A quiet zone for what lies at the very edge. */
const FRAME_PX = 20;
const AMOUNT = 2;
/** An enlarged picture of more pixels takes longer than a frame may. */
const ENLARGED_PX_MAX = 4_000_000;
/** A smaller one has too few pixels for any symbol. */
const SIDE_PX_MIN = 24;
/** A stage that once took long is expected to take this part of it the next time. */
const FORGET = 0.9;
/** What the dear ones take before they were ever run, milliseconds. */
const EXPECTED_MS = { locate: 40, track: 12, estimate: 20 } as const;
const NOTHING: CascadeResult = { symbols: [], stage: undefined };

export function createCascade(reader: PictureReader, { nowMs, budgetMs, exhaustive, without = [] }: CascadeOptions): Cascade {
  const gate = createChangeGate();
  const held = createHeldSymbol(reader);
  const pace = createPace(nowMs, budgetMs);
  let frame = 0;
  let turn = 0;
  /** What the last look at the whole scene saw; more than one symbol is never left to a look at one place. */
  let seenAtOnce = 0;
  let hasSymbols = false;
  let wasDark = false;
  let searchesLeft = SEARCHES_MAX;
  let heldFrame = Number.NEGATIVE_INFINITY;
  /** Half-size pictures of the frames before this one, newest first. */
  let history: Picture[] = [];
  let place: { readonly region: Region; readonly frame: number; readonly widthPx: number } | undefined;

  return { read: readNow };

  async function readNow(picture: Picture): Promise<CascadeResult> {
    pace.begin();
    frame++;
    const isBusy = exhaustive || hasSymbols || held.isTracked() || knownRegion(picture) !== undefined;
    const hasChanged = exhaustive || gate.hasChanged(picture);
    if (!isBusy && !hasChanged && frame % (wasDark ? STILL_EVERY_DARK : STILL_EVERY) !== 0) return NOTHING;
    gate.keep();
    const { symbols: plain, stage, suspected } = await look(picture);
    hasSymbols = plain.length > 0;
    remember(plain, picture);
    if (stage !== undefined) {
      const [only, ...more] = plain;
      if (only?.version !== undefined && more.length === 0) held.suggest(only.quad, only.version);
      return { symbols: plain, stage };
    }
    let best = plain;
    for (const attempt of attempts(picture, plain, suspected)) {
      if (without.includes(attempt.stage) || !pace.fits(attempt.stage)) continue;
      const symbols = await pace.timed(attempt.stage, attempt.run);
      if (symbols.length > 0) hasSymbols = true;
      if (best.length === 0) best = symbols;
      if (attempt.stage.startsWith('whole') || hasText(symbols)) remember(symbols, picture);
      if (!hasText(symbols)) continue;
      const others = plain.filter((one) => !isAmong(one, symbols));
      return { symbols: [...symbols.filter(({ text }) => text !== undefined), ...others], stage: attempt.stage };
    }
    return { symbols: best, stage: undefined };
  }

  /** The cheap looks, and where detail says that a code may be. */
  async function look(picture: Picture): Promise<CascadeResult & { readonly suspected: readonly Region[] }> {
    const region = knownRegion(picture);
    const isWhole = exhaustive || frame % WHOLE_EVERY === 0;
    if (region !== undefined && seenAtOnce === 1 && !isWhole) {
      const symbols = await readPart(picture, region);
      if (hasText(symbols)) return { symbols, stage: 'region', suspected: [] };
    }
    const half = halve(picture);
    const suspected = likely(half);
    if (region === undefined && suspected.length === 0 && !isWhole) {
      const symbols = (await reader.read(half)).map((symbol) => movedSymbol(symbol, ({ x, y }) => ({ x: 2 * x, y: 2 * y })));
      seenAtOnce = symbols.length;
      if (hasText(symbols)) return { symbols, stage: 'half', suspected };
      if (symbols.length === 0) return { ...NOTHING, suspected };
    }
    const symbols = await reader.read(picture);
    seenAtOnce = symbols.length;
    return { symbols, stage: hasText(symbols) ? 'plain' : undefined, suspected };
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

  /** What is tried on a frame in which nothing was read. On the next one another comes first: what never fits behind the others has its turn too. */
  function attempts(picture: Picture, plain: readonly DecodedSymbol[], suspected: readonly Region[]): Attempt[] {
    const known = knownRegion(picture);
    const searched = known === undefined ? suspected.map((one) => squareAround(one, SEARCHED_SIDE, picture)) : [known];
    const unread = plain.find(({ version }) => version !== undefined);
    const first: Attempt[] = exhaustive
      ? [...(known === undefined ? [] : [known]), ...suspected.map((one) => squareAround(one, SEARCHED_SIDE, picture))].map((region) => ({
          stage: 'held',
          run: () => readHeld(picture, unread, region),
        }))
      : [{ stage: 'held', run: () => readHeld(picture, unread, searched[0]) }];
    const all = known === undefined ? [] : regionAttempts(picture, known);
    const from = all.length === 0 ? 0 : turn % all.length;
    const most = exhaustive ? all.length : ATTEMPTS_A_FRAME;
    turn += most;
    const inTurn = [...all.slice(from), ...all.slice(0, from)].slice(0, most);
    return exhaustive ? [...inTurn, ...wholeAttempts(picture), ...first] : [...first, ...inTurn];
  }

  /** A symbol that is held: followed from the frame before, from where the decoder located it, or else looked for. */
  async function readHeld(
    picture: Picture,
    unread: DecodedSymbol | undefined,
    searched: Region | undefined,
  ): Promise<readonly DecodedSymbol[]> {
    const wasHeld = frame - heldFrame <= REMEMBER_FRAMES;
    searchesLeft = Math.min(SEARCHES_MAX, searchesLeft + (wasHeld ? 1 : SEARCHES_A_FRAME));
    if (!held.isTracked() && unread?.version !== undefined) held.suggest(unread.quad, unread.version);
    let isFound = held.isTracked() && pace.fits('track') && (await pace.timed('track', () => held.track(picture)));
    if (!isFound && searched !== undefined && (exhaustive || searchesLeft >= 1) && pace.fits('locate')) {
      isFound = await pace.timed('locate', () => held.locate(picture, searched));
      searchesLeft = isFound ? SEARCHES_MAX : searchesLeft - 1;
    }
    if (!isFound) return [];
    heldFrame = frame;
    return pace.fits('estimate') ? pace.timed('estimate', held.read) : [];
  }

  async function readPart(picture: Picture, region: Region): Promise<DecodedSymbol[]> {
    return (await reader.read(crop(picture, region))).map((symbol) =>
      movedSymbol(symbol, ({ x, y }) => ({ x: x + region.left, y: y + region.top })),
    );
  }

  function regionAttempts(picture: Picture, region: Region): Attempt[] {
    const part = crop(picture, region);
    const inPart = (symbols: readonly DecodedSymbol[], scale: number) =>
      symbols.map((symbol) => movedSymbol(symbol, ({ x, y }) => ({ x: x / scale + region.left, y: y / scale + region.top })));
    const enlarged: Attempt = {
      stage: 'region-enlarged',
      run: async () => inPart(await reader.read(sharpen(enlargeTwice(part), 2 * RADIUS_PX, AMOUNT)), 2),
    };
    const sharpened: Attempt = {
      stage: 'region-sharpened',
      run: async () => inPart(await reader.read(sharpen(part, RADIUS_PX, AMOUNT)), 1),
    };
    return part.luma.length * 4 <= ENLARGED_PX_MAX ? [enlarged, sharpened] : [sharpened];
  }

  /** For single pictures, which may be cut off at the symbol's edge. */
  function wholeAttempts(picture: Picture): Attempt[] {
    const scaled = (symbols: readonly DecodedSymbol[], scale: number, shift: number) =>
      symbols.map((symbol) => movedSymbol(symbol, ({ x, y }) => ({ x: x / scale - shift, y: y / scale - shift })));
    const sharpened: Attempt = { stage: 'whole-sharpened', run: () => reader.read(sharpen(picture, RADIUS_PX, AMOUNT)) };
    const framed: Attempt = {
      stage: 'whole-framed',
      run: async () => scaled(await reader.read(frameWhite(picture, FRAME_PX)), 1, FRAME_PX),
    };
    const smoothed: Attempt = { stage: 'whole-smoothed', run: () => reader.read(smooth(picture)) };
    const enlarged: Attempt = {
      stage: 'whole-enlarged',
      run: async () => scaled(await reader.read(sharpen(enlargeTwice(picture), 2 * RADIUS_PX, AMOUNT)), 2, 0),
    };
    const aztec: Attempt = { stage: 'whole-aztec', run: () => reader.read(picture, { aztec: true }) };
    const isSmall = picture.luma.length * 4 <= ENLARGED_PX_MAX;
    return [sharpened, framed, smoothed, ...(isSmall ? [enlarged] : []), aztec];
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

/** What stages took before, against what is left of a frame's budget. */
function createPace(nowMs: () => number, budgetMs: number) {
  const expectedMs = new Map<string, number>(Object.entries(EXPECTED_MS));
  let startMs = 0;
  return {
    begin() {
      startMs = nowMs();
    },
    /** Whether a stage is expected to end in time. One that is refused is tried again some frames later. */
    fits(stage: string): boolean {
      const expected = expectedMs.get(stage) ?? 0;
      const isIn = nowMs() - startMs + expected < budgetMs;
      if (!isIn) expectedMs.set(stage, expected * FORGET);
      return isIn;
    },
    async timed<T>(stage: string, run: () => T | Promise<T>): Promise<T> {
      const beginMs = nowMs();
      const result = await run();
      expectedMs.set(stage, Math.max(nowMs() - beginMs, (expectedMs.get(stage) ?? 0) * FORGET));
      return result;
    },
  };
}

/** Of every hundredth pixel: enough to tell night from day. */
function meanLevel({ luma }: Picture): number {
  let sum = 0;
  for (let at = 0; at < luma.length; at += 101) sum += luma[at] ?? 0;
  return sum / Math.ceil(luma.length / 101);
}
