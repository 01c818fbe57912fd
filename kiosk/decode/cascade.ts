/**
 * The decode cascade: the plain picture first, and where that gives no text, harder means under a budget of time. A symbol
 * that was located and could not be read says where to look: its surroundings are cut out, enlarged and sharpened. Where
 * nothing was located the whole picture is sharpened now and then. What does not fit into one frame is tried on the next.
 */
import type { DecodedSymbol, Picture, PictureReader, Quad } from './decoder.ts';
import { crop, enlargeTwice, type Region, sharpen } from './enhance.ts';

export interface CascadeOptions {
  readonly nowMs: () => number;
  /** After so long no further stage begins, milliseconds. */
  readonly budgetMs: number;
  /** For single pictures: every stage at once, because there is no next frame. */
  readonly exhaustive: boolean;
}

/** Which means gave the text. */
export type DecodeStage = 'plain' | 'region-enlarged' | 'region-sharpened' | 'region-threshold' | 'whole-sharpened' | 'whole-enlarged';

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
const RADIUS_PX = 2;
const AMOUNT = 2;
/** An enlarged picture of more pixels takes longer than a frame may. */
const ENLARGED_PX_MAX = 4_000_000;

export function createCascade(reader: PictureReader, { nowMs, budgetMs, exhaustive }: CascadeOptions): Cascade {
  let frame = 0;
  let turn = 0;
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
      const startMs = nowMs();
      frame++;
      const plain = await reader.read(picture);
      remember(plain, picture);
      if (hasText(plain)) return { symbols: plain, stage: 'plain' };
      const isKnown = place !== undefined && frame - place.frame <= REMEMBER_FRAMES && place.widthPx === picture.widthPx;
      const regional = isKnown && place !== undefined ? attemptsIn(picture, place.region) : [];
      // On the next frame another one comes first: what never fits behind the others has its turn too.
      const first = regional.length === 0 ? 0 : turn++ % regional.length;
      const wholeIsDue = exhaustive || (regional.length === 0 && frame % WHOLE_EVERY === 0);
      const attempts = [...regional.slice(first), ...regional.slice(0, first), ...(wholeIsDue ? wholeAttempts(picture) : [])];
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
    },
  };

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
