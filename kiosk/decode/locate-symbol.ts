/**
 * Where a symbol is, without a decoder (pure): outlines by texture, finder patterns at their corners, and the grid that the
 * known modules fit best. A grid counts when the filter that it trains tells its known modules rightly: anything that only
 * looks like a symbol fails there.
 */
import type { Quad } from './decoder.ts';
import { type Equalised, equalise } from './equaliser.ts';
import { findSymbols } from './finder-search.ts';
import { finderScore, fitFinders, fitFine, fitFourth, type LevelMap, type SymbolTemplate, symbolTemplate } from './symbol-grid.ts';

export interface Grid {
  /** In the pixels of the map that it was found in. */
  readonly quad: Quad;
  readonly version: number;
}

interface Fit extends Grid {
  readonly template: SymbolTemplate;
  readonly score: number;
}

/** So many guesses are looked at, of these so many fitted by their finder patterns, and of these so many by the fourth corner. */
const GUESSES_MAX = 24;
const FITTED_MAX = 8;
const FOURTH_MAX = 3;
/** What is found by its rings is right to half a module; the fourth corner hangs on it. */
const FINDER_REACH = 0.5;
const FOURTH_REACH = 2;
/** Finder patterns of symbols agree better: seen 0.36 and more, where most that looks like a code has less. */
const FINDERS_SCORE_MIN = 0.33;
/** The same before they are fitted: most that has rings at its corners has less. */
const GUESS_SCORE_MIN = 0.3;
const SCORE_MIN = 0.3;
/** Fitting finely adds less than this. */
const SCORE_GAIN = 0.08;
/** More is wrong at the known modules of anything that is no symbol: seen 0.58 and more, and less than 0.5 of symbols. */
export const RESIDUAL_MAX = 0.5;

/** The symbol in one of the outlines, if there is one; all in the pixels of the map. 15 ms for two outlines. */
export function locateSymbol(map: LevelMap, outlines: readonly Quad[]): (Grid & Equalised) | undefined {
  const guesses = outlines
    .flatMap((outline) => findSymbols(map, outline))
    .sort((a, b) => b.contrast - a.contrast)
    .slice(0, GUESSES_MAX)
    .flatMap(({ quad, version }): Fit[] => {
      const template = symbolTemplate(version);
      return template === undefined ? [] : [{ version, template, quad, score: finderScore(map, template, quad) }];
    });
  if (guesses.every(({ score }) => score < GUESS_SCORE_MIN)) return undefined;
  const fits = best(guesses, FITTED_MAX)
    .map((fit) => ({ ...fit, ...fitFinders(map, fit.template, fit.quad, FINDER_REACH) }))
    .filter(({ score }) => score >= FINDERS_SCORE_MIN);
  const whole = best(fits, FOURTH_MAX).map((fit) => ({ ...fit, ...fitFourth(map, fit.template, fit.quad, FOURTH_REACH) }));
  const [likeliest] = best(whole, 1);
  if (likeliest === undefined || likeliest.score < SCORE_MIN - SCORE_GAIN) return undefined;
  const { version, template } = likeliest;
  const { quad, score } = fitFine(map, template, likeliest.quad);
  const equalised = score < SCORE_MIN ? undefined : equalise(map, template, quad);
  return equalised === undefined || equalised.residual > RESIDUAL_MAX ? undefined : { quad, version, ...equalised };
}

function best(fits: readonly Fit[], count: number): Fit[] {
  return [...fits].sort((a, b) => b.score - a.score).slice(0, count);
}
