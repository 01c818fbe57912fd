/**
 * Where a symbol is, without a decoder (pure): outlines by texture, finder patterns at their corners, and the grid that the
 * known modules fit best. A grid counts when the filter that it trains tells its known modules rightly: anything that only
 * looks like a symbol fails there.
 */
import type { Quad } from './decoder.ts';
import { type Equalised, equalise } from './equaliser.ts';
import { findSymbols } from './finder-search.ts';
import { fitFinders, fitFine, fitFourth, type LevelMap, symbolTemplate } from './symbol-grid.ts';

export interface Grid {
  /** In the pixels of the map that it was found in. */
  readonly quad: Quad;
  readonly version: number;
}

/** So many guesses are fitted by their finder patterns, of these so many by the fourth corner, and of these so many finely. */
const FINDERS_MAX = 24;
const FOURTH_MAX = 8;
const FINE_MAX = 2;
const REACH_MODULES = 2;
const SCORE_MIN = 0.3;
/** More is wrong at the known modules of anything that is no symbol: seen 0.58 and more, and less than 0.5 of symbols. */
export const RESIDUAL_MAX = 0.5;

/** Outlines in the pixels of the map. 30 ms for two of them. */
export function locateSymbol(map: LevelMap, outlines: readonly Quad[]): (Grid & Equalised) | undefined {
  const guesses = outlines
    .flatMap((outline) => findSymbols(map, outline))
    .sort((a, b) => b.contrast - a.contrast)
    .slice(0, FINDERS_MAX);
  return bestGrid(map, guesses);
}

/** The guess that fits best, if any is a symbol. */
export function bestGrid(map: LevelMap, guesses: readonly Grid[]): (Grid & Equalised) | undefined {
  const fits = guesses.flatMap(({ quad, version }) => {
    const template = symbolTemplate(version);
    return template === undefined ? [] : [{ version, template, ...fitFinders(map, template, quad, REACH_MODULES) }];
  });
  const better = (a: { readonly score: number }, b: { readonly score: number }) => b.score - a.score;
  const fourth = fits
    .sort(better)
    .slice(0, FOURTH_MAX)
    .map((fit) => ({ ...fit, ...fitFourth(map, fit.template, fit.quad, REACH_MODULES) }));
  const fine = fourth
    .sort(better)
    .slice(0, FINE_MAX)
    .map((fit) => ({ ...fit, ...fitFine(map, fit.template, fit.quad) }));
  const [best] = fine.sort(better);
  if (best === undefined || best.score < SCORE_MIN) return undefined;
  const equalised = equalise(map, best.template, best.quad);
  if (equalised === undefined || equalised.residual > RESIDUAL_MAX) return undefined;
  return { quad: best.quad, version: best.version, ...equalised };
}
