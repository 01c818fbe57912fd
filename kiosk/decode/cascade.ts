/**
 * The decode cascade: the plain picture first, and where that gives no text, harder means under a budget of time. A symbol
 * that was located and could not be read says where to look: its surroundings are cut out, enlarged and sharpened. Where
 * nothing was located the whole picture is sharpened now and then. What does not fit into one frame is tried on the next.
 */
import type { DecodedSymbol, Picture, PictureReader, Quad } from './decoder.ts';
import { alignTo, average, busiestRegion, crop, enlargeTwice, type Region, sharpen } from './enhance.ts';

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
  | 'region-averaged'
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

/** A symbol that was located is looked for at its place for so many frames. */
const REMEMBER_FRAMES = 15;
/** Surroundings that are cut out with it, parts of its size: the quiet zone, and what a hand moves between two frames. */
const MARGIN = 0.35;
/** Without a place to look at the whole picture is sharpened every so many frames. */
const WHOLE_EVERY = 4;
const HISTORY = 5;
const AVERAGED_MIN = 3;
/** What a hand moves between the oldest of them and now, pixels. */
const REACH_PX = 8;
/** Where nothing was located, the busiest square is looked at every so many frames; sides as parts of the picture's height. */
const BUSY_EVERY = 3;
/** At one place: what is located for a moment and never read must not keep the processor. */
const ATTEMPTS_A_FRAME = 2;
const BUSY_SIDES = [0.28, 0.4];
const AMOUNT_AVERAGED = 1;
const RADIUS_PX = 2;
const AMOUNT = 2;
/** An enlarged picture of more pixels takes longer than a frame may. */
const ENLARGED_PX_MAX = 4_000_000;

export function createCascade(reader: PictureReader, { nowMs, budgetMs, exhaustive }: CascadeOptions): Cascade {
  let frame = 0;
  let turn = 0;
  /** The frames before this one, newest first; copies, because a frame's memory is used again. */
  let history: Picture[] = [];
  let place: { readonly region: Region; readonly frame: number; readonly widthPx: number } | undefined;

  const attemptsIn = (picture: Picture, region: Region): Attempt[] => {
    const part = crop(picture, region);
    const inPart = (symbols: readonly DecodedSymbol[], scale: number) => symbols.map((symbol) => moved(symbol, region, scale));
    const attempts: Attempt[] = [
      {
        stage: 'region-enlarged',
        run: async () => inPart(await reader.read(sharpen(enlargeTwice(part), 2 * RADIUS_PX, AMOUNT)), 2),
      },
      { stage: 'region-sharpened', run: async () => inPart(await reader.read(sharpen(part, RADIUS_PX, AMOUNT)), 1) },
      { stage: 'region-threshold', run: async () => inPart(await reader.read(part, 'one-threshold'), 1) },
    ];
    if (history.length >= AVERAGED_MIN) {
      attempts.push({
        stage: 'region-averaged',
        async run() {
          const aligned = history.map((earlier) => alignTo(part, earlier, region, REACH_PX));
          return inPart(await reader.read(sharpen(enlargeTwice(average([part, ...aligned])), 2 * RADIUS_PX, AMOUNT_AVERAGED)), 2);
        },
      });
    }
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
              return symbols.map((symbol) => moved(symbol, { left: 0, top: 0 }, 2));
            },
          },
        ]
      : []),
  ];

  return {
    async read(picture) {
      const result = await readNow(picture);
      if (!exhaustive) keep(picture);
      return result;
    },
  };

  async function readNow(picture: Picture): Promise<CascadeResult> {
    const startMs = nowMs();
    frame++;
    const plain = await reader.read(picture);
    remember(plain, picture);
    if (hasText(plain)) return { symbols: plain, stage: 'plain' };
    const isKnown = place !== undefined && frame - place.frame <= REMEMBER_FRAMES && place.widthPx === picture.widthPx;
    const busy = isKnown || exhaustive || frame % BUSY_EVERY !== 0 ? undefined : busiestRegion(steady(picture), busySidePx(picture));
    const region = isKnown ? place?.region : busy;
    const regional = region === undefined ? [] : attemptsIn(picture, region);
    // On the next frame another one comes first: what never fits behind the others has its turn too.
    const first = regional.length === 0 ? 0 : turn % regional.length;
    const most = exhaustive ? regional.length : ATTEMPTS_A_FRAME;
    turn += most;
    const wholeIsDue = exhaustive || (regional.length === 0 && frame % WHOLE_EVERY === 0);
    const inTurn = [...regional.slice(first), ...regional.slice(0, first)].slice(0, most);
    const attempts = [...inTurn, ...(wholeIsDue ? wholeAttempts(picture) : [])];
    let best = plain;
    for (const { stage, run } of attempts) {
      if (nowMs() - startMs >= budgetMs) break;
      const symbols = await run();
      if (hasText(symbols)) {
        remember(symbols, picture);
        return {
          symbols: [...symbols.filter(({ text }) => text !== undefined), ...plain.filter((one) => !isAmong(one, symbols))],
          stage,
        };
      }
      if (best.length === 0) best = symbols;
      if (stage.startsWith('whole')) remember(symbols, picture);
    }
    return { symbols: best, stage: undefined };
  }

  /** Noise would look like detail. */
  function steady(picture: Picture): Picture {
    return history.length < AVERAGED_MIN ? picture : average([picture, ...history.slice(0, AVERAGED_MIN)]);
  }

  /** Codes are held up in few sizes: they take turns. */
  function busySidePx({ heightPx }: Picture): number {
    return heightPx * (BUSY_SIDES[Math.floor(frame / BUSY_EVERY) % BUSY_SIDES.length] ?? 1);
  }

  function keep({ luma, widthPx, heightPx }: Picture): void {
    if (history.some((earlier) => earlier.widthPx !== widthPx || earlier.heightPx !== heightPx)) history = [];
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

/** A smaller one has too few pixels for any symbol. */
const SIDE_PX_MIN = 24;

function hasText(symbols: readonly DecodedSymbol[]): boolean {
  return symbols.some(({ text }) => text !== undefined);
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

function moved({ text, quad }: DecodedSymbol, { left, top }: Pick<Region, 'left' | 'top'>, scale: number): DecodedSymbol {
  const [a, b, c, d] = quad;
  const back = ({ x, y }: { readonly x: number; readonly y: number }) => ({ x: x / scale + left, y: y / scale + top });
  return { text, quad: [back(a), back(b), back(c), back(d)] };
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
