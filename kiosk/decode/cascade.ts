/**
 * The decode cascade. A gate comes first: a scene that stands still and is empty is decoded now and then only. Then the plain
 * picture, and where that gives no text, harder means under a budget of time. A symbol
 * that was located and could not be read, or else the square with the most detail, says where to look. The frames of that
 * place are laid onto each other; where a symbol's grid can be fitted into them, its modules are told apart by a filter that
 * the symbol itself trains. What does not fit into one frame is tried on the next.
 */
import type { DecodedSymbol, Picture, PictureReader, Point, Quad } from './decoder.ts';
import { average, busiestRegion, crop, enlargeTwice, halve, type Region, sharpen, stretch } from './enhance.ts';
import { drawSymbol, equalise } from './equaliser.ts';
import { createChangeGate, finelyFilled } from './gate.ts';
import { createStack, STACK_SCALE, type Stack } from './stack.ts';
import { fitGrid, type LevelMap, levelMap, symbolTemplate } from './symbol-grid.ts';

export interface CascadeOptions {
  readonly nowMs: () => number;
  /** After so long no further stage begins, milliseconds. */
  readonly budgetMs: number;
  /** For single pictures: every stage at once, because there is no next frame. */
  readonly exhaustive: boolean;
}

/** Which means gave the text. */
export type DecodeStage =
  | 'plain'
  | 'region-enlarged'
  | 'region-sharpened'
  | 'region-threshold'
  | 'stacked'
  | 'stacked-sharpened'
  | 'equalised'
  | 'whole-sharpened'
  | 'whole-enlarged';

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

/** A symbol's place in the mean of a stack. */
interface Grid {
  readonly quad: Quad;
  readonly version: number;
  /** How far the corners may be off, modules. */
  readonly reach: number;
}

/** A symbol that was located is looked for at its place for so many frames. */
const REMEMBER_FRAMES = 15;
/** Surroundings that are cut out with it, parts of its size: the quiet zone, and what a hand moves between two frames. */
const MARGIN = 0.35;
/** An empty scene that stands still is decoded every so many frames all the same: no code held still is ever starved. */
const STILL_EVERY = 10;
/** Where nothing was located, the picture is searched for what looks like a code every so many frames. */
const SUSPECT_EVERY = 2;
/** A place that looks like a code and gave no symbol for so many frames (a fence, print) is left alone for so many. */
const PATIENCE_FRAMES = 40;
const REST_FRAMES = 150;
/** While frames are stacked: whether their place still looks like a code, and still is the busiest. */
const BUSY_EVERY = 3;
/** Side of the busiest square, parts of the picture's height. */
const BUSY_SIDE = 0.28;
/** Frames whose mean is asked for the busiest square: in one, noise looks like detail. */
const HISTORY = 3;
/** Below this mean level noise outweighs detail, and four pixels are taken as one. */
const DARK_LEVEL = 60;
/** What is stacked, as a part of the busiest square's side. */
const STACK_SIDE = 1.3;
/** A larger place holds a code that needs no stack, and would cost too much. */
const STACK_PX_MAX = 340;
/** The place has moved on when it is so far from the stack's middle, parts of the side. */
const MOVED = 0.22;
/** At one place: what is located for a moment and never read must not keep the processor. */
const ATTEMPTS_A_FRAME = 2;
const RADIUS_PX = 2;
const AMOUNT = 2;
/** What a decoder says of the corners is right to so many modules, the last corner aside. */
const FIT_REACH = 3;
/** Frame after frame the mean changes little. */
const REFIT_REACH = 1;
/** A grid that agrees less is none. */
const SCORE_MIN = 0.3;
/** Surroundings that levels are compared with, pixels of the stack's mean: some modules. */
const LEVEL_RADIUS_PX = 16;
/** An enlarged picture of more pixels takes longer than a frame may. */
const ENLARGED_PX_MAX = 4_000_000;
/** A smaller one has too few pixels for any symbol. */
const SIDE_PX_MIN = 24;
const NOTHING: CascadeResult = { symbols: [], stage: undefined };

