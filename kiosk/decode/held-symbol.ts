/**
 * A symbol that is held up and that no decoder reads: located by its texture and finder patterns, its grid followed from
 * frame to frame, its modules estimated from all frames together, and the clean drawing of them given to the decoder, which
 * corrects what errors are left. What is estimated belongs to one symbol: a frame whose modules disagree begins a new one.
 */
import type { DecodedSymbol, Picture, PictureReader, Point, Quad } from './decoder.ts';
import { crop, frameWhite, halve, smooth } from './enhance.ts';
import { drawSymbol, equalise } from './equaliser.ts';
import { locateSymbol, RESIDUAL_MAX } from './locate-symbol.ts';
import { createModuleEstimate, type ModuleEstimate } from './module-estimate.ts';
import { textureOutlines } from './outline.ts';
import { movedSymbol, type Region, regionAround } from './region.ts';
import { fitGrid, type LevelMap, levelMap, levelsWithin, type SymbolTemplate, symbolTemplate } from './symbol-grid.ts';

export interface HeldSymbol {
  /** A grid is known, and it was found in the newest frame. */
  isTracked(): boolean;
  /** A grid as a decoder says it, to begin from. */
  suggest(quad: Quad, version: number): void;
  /** Looks for a symbol in a region; takes it for the one before if it can be. */
  locate(picture: Picture, region: Region): boolean;
  /** Follows the grid into a frame. False where it is not found again. */
  track(picture: Picture): boolean;
  /** Lays the frame that was located or tracked last onto those before it, and reads what comes out. Nothing where it cannot be read. */
  read(): Promise<readonly DecodedSymbol[]>;
  leave(): void;
}

/** A part of a frame with the grid in it. */
interface Laid {
  readonly quad: Quad;
  readonly template: SymbolTemplate;
  readonly version: number;
  /** Levels within the quad, relative to its mean and spread. */
  readonly levels: LevelMap;
  readonly start: Float32Array;
  toFrame(point: Point): Point;
}

/** Surroundings that levels are compared with while a symbol is located and followed, pixels. */
const LEVEL_RADIUS_PX = 8;
/** The same for the estimate, parts of the symbol's diagonal; and the least spread of levels there, parts of the whole symbol's. */
const LEVEL_RADIUS = 0.09;
const RADIUS_PX_MIN = 6;
const SPREAD_MIN = 0.5;
/** A larger region is looked at in half its size: a code so large needs no finer one. */
const SIDE_PX_MAX = 340;
/** Corners so near to the edge of what was searched may belong to something that goes on beyond it. */
const EDGE_PX = 5;
const CUT_MARGIN = 0.35;
const SIDE_PX_MIN = 48;
/** What a hand moves between two frames, modules. */
const REACH_MODULES = 2;
/** Around the grid that is followed, parts of its side. */
const MARGIN = 0.15;
/** Modules of two frames that agree less are of two symbols: chance is a half. */
const AGREEMENT_MIN = 0.65;

export function createHeldSymbol(reader: PictureReader): HeldSymbol {
  let laid: Laid | undefined;
  /** Where the newest grid lies in the frame. */
  let place: { readonly quad: Quad; readonly version: number; readonly scale: number } | undefined;
  let estimate: { readonly modules: ModuleEstimate; readonly version: number } | undefined;
  let isTracked = false;
  /** What failed as it was is tried the other way. */
  let isWiderNext = false;

  const lay = (part: Picture, quad: Quad, version: number, start: Float32Array, region: Region, scale: number): boolean => {
    const template = symbolTemplate(version);
    if (template === undefined) return false;
    const toFrame = ({ x, y }: Point): Point => ({ x: x * scale + region.left, y: y * scale + region.top });
    laid = {
      quad,
      version,
      template,
      levels: levelsWithin(part, quad, Math.max(RADIUS_PX_MIN, Math.round(diagonal(quad) * LEVEL_RADIUS)), SPREAD_MIN),
      start,
      toFrame,
    };
    place = { quad: [toFrame(quad[0]), toFrame(quad[1]), toFrame(quad[2]), toFrame(quad[3])], version, scale };
    isTracked = true;
    return true;
  };

  return {
    isTracked: () => isTracked,
    suggest(quad, version) {
      place = { quad, version, scale: diagonal(quad) > SIDE_PX_MAX * Math.SQRT2 ? 2 : 1 };
      isTracked = true;
    },
    locate(picture, region) {
      const first = outlinesIn(picture, region);
      // What is cut off at the edge is looked at once more, whole.
      const wider = first.isCut && isWiderNext ? around(first, picture) : undefined;
      const { part, outlines, scale, region: searched } = wider === undefined ? first : outlinesIn(picture, wider);
      const map = levelMap(Float32Array.from(part.luma), part.widthPx, part.heightPx, LEVEL_RADIUS_PX);
      const found = locateSymbol(map, outlines);
      if (found === undefined) isWiderNext = !isWiderNext;
      return found !== undefined && lay(part, found.quad, found.version, found.values, searched, scale);
    },
    track(picture) {
      isTracked = false;
      const template = place === undefined ? undefined : symbolTemplate(place.version);
      if (place === undefined || template === undefined) return false;
      const { scale, version, quad } = place;
      const region = regionAround(quad, MARGIN, picture);
      const whole = crop(picture, region);
      const part = scale === 1 ? whole : halve(whole);
      if (part.widthPx < template.size || part.heightPx < template.size / 2) return false;
      const inPart = ({ x, y }: Point): Point => ({ x: (x - region.left) / scale, y: (y - region.top) / scale });
      const map = levelMap(Float32Array.from(part.luma), part.widthPx, part.heightPx, LEVEL_RADIUS_PX);
      const fitted = fitGrid(map, template, [inPart(quad[0]), inPart(quad[1]), inPart(quad[2]), inPart(quad[3])], REACH_MODULES);
      const equalised = equalise(map, template, fitted.quad);
      if (equalised === undefined || equalised.residual > RESIDUAL_MAX) return false;
      return lay(part, fitted.quad, version, equalised.values, region, scale);
    },
    async read() {
      if (laid === undefined) return [];
      const { version, template, quad, levels, start, toFrame } = laid;
      laid = undefined;
      const before = estimate?.version === version ? estimate.modules.values() : undefined;
      if (estimate === undefined || before === undefined || agreement(before, start, template) < AGREEMENT_MIN)
        estimate = { modules: createModuleEstimate(template), version };
      if (!estimate.modules.add(levels, quad, start)) return [];
      const values = estimate.modules.values();
      if (values === undefined) return [];
      const [symbol] = await reader.read(drawSymbol(values, template), { prepared: true });
      // Read or not, it is located: that much is said.
      return [movedSymbol({ text: symbol?.text, version, quad, sure: true }, toFrame)];
    },
    leave() {
      laid = undefined;
      place = undefined;
      estimate = undefined;
      isTracked = false;
    },
  };
}

