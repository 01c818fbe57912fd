/**
 * The place where a code is thought to be, followed from frame to frame: the frames are laid onto each other, and where a
 * symbol's grid can be fitted into them, its modules are told apart by a filter that the symbol itself trains. A place that
 * gives no symbol for long (a fence, print) is left alone for a while.
 */
import type { DecodedSymbol, Picture, PictureReader, Point, Quad } from './decoder.ts';
import { sharpen, stretch } from './enhance.ts';
import { drawSymbol, equalise } from './equaliser.ts';
import { contains, middle, movedSymbol, type Region } from './region.ts';
import { createStack, STACK_SCALE, type Stack } from './stack.ts';
import { fitGrid, type LevelMap, levelMap, symbolTemplate } from './symbol-grid.ts';

export interface FollowedPlace {
  isFollowed(): boolean;
  /** Lays the frame onto those before it, or begins anew where `target` is another place; without a target the place is kept. */
  follow(picture: Picture, target: Region | undefined): void;
  /** Shows what was laid together to the reader; a symbol that it locates gives the grid for now and for the frames to come. */
  readStack(prepare: 'sharpened' | 'plain'): Promise<readonly DecodedSymbol[]>;
  /** The surest of all means, and cheap. */
  hasGrid(): boolean;
  readGrid(): Promise<readonly DecodedSymbol[]>;
  /** A symbol was located here. */
  noteSymbol(): void;
  isTiring(region: Region): boolean;
  leave(): void;
}

/** A symbol's place in the mean of a stack. */
interface Grid {
  readonly quad: Quad;
  readonly version: number;
  /** How far the corners may be off, modules. */
  readonly reach: number;
}

/** So many frames without a symbol are enough; then the place rests for so many. */
const PATIENCE_FRAMES = 40;
const REST_FRAMES = 150;
/** A larger place holds a code that needs no stack, and would cost too much. */
const STACK_PX_MAX = 340;
/** The place has moved on when it is so far from the stack's middle, parts of the side. */
const MOVED = 0.22;
const SHARPEN_RADIUS_PX = 2;
const SHARPEN_AMOUNT = 2;
/** What a decoder says of the corners is right to so many modules, the last corner aside. */
const FIT_REACH = 3;
/** Frame after frame the mean changes little. */
const REFIT_REACH = 1;
/** A grid that agrees less is none. */
const SCORE_MIN = 0.3;
/** Surroundings that levels are compared with, pixels of the stack's mean: some modules. */
const LEVEL_RADIUS_PX = 16;

export function createFollowedPlace(reader: PictureReader): FollowedPlace {
  let frame = 0;
  let stack: Stack | undefined;
  let grid: Grid | undefined;
  /** Frames of the present stack since any symbol was located in it. */
  let fruitless = 0;
  let tiring: { readonly place: Point; readonly untilFrame: number } | undefined;

  const leave = () => {
    stack = undefined;
    grid = undefined;
  };
  const isTiring = (region: Region) => tiring !== undefined && frame <= tiring.untilFrame && contains(region, tiring.place);

  return {
    isFollowed: () => stack !== undefined,
    hasGrid: () => grid !== undefined,
    isTiring,
    leave,
    noteSymbol() {
      fruitless = 0;
    },
    follow(picture, target) {
      frame++;
      const isElsewhere = stack !== undefined && target !== undefined && distance(stack.centre(), middle(target)) > MOVED * target.widthPx;
      if (stack !== undefined && (isElsewhere || !stack.add(picture))) leave();
      if (stack === undefined && target !== undefined && target.widthPx <= STACK_PX_MAX && !isTiring(target)) {
        stack = createStack(picture, target);
        fruitless = 0;
      }
      if (stack === undefined || ++fruitless <= PATIENCE_FRAMES) return;
      tiring = { place: stack.centre(), untilFrame: frame + REST_FRAMES };
      leave();
    },
    async readStack(prepare) {
      if (stack === undefined) return [];
      const { toFrame } = stack;
      const { pixels, widthPx, heightPx } = stack.mean();
      const mean = stretch(pixels, widthPx, heightPx);
      const prepared = prepare === 'sharpened' ? sharpen(mean, STACK_SCALE * SHARPEN_RADIUS_PX, SHARPEN_AMOUNT) : mean;
      const symbols = await reader.read(prepared, { prepared: true });
      const located = symbols.find(({ text, version }) => text === undefined && version !== undefined);
      if (located?.version !== undefined) grid ??= { quad: located.quad, version: located.version, reach: FIT_REACH };
      return symbols.map((symbol) => movedSymbol(symbol, toFrame));
    },
    async readGrid() {
      const template = grid === undefined ? undefined : symbolTemplate(grid.version);
      if (stack === undefined || grid === undefined || template === undefined) return [];
      const { version, quad, reach } = grid;
      const { toFrame } = stack;
      const { pixels, widthPx, heightPx } = stack.mean();
      const map: LevelMap = levelMap(pixels, widthPx, heightPx, LEVEL_RADIUS_PX);
      const fitted = fitGrid(map, template, quad, reach);
      grid = fitted.score < SCORE_MIN ? undefined : { quad: fitted.quad, version, reach: REFIT_REACH };
      const values = grid === undefined ? undefined : equalise(map, template, fitted.quad);
      if (values === undefined) return [];
      const [symbol] = await reader.read(drawSymbol(values, template), { prepared: true });
      return symbol?.text === undefined ? [] : [movedSymbol({ text: symbol.text, version, quad: fitted.quad }, toFrame)];
    },
  };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