export function createCascade(reader: PictureReader, { nowMs, budgetMs, exhaustive }: CascadeOptions): Cascade {
  const gate = createChangeGate();
  let frame = 0;
  let turn = 0;
  /** Whether the last look saw any symbol. */
  let hasSymbols = false;
  /** Frames of the present stack since any symbol was located in it. */
  let fruitless = 0;
  let tiring: { readonly place: Point; readonly untilFrame: number } | undefined;
  /** The frames before this one, newest first; copies, because a frame's memory is used again. */
  let history: Picture[] = [];
  let place: { readonly region: Region; readonly frame: number; readonly widthPx: number } | undefined;
  let stack: Stack | undefined;
  let grid: Grid | undefined;

  const attemptsIn = (picture: Picture, region: Region): Attempt[] => {
    const part = crop(picture, region);
    const inPart = (symbols: readonly DecodedSymbol[], scale: number) =>
      symbols.map((symbol) => moved(symbol, ({ x, y }) => ({ x: x / scale + region.left, y: y / scale + region.top })));
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
  const wholeAttempts = (picture: Picture): Attempt[] => [
    { stage: 'whole-sharpened', run: () => reader.read(sharpen(picture, RADIUS_PX, AMOUNT)) },
    ...(exhaustive && picture.luma.length * 4 <= ENLARGED_PX_MAX
      ? [
          {
            stage: 'whole-enlarged' as const,
            run: async () => {
              const symbols = await reader.read(sharpen(enlargeTwice(picture), 2 * RADIUS_PX, AMOUNT));
              return symbols.map((symbol) => moved(symbol, ({ x, y }) => ({ x: x / 2, y: y / 2 })));
            },
          },
        ]
      : []),
  ];

  /** Reads what is stacked; a symbol that is located there gives the grid for now and for the frames to come. */
  const stackAttempts = (current: Stack): Attempt[] => {
    const readMean = async (prepare: (mean: Picture) => Picture) => {
      const { pixels, widthPx, heightPx } = current.mean();
      const symbols = await reader.read(prepare(stretch(pixels, widthPx, heightPx)), { prepared: true });
      const located = symbols.find(({ text, version }) => text === undefined && version !== undefined);
      if (located?.version !== undefined) grid ??= { quad: located.quad, version: located.version, reach: FIT_REACH };
      return symbols.map((symbol) => moved(symbol, current.toFrame));
    };
    const sharpened: Attempt = {
      stage: 'stacked-sharpened',
      run: () => readMean((mean) => sharpen(mean, STACK_SCALE * RADIUS_PX, AMOUNT)),
    };
    return [sharpened, { stage: 'stacked', run: () => readMean((mean) => mean) }];
  };

  const readGrid = async (current: Stack, { quad, version, reach }: Grid): Promise<readonly DecodedSymbol[]> => {
    const template = symbolTemplate(version);
    if (template === undefined) return [];
    const { pixels, widthPx, heightPx } = current.mean();
    const map: LevelMap = levelMap(pixels, widthPx, heightPx, LEVEL_RADIUS_PX);
    const fitted = fitGrid(map, template, quad, reach);
    grid = fitted.score < SCORE_MIN ? undefined : { quad: fitted.quad, version, reach: REFIT_REACH };
    const values = grid === undefined ? undefined : equalise(map, template, fitted.quad);
    if (values === undefined) return [];
    const [symbol] = await reader.read(drawSymbol(values, template), { prepared: true });
    const { toFrame } = current;
    const [a, b, c, d] = fitted.quad;
    return symbol?.text === undefined ? [] : [{ text: symbol.text, version, quad: [toFrame(a), toFrame(b), toFrame(c), toFrame(d)] }];
  };

  return { read: readNow };

  async function readNow(picture: Picture): Promise<CascadeResult> {
    const startMs = nowMs();
    const isOver = () => nowMs() - startMs >= budgetMs;
    frame++;
    const isBusy = exhaustive || hasSymbols || knownRegion(picture) !== undefined;
    const hasChanged = exhaustive || gate.hasChanged(picture);
    if (!isBusy && stack === undefined && !hasChanged && frame % STILL_EVERY !== 0) return NOTHING;
    gate.keep();
    const plain = await reader.read(picture);
    hasSymbols = plain.length > 0;
    remember(plain, picture);
    if (hasText(plain)) {
      leave();
      return { symbols: plain, stage: 'plain' };
    }
    const region = knownRegion(picture);
    const isLooking = region === undefined && !exhaustive && frame % (stack === undefined ? SUSPECT_EVERY : BUSY_EVERY) === 0;
    const suspected = isLooking ? likely(picture) : undefined;
    const regional = region === undefined ? [] : attemptsIn(picture, region);
    const stacked = isOver() ? [] : follow(picture, region, suspected, isLooking);
    if (!exhaustive) keep(picture);
    // On the next frame another one comes first: what never fits behind the others has its turn too.
    const all = [...regional, ...stacked];
    const first = all.length === 0 ? 0 : turn % all.length;
    const most = exhaustive ? all.length : ATTEMPTS_A_FRAME;
    turn += most;
    const inTurn = [...all.slice(first), ...all.slice(0, first)].slice(0, most);
    let best = plain;
    const tryOne = async ({ stage, run }: Attempt): Promise<CascadeResult | undefined> => {
      const symbols = await run();
      if (best.length === 0) best = symbols;
      if (symbols.length > 0) [hasSymbols, fruitless] = [true, 0];
      if (stage.startsWith('whole') || hasText(symbols)) remember(symbols, picture);
      if (!hasText(symbols)) return undefined;
      return {
        symbols: [...symbols.filter(({ text }) => text !== undefined), ...plain.filter((one) => !isAmong(one, symbols))],
        stage,
      };
    };
    for (const attempt of [...inTurn, ...(exhaustive ? wholeAttempts(picture) : [])]) {
      if (isOver()) break;
      // Another attempt may have given the grid just now: it is the surest of all means, and cheap.
      const [now, at] = [stack, grid];
      if (now !== undefined && at !== undefined) {
        const found = await tryOne({ stage: 'equalised', run: () => readGrid(now, at) });
        if (found !== undefined) return found;
        if (isOver()) break;
      }
      const found = await tryOne(attempt);
      if (found !== undefined) return found;
    }
    return { symbols: best, stage: undefined };
  }

  function knownRegion({ widthPx }: Picture): Region | undefined {
    const isFresh = place !== undefined && frame - place.frame <= REMEMBER_FRAMES && place.widthPx === widthPx;
    return isFresh ? place?.region : undefined;
  }

  /** Lays the frame onto the stack, or begins another one where the place has changed. */
  function follow(picture: Picture, known: Region | undefined, suspected: Region | undefined, isLooking: boolean): Attempt[] {
    const region = known ?? (exhaustive ? busiest(picture) : suspected);
    // What looked like a code has gone.
    if (isLooking && region === undefined) leave();
    const target = region && squareAround(region, picture);
    const isElsewhere = stack !== undefined && target !== undefined && distance(stack.centre(), middle(target)) > MOVED * target.widthPx;
    if (stack !== undefined && (isElsewhere || !stack.add(picture))) leave();
    if (stack === undefined && target !== undefined && target.widthPx <= STACK_PX_MAX && !isTiring(target)) {
      stack = createStack(picture, target);
      fruitless = 0;
    }
    if (stack === undefined) return [];
    if (++fruitless > PATIENCE_FRAMES) {
      tiring = { place: stack.centre(), untilFrame: frame + REST_FRAMES };
      leave();
      return [];
    }
    return stackAttempts(stack);
  }

  /** The busiest square, if any part of the picture is as finely filled as a code. */
  function likely(picture: Picture): Region | undefined {
    const isDark = meanLevel(picture) < DARK_LEVEL;
    return finelyFilled(halve(isDark ? average([picture, ...history]) : picture), isDark) && busiest(picture);
  }

  function isTiring({ left, top, widthPx, heightPx }: Region): boolean {
    if (tiring === undefined || frame > tiring.untilFrame) return false;
    const { x, y } = tiring.place;
    return x > left && x < left + widthPx && y > top && y < top + heightPx;
  }

  function leave(): void {
    stack = undefined;
    grid = undefined;
  }

  function busiest(picture: Picture): Region | undefined {
    const steady = average([picture, ...history]);
    const isDark = meanLevel(steady) < DARK_LEVEL;
    const sidePx = picture.heightPx * BUSY_SIDE;
    const region = isDark ? busiestRegion(halve(steady), sidePx / 2) : busiestRegion(steady, sidePx);
    if (region === undefined || !isDark) return region;
    return { left: 2 * region.left, top: 2 * region.top, widthPx: 2 * region.widthPx, heightPx: 2 * region.heightPx };
  }

  function keep({ luma, widthPx, heightPx }: Picture): void {
    if (history.some((earlier) => earlier.widthPx !== widthPx || earlier.heightPx !== heightPx)) {
      history = [];
      leave();
    }
    const [oldest] = history.length >= HISTORY ? history.splice(-1) : [];
    // The memory of the one that goes is used for the one that comes.
    const copy = oldest?.luma ?? new Uint8Array(widthPx * heightPx);
    copy.set(luma.subarray(0, copy.length));
    history.unshift({ luma: copy, widthPx, heightPx });
  }

  /** The largest symbol is the one that is held up. */
  function remember(symbols: readonly DecodedSymbol[], { widthPx, heightPx }: Picture): void {
    const [largest] = symbols.map(({ quad }) => regionAround(quad, widthPx, heightPx)).sort((a, b) => b.widthPx - a.widthPx);
    if (largest !== undefined && largest.widthPx >= SIDE_PX_MIN && largest.heightPx >= SIDE_PX_MIN)
      place = { region: largest, frame, widthPx };
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

function middle({ left, top, widthPx, heightPx }: Region): Point {
  return { x: left + widthPx / 2, y: top + heightPx / 2 };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** A square around a region, inside the picture as far as it goes. */
function squareAround(region: Region, picture: Picture): Region {
  const side = Math.min(Math.round(Math.max(region.widthPx, region.heightPx) * STACK_SIDE), picture.widthPx, picture.heightPx);
  const { x, y } = middle(region);
  const within = (at: number, most: number) => Math.max(0, Math.min(most - side, Math.round(at - side / 2)));
  return { left: within(x, picture.widthPx), top: within(y, picture.heightPx), widthPx: side, heightPx: side };
}

function regionAround(quad: Quad, widthPx: number, heightPx: number): Region {
  const [xs, ys] = [quad.map(({ x }) => x), quad.map(({ y }) => y)];
  const margin = MARGIN * Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const left = Math.max(0, Math.floor(Math.min(...xs) - margin));
  const top = Math.max(0, Math.floor(Math.min(...ys) - margin));
  const right = Math.min(widthPx, Math.ceil(Math.max(...xs) + margin));
  const bottom = Math.min(heightPx, Math.ceil(Math.max(...ys) + margin));
  return { left, top, widthPx: Math.max(0, right - left), heightPx: Math.max(0, bottom - top) };
}

function moved({ text, quad: [a, b, c, d], version }: DecodedSymbol, to: (point: Point) => Point): DecodedSymbol {
  return { text, quad: [to(a), to(b), to(c), to(d)], version };
}

/** Whether a symbol that could not be read lies where one was read now. */
function isAmong({ quad }: DecodedSymbol, symbols: readonly DecodedSymbol[]): boolean {
  const centre = centreOf(quad);
  return symbols.some(({ text, quad: other }) => {
    if (text === undefined) return false;
    const { x, y } = centreOf(other);
    return Math.hypot(x - centre.x, y - centre.y) < Math.hypot(other[0].x - other[2].x, other[0].y - other[2].y) / 2;
  });
}

function centreOf(quad: Quad): { readonly x: number; readonly y: number } {
  return { x: quad.reduce((sum, { x }) => sum + x, 0) / 4, y: quad.reduce((sum, { y }) => sum + y, 0) / 4 };
}