/** Mean of the two, pixels. */
function diagonal([a, b, c, d]: Quad): number {
  return (Math.hypot(a.x - c.x, a.y - c.y) + Math.hypot(b.x - d.x, b.y - d.y)) / 2;
}

interface Outlined {
  readonly region: Region;
  /** A larger region in half its size. */
  readonly scale: 1 | 2;
  readonly part: Picture;
  /** In the part's pixels. */
  readonly outlines: readonly Quad[];
  readonly isCut: boolean;
}

function outlinesIn(picture: Picture, region: Region): Outlined {
  const scale = Math.max(region.widthPx, region.heightPx) > SIDE_PX_MAX ? 2 : 1;
  const whole = crop(picture, region);
  const part = scale === 1 ? whole : halve(whole);
  const outlines = textureOutlines(smooth(part));
  const { widthPx, heightPx } = part;
  const isNear = ({ x, y }: Point) => Math.min(x, y, widthPx - x, heightPx - y) < EDGE_PX;
  return { region, scale, part, outlines, isCut: outlines.some((quad) => quad.some(isNear)) };
}

/** A region around the outlines, wider by what may have been cut off. */
function around({ outlines, region, scale }: Outlined, picture: Picture): Region | undefined {
  const [last] = outlines.slice(-1);
  if (last === undefined) return undefined;
  const toFrame = ({ x, y }: Point): Point => ({ x: x * scale + region.left, y: y * scale + region.top });
  const wider = regionAround([toFrame(last[0]), toFrame(last[1]), toFrame(last[2]), toFrame(last[3])], CUT_MARGIN, picture);
  return wider.widthPx >= SIDE_PX_MIN && wider.heightPx >= SIDE_PX_MIN ? wider : undefined;
}

const WARM_VERSION = 9;
const WARM_ROUNDS = 8;

/** Runs all of it on a drawn symbol, so that the first person does not wait for the compiler: about a second. */
export async function warmUp(reader: PictureReader): Promise<void> {
  const template = symbolTemplate(WARM_VERSION);
  if (template === undefined) return;
  // Any modules will do.
  const values = Float32Array.from({ length: template.size ** 2 }, (_, at) => ((at * 7919) % 13) - 6);
  const drawn = frameWhite(smooth(smooth(drawSymbol(values, template))), 20);
  const whole = { left: 0, top: 0, widthPx: drawn.widthPx, heightPx: drawn.heightPx };
  // Of odd size, and cut off at an edge.
  const cut = { ...whole, left: 31, widthPx: drawn.widthPx - 31, heightPx: drawn.heightPx - 1 };
  const held = createHeldSymbol(reader);
  for (let round = 0; round < WARM_ROUNDS; round++) {
    held.locate(drawn, round % 2 === 0 ? whole : cut);
    held.track(drawn);
    await held.read();
  }
}

/** The part of the data modules that are alike. */
function agreement(a: Float32Array, b: Float32Array, { known }: SymbolTemplate): number {
  let alike = 0;
  let count = 0;
  for (let at = 0; at < known.length; at++) {
    if (known[at] !== 0) continue;
    count++;
    if ((a[at] ?? 0) < 0 === (b[at] ?? 0) < 0) alike++;
  }
  return alike / Math.max(1, count);
}
