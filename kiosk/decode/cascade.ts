/**
 * The decode cascade. A gate comes first: a scene that stands still and is empty is decoded now and then only. Then the cheap
 * looks: where a code was a moment ago, the picture of half the size, and the whole picture where detail says that a code may
 * be in it. Where these give no text, harder means follow at the place of a symbol that was located, or else of the most
 * detail, under a budget of time: what does not fit into one frame is tried on the next.
 */
import type { DecodedSymbol, Picture, PictureReader } from './decoder.ts';
import { busiestRegion, detailMap, finelyFilled } from './detail.ts';
import { average, crop, enlargeTwice, halve, sharpen } from './enhance.ts';
import { createFollowedPlace } from './followed-place.ts';
import { createChangeGate } from './gate.ts';
import { isAmong, movedSymbol, type Region, regionAround, squareAround, twice } from './region.ts';

export interface CascadeOptions {
  readonly nowMs: () => number;
  /** No stage begins that is not expected to end within it, milliseconds. */
  readonly budgetMs: number;
  /** For single pictures: every stage at once, because there is no next frame. */
  readonly exhaustive: boolean;
}

/** Which means gave the text, from the cheapest to the dearest. */
export const decodeStages = [
  'region',
  'half',
  'plain',
  'equalised',
  'region-enlarged',
  'region-sharpened',
  'region-threshold',
  'stacked-sharpened',
  'stacked',
  'whole-sharpened',
  'whole-enlarged',
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
/** The whole picture is read every so many frames, whatever the cheaper looks say: a second code, or one that they miss. */
const WHOLE_EVERY = 4;
/** While a place is followed: whether it still looks like a code, and still is the busiest. */
const BUSY_EVERY = 3;
/** Side of the busiest square, parts of the picture's height. */
const BUSY_SIDE = 0.28;
/** Frames whose mean is asked for detail in the dark: in one, noise looks like it. */
const HISTORY = 3;
const DARK_LEVEL = 60;
/** What is followed, as a part of the busiest square's side. */
const FOLLOWED_SIDE = 1.3;
/** At one place: what is located for a moment and never read must not keep the processor. */
const ATTEMPTS_A_FRAME = 2;
const RADIUS_PX = 2;
const AMOUNT = 2;
/** An enlarged picture of more pixels takes longer than a frame may. */
const ENLARGED_PX_MAX = 4_000_000;
/** A smaller one has too few pixels for any symbol. */
const SIDE_PX_MIN = 24;
/** A stage that once took long is expected to take this part of it the next time. */
const FORGET = 0.9;
const NOTHING: CascadeResult = { symbols: [], stage: undefined };

export function createCascade(reader: PictureReader, { nowMs, budgetMs, exhaustive }: CascadeOptions): Cascade {
  const gate = createChangeGate();
  const followed = createFollowedPlace(reader);
  const expectedMs = new Map<string, number>();
  let frame = 0;
  let turn = 0;
  /** What the last look at the whole scene saw; more than one symbol is never left to a look at one place. */
  let seenAtOnce = 0;
  let hasSymbols = false;
  let wasSuspected = false;
  /** Half-size pictures of the frames before this one, newest first. */
  let history: Picture[] = [];
  let place: { readonly region: Region; readonly frame: number; readonly widthPx: number } | undefined;

  /** The cheap looks, and where detail says that a code may be. */
  async function look(picture: Picture): Promise<CascadeResult & { readonly suspected: Region | undefined }> {
    const region = knownRegion(picture);
    const isWhole = exhaustive || frame % WHOLE_EVERY === 0;
    if (region !== undefined && seenAtOnce === 1 && !isWhole) {
      const symbols = await readPart(picture, region);
      if (hasText(symbols)) return { symbols, stage: 'region', suspected: undefined };
    }
    const half = halve(picture);
    const suspected = likely(half);
    if (region === undefined && suspected === undefined && !isWhole) {
      const symbols = (await reader.read(half)).map((symbol) => movedSymbol(symbol, ({ x, y }) => ({ x: 2 * x, y: 2 * y })));
      seenAtOnce = symbols.length;
      if (hasText(symbols)) return { symbols, stage: 'half', suspected };
      if (symbols.length === 0) return { ...NOTHING, suspected };
    }
    const symbols = await reader.read(picture);
    seenAtOnce = symbols.length;
    return { symbols, stage: hasText(symbols) ? 'plain' : undefined, suspected };
  }

  /** The busiest square, if any part of the picture is as finely filled as a code; the whole picture's pixels. */
  function likely(half: Picture): Region | undefined {
    if (history.some(({ widthPx, heightPx }) => widthPx !== half.widthPx || heightPx !== half.heightPx)) {
      history = [];
      followed.leave();
    }
    const isDark = meanLevel(half) < DARK_LEVEL;
    const detail = detailMap(isDark ? average([half, ...history]) : half, isDark);
    history = [half, ...history].slice(0, HISTORY);
    if (!exhaustive && finelyFilled(detail, isDark) === undefined) return undefined;
    const busiest = busiestRegion(detail, half.heightPx * BUSY_SIDE);
    return busiest && !followed.isTiring(twice(busiest)) ? twice(busiest) : undefined;
  }

  const readPart = async (picture: Picture, region: Region) =>
    (await reader.read(crop(picture, region))).map((symbol) =>
      movedSymbol(symbol, ({ x, y }) => ({ x: x + region.left, y: y + region.top })),
    );

  const regionAttempts = (picture: Picture, region: Region): Attempt[] => {
    const part = crop(picture, region);
    const inPart = (symbols: readonly DecodedSymbol[], scale: number) =>
      symbols.map((symbol) => movedSymbol(symbol, ({ x, y }) => ({ x: x / scale + region.left, y: y / scale + region.top })));
    const attempts: Attempt[] = [
      {
        stage: 'region-enlarged',
        run: async () => inPart(await reader.read(sharpen(enlargeTwice(part), 2 * RADIUS_PX, AMOUNT)), 2),
      },
      { stage: 'region-sharpened', run: async () => inPart(await reader.read(sharpen(part, RADIUS_PX, AMOUNT)), 1) },
      { stage: 'region-threshold', run: async () => inPart(await reader.read(part, { threshold: 'one-threshold' }), 1) },
    ];
    return attempts.filter(({ stage }) => stage !== 'region-enlarged' || part.luma.length * 4 <= ENLARGED_PX_MAX);
  };

  const wholeAttempts = (picture: Picture): Attempt[] => {
    const enlarged: Attempt = {
      stage: 'whole-enlarged',
      run: async () =>
        (await reader.read(sharpen(enlargeTwice(picture), 2 * RADIUS_PX, AMOUNT))).map((symbol) =>
          movedSymbol(symbol, ({ x, y }) => ({ x: x / 2, y: y / 2 })),
        ),
    };
    const sharpened: Attempt = { stage: 'whole-sharpened', run: () => reader.read(sharpen(picture, RADIUS_PX, AMOUNT)) };
    return picture.luma.length * 4 <= ENLARGED_PX_MAX ? [sharpened, enlarged] : [sharpened];
  };

  const stackAttempts: readonly Attempt[] = [
    { stage: 'stacked-sharpened', run: () => followed.readStack('sharpened') },
    { stage: 'stacked', run: () => followed.readStack('plain') },
  ];
  const gridAttempt: Attempt = { stage: 'equalised', run: followed.readGrid };

  return { read: readNow };

  async function readNow(picture: Picture): Promise<CascadeResult> {
    const startMs = nowMs();
    /** Whether a stage is expected to end in time. One that has been refused is tried again some frames later. */
    const fits = (stage: string) => {
      const expected = expectedMs.get(stage) ?? 0;
      const isIn = nowMs() - startMs + expected < budgetMs;
      if (!isIn) expectedMs.set(stage, expected * FORGET);
      return isIn;
    };
    const timed = async <T>(stage: string, run: () => T | Promise<T>): Promise<T> => {
      const beginMs = nowMs();
      const result = await run();
      expectedMs.set(stage, Math.max(nowMs() - beginMs, (expectedMs.get(stage) ?? 0) * FORGET));
      return result;
    };

    frame++;
    const isBusy = exhaustive || hasSymbols || followed.isFollowed() || knownRegion(picture) !== undefined;
    const hasChanged = exhaustive || gate.hasChanged(picture);
    if (!isBusy && !hasChanged && frame % STILL_EVERY !== 0) return NOTHING;
    gate.keep();
    const { symbols: plain, stage, suspected } = await look(picture);
    hasSymbols = plain.length > 0;
    remember(plain, picture);
    if (stage !== undefined) {
      followed.leave();
      return { symbols: plain, stage };
    }
    const region = knownRegion(picture);
    if (fits('follow')) await timed('follow', () => follow(picture, region, suspected));
    // On the next frame another one comes first: what never fits behind the others has its turn too.
    const all = [...(region === undefined ? [] : regionAttempts(picture, region)), ...(followed.isFollowed() ? stackAttempts : [])];
    const first = all.length === 0 ? 0 : turn % all.length;
    const most = exhaustive ? all.length : ATTEMPTS_A_FRAME;
    turn += most;
    const inTurn = [...all.slice(first), ...all.slice(0, first)].slice(0, most);
    let best = plain;
    for (const attempt of [...inTurn, ...(exhaustive ? wholeAttempts(picture) : [])]) {
      // Another attempt may have given the grid just now.
      for (const each of followed.hasGrid() ? [gridAttempt, attempt] : [attempt]) {
        if (!fits(each.stage)) continue;
        const symbols = await timed(each.stage, each.run);
        if (symbols.length > 0) {
          hasSymbols = true;
          followed.noteSymbol();
        }
        if (best.length === 0) best = symbols;
        if (each.stage.startsWith('whole') || hasText(symbols)) remember(symbols, picture);
        if (!hasText(symbols)) continue;
        const others = plain.filter((one) => !isAmong(one, symbols));
        return { symbols: [...symbols.filter(({ text }) => text !== undefined), ...others], stage: each.stage };
      }
    }
    return { symbols: best, stage: undefined };
  }

  function follow(picture: Picture, known: Region | undefined, suspected: Region | undefined): void {
    const isLooking = exhaustive || !followed.isFollowed() || frame % BUSY_EVERY === 0;
    // In a single frame a street may look like a code.
    const isSteady = exhaustive || followed.isFollowed() || wasSuspected;
    wasSuspected = suspected !== undefined;
    const target = known ?? (isLooking && isSteady ? suspected : undefined);
    // What looked like a code has gone.
    if (isLooking && target === undefined) followed.leave();
    followed.follow(picture, target && squareAround(target, FOLLOWED_SIDE, picture));
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

function hasText(symbols: readonly DecodedSymbol[]): boolean {
  return symbols.some(({ text }) => text !== undefined);
}

/** Of every hundredth pixel: enough to tell night from day. */
function meanLevel({ luma }: Picture): number {
  let sum = 0;
  for (let at = 0; at < luma.length; at += 101) sum += luma[at] ?? 0;
  return sum / Math.ceil(luma.length / 101);
}
