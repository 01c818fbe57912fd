/**
 * Dark or light, module by module, where blur, a moving hand or too few pixels smear neighbours into each other (pure). As in
 * a radio receiver: a linear filter over the surroundings of a module is trained on the modules whose value the standard
 * fixes, and then on its own sure answers. It undoes whatever smear there is, without being told which.
 */
import type { Picture, Quad } from './decoder.ts';
import { solveSymmetric } from './linear.ts';
import { gridMap, type LevelMap, levelAt, type SymbolTemplate } from './symbol-grid.ts';

/** Samples of two a module in each direction; the filter sees three modules a side. */
const REACH = 2;
const TAPS_SIDE = 2 * REACH + 2;
const TAPS = TAPS_SIDE * TAPS_SIDE;
const WEIGHTS = TAPS + 1;
/** Modules around the symbol that the filter of an outer module sees. */
const MARGIN = 2;
/** Keeps the filter from learning noise by heart: about the noise's share of a sample's power. */
const RIDGE = 0.01;
const ROUNDS = 2;
/** Answers nearer to the middle than this train nothing. */
const SURE = 0.25;

export interface Equalised {
  /** One value a module, row after row: below 0 is dark, and about -1 or 1 where it is sure. */
  readonly values: Float32Array;
  /** Mean square of what is wrong at the known modules: 0 for a clean symbol, near 1 where there is none. */
  readonly residual: number;
}

/** Undefined where nothing can be learned. */
export function equalise(map: LevelMap, template: SymbolTemplate, quad: Quad): Equalised | undefined {
  const { size, known } = template;
  const samples = halfModules(map, size, quad);
  const side = 2 * (size + 2 * MARGIN);
  const seen = new Float64Array(WEIGHTS);
  const look = (at: number) => {
    const from = (2 * (Math.floor(at / size) + MARGIN) - REACH) * side + 2 * ((at % size) + MARGIN) - REACH;
    for (let row = 0; row < TAPS_SIDE; row++)
      for (let column = 0; column < TAPS_SIDE; column++) seen[row * TAPS_SIDE + column] = samples[from + row * side + column] ?? 0;
    seen[TAPS] = 1;
  };
  const wanted = Float32Array.from(known, (value) => -value);
  const answers = new Float32Array(size * size);
  for (let round = 0; round < ROUNDS; round++) {
    const weights = train(wanted, seen, look);
    if (weights === undefined) return undefined;
    for (let at = 0; at < answers.length; at++) {
      look(at);
      let sum = 0;
      for (let tap = 0; tap < WEIGHTS; tap++) sum += (weights[tap] ?? 0) * (seen[tap] ?? 0);
      answers[at] = sum;
      if (known[at] === 0) wanted[at] = Math.abs(sum) < SURE ? 0 : Math.sign(sum);
    }
  }
  return { values: answers, residual: residualOf(answers, known) };
}

function residualOf(values: Float32Array, known: Int8Array): number {
  let sum = 0;
  let count = 0;
  for (let at = 0; at < known.length; at++) {
    const must = known[at] ?? 0;
    if (must === 0) continue;
    sum += ((values[at] ?? 0) + must) ** 2;
    count++;
  }
  return sum / Math.max(1, count);
}

/** Least squares over all modules with a wanted value. */
function train(wanted: Float32Array, seen: Float64Array, look: (at: number) => void): Float64Array | undefined {
  const products = new Float64Array(WEIGHTS * WEIGHTS);
  const right = new Float64Array(WEIGHTS);
  let count = 0;
  for (let at = 0; at < wanted.length; at++) {
    const value = wanted[at] ?? 0;
    if (value === 0) continue;
    count++;
    look(at);
    for (let row = 0; row < WEIGHTS; row++) {
      const level = seen[row] ?? 0;
      right[row] = (right[row] ?? 0) + level * value;
      for (let column = row; column < WEIGHTS; column++) {
        const place = row * WEIGHTS + column;
        products[place] = (products[place] ?? 0) + level * (seen[column] ?? 0);
      }
    }
  }
  for (let row = 0; row < WEIGHTS; row++) products[row * (WEIGHTS + 1)] = (products[row * (WEIGHTS + 1)] ?? 0) + RIDGE * count;
  return solveSymmetric(products, right, WEIGHTS);
}

function halfModules(map: LevelMap, size: number, quad: Quad): Float32Array {
  const side = 2 * (size + 2 * MARGIN);
  const [a, b, c, d, e, f, g, h] = gridMap(size, quad);
  const samples = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [(column + 0.5) / 2 - MARGIN, (row + 0.5) / 2 - MARGIN];
      const scale = 1 / (g * x + h * y + 1);
      samples[row * side + column] = levelAt(map, (a * x + b * y + c) * scale, (d * x + e * y + f) * scale);
    }
  }
  return samples;
}

const MODULE_PX = 4;
const QUIET_MODULES = 4;

/** A clean drawing of a symbol, for a decoder to correct its errors and read its text. Known modules are drawn as they must be. */
export function drawSymbol(values: Float32Array, { size, known }: SymbolTemplate): Picture {
  const widthPx = (size + 2 * QUIET_MODULES) * MODULE_PX;
  const luma = new Uint8Array(widthPx * widthPx).fill(255);
  for (let at = 0; at < values.length; at++) {
    const must = known[at] ?? 0;
    const isDark = must === 0 ? (values[at] ?? 0) < 0 : must > 0;
    if (!isDark) continue;
    const [column, row] = [(at % size) + QUIET_MODULES, Math.floor(at / size) + QUIET_MODULES];
    for (let y = row * MODULE_PX; y < (row + 1) * MODULE_PX; y++) {
      const from = y * widthPx + column * MODULE_PX;
      luma.fill(0, from, from + MODULE_PX);
    }
  }
  return { luma, widthPx, heightPx: widthPx };
}
