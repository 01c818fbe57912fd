/**
 * Dark or light, module by module, from all frames of a held symbol at once (pure). Each frame is taken as the modules seen
 * through a blur of its own: once the modules are roughly known, that blur is found by least squares, part by part of the
 * symbol; then the modules are looked for that explain all frames best while none is darker than dark or lighter than light.
 * That bound brings back what no linear filter can: detail below the resolution of a frame. Of each frame only what it adds
 * to the equations is kept, so that a minute costs no more memory than a frame. Method: multi-frame restoration with bounds,
 * alternating with the estimate of the blur (as in Chaudhuri, Super-Resolution Imaging, 2001; here on a known grid).
 */

import type { Quad } from './decoder.ts';
import { solveSymmetric } from './linear.ts';
import { gridMap, type LevelMap, levelAt, type SymbolTemplate } from './symbol-grid.ts';

/** What a sample sees: modules on each side of its own. */
const REACH = 2;
const SIDE = 2 * REACH + 1;
const WEIGHTS = SIDE * SIDE + 1;
/** Products of two blurs reach twice as far. */
const SPREAD = 2 * REACH;
const SPREAD_SIDE = 2 * SPREAD + 1;
/** Samples a module: two across, two down. */
const PHASES = 4;
/** Modules beside the symbol that are sampled or count as light. */
const MARGIN = SPREAD + 1;
/** Parts across and down with a blur of their own: what leans is not equally sharp everywhere, nor is the grid equally right. */
const TILES = 2;
/** What a part learns from its neighbours, parts of its side. */
const OVERLAP = 0.35;
const RIDGE = 0.002;
/** Below this the blur cannot explain a frame any better: squared levels. */
const VARIANCE_MIN = 0.01;
/** Less spread of levels, of which the whole symbol has 1, is no part of a symbol. */
const HIDDEN_SPREAD = 0.4;
const SWEEPS = 10;
/** What earlier frames say fades, so that one that was laid on wrongly is forgotten. */
const KEPT = 0.9;

export interface ModuleEstimate {
  /**
   * Adds a frame. `start` tells the modules apart roughly (below 0 is dark), which the first frame needs. False where nothing
   * could be learned from it.
   */
  add(map: LevelMap, quad: Quad, start: Float32Array): boolean;
  /** One value a module, row after row, -1 dark to 1 light; undefined before the first frame. */
  values(): Float32Array | undefined;
}

/** What all frames so far say of one symbol. */
interface Gathered {
  readonly size: number;
  readonly known: SymbolTemplate['known'];
  /** Modules a side with those around the symbol. */
  readonly padded: number;
  /** As they are thought to be; light around the symbol. */
  readonly modules: Float32Array;
  /** Of each tile: how often two modules so far from each other are in a sample together, by the weight of both. */
  readonly products: readonly Float64Array[];
  /** Of each module: what the samples that it is in say of it. */
  readonly seen: Float64Array;
}

// The functions that work on it stand outside of it: inside they would be compiled anew for each symbol, 60 ms each time.

/** 15 ms a frame for a symbol of 61 modules a side. */
export function createModuleEstimate({ size, known }: SymbolTemplate): ModuleEstimate {
  const padded = size + 2 * MARGIN;
  const gathered: Gathered = {
    size,
    known,
    padded,
    modules: new Float32Array(padded * padded).fill(1),
    products: Array.from({ length: TILES * TILES }, () => new Float64Array(SPREAD_SIDE * SPREAD_SIDE)),
    seen: new Float64Array(size * size),
  };
  let frames = 0;
  return {
    add(map, quad, start) {
      if (frames === 0) begin(gathered, start);
      const isAdded = addFrame(gathered, map, quad);
      if (isAdded) frames++;
      return isAdded;
    },
    values() {
      if (frames === 0) return undefined;
      return Float32Array.from(
        { length: size * size },
        (_, module) => gathered.modules[moduleAt(gathered, module % size, Math.floor(module / size))] ?? 0,
      );
    },
  };
}

function moduleAt({ padded }: Gathered, x: number, y: number): number {
  return (y + MARGIN) * padded + x + MARGIN;
}

function begin(gathered: Gathered, start: Float32Array): void {
  const { known, modules, size } = gathered;
  const scale = 2 / Math.max(1e-6, start.reduce((sum, value) => sum + Math.abs(value), 0) / start.length);
  for (let module = 0; module < known.length; module++) {
    const must = known[module] ?? 0;
    const place = moduleAt(gathered, module % size, Math.floor(module / size));
    modules[place] = must === 0 ? Math.tanh((start[module] ?? 0) * scale) : -must;
  }
}

function addFrame(gathered: Gathered, map: LevelMap, quad: Quad): boolean {
  const { size, seen, products } = gathered;
  const samples = sampleHalfModules(map, quad, size);
  const tiles = tilesOf(size);
  const hidden = hiddenModules(samples, size);
  const learned = tiles.map((tile) => learnBlur(gathered, samples, hidden, widened(tile, size)));
  if (learned.every((one) => one === undefined)) return false;
  for (let place = 0; place < seen.length; place++) seen[place] = (seen[place] ?? 0) * KEPT;
  for (const own of products) for (let place = 0; place < own.length; place++) own[place] = (own[place] ?? 0) * KEPT;
  for (const [index, tile] of tiles.entries()) {
    const one = learned[index];
    if (one !== undefined) note(gathered, samples, hidden, tile, index, one);
  }
  for (let round = 0; round < SWEEPS; round++) sweep(gathered);
  return true;
}

/** The blur of each phase over a tile, and how much it leaves unexplained. */
function learnBlur(gathered: Gathered, samples: Float32Array, hidden: Uint8Array, tile: Tile): Blur | undefined {
  const { size, padded, modules } = gathered;
  const square = new Float64Array(WEIGHTS * WEIGHTS);
  const right = Array.from({ length: PHASES }, () => new Float64Array(WEIGHTS));
  const power = new Float64Array(PHASES);
  const around = new Float64Array(WEIGHTS);
  around[WEIGHTS - 1] = 1;
  let count = 0;
  for (let y = tile.top; y < tile.bottom; y++) {
    for (let x = tile.left; x < tile.right; x++) {
      if (x >= 0 && y >= 0 && x < size && y < size && hidden[y * size + x] === 1) continue;
      for (let row = 0, tap = 0; row < SIDE; row++) {
        const from = moduleAt(gathered, x - REACH, y - REACH + row);
        for (let column = 0; column < SIDE; column++) around[tap++] = modules[from + column] ?? 0;
      }
      count++;
      for (let i = 0; i < WEIGHTS; i++) {
        const own = around[i] ?? 0;
        for (let j = i; j < WEIGHTS; j++) square[i * WEIGHTS + j] = (square[i * WEIGHTS + j] ?? 0) + own * (around[j] ?? 0);
      }
      for (let phase = 0; phase < PHASES; phase++) {
        const level = samples[sampleAt(padded, x, y, phase)] ?? 0;
        power[phase] = (power[phase] ?? 0) + level * level;
        const sums = right[phase] ?? around;
        for (let i = 0; i < WEIGHTS; i++) sums[i] = (sums[i] ?? 0) + (around[i] ?? 0) * level;
      }
    }
  }
  if (count === 0) return undefined;
  for (let i = 0; i < WEIGHTS; i++) square[i * (WEIGHTS + 1)] = (square[i * (WEIGHTS + 1)] ?? 0) + RIDGE * count;
  const blurs: Float64Array[] = [];
  let variance = 0;
  for (const [phase, sums] of right.entries()) {
    const blur = solveSymmetric(square, sums, WEIGHTS);
    if (blur === undefined) return undefined;
    blurs.push(blur);
    const explained = blur.reduce((sum, weight, tap) => sum + weight * (sums[tap] ?? 0), 0);
    variance += ((power[phase] ?? 0) - explained) / count / PHASES;
  }
  return { blurs, variance: Math.max(variance, VARIANCE_MIN) };
}

function sampleAt(padded: number, x: number, y: number, phase: number): number {
  return (2 * (y + MARGIN) + (phase >> 1)) * 2 * padded + 2 * (x + MARGIN) + (phase & 1);
}

/** Adds what the frame says of each module of a tile, and of its neighbours with it. */
function note(gathered: Gathered, samples: Float32Array, hidden: Uint8Array, tile: Tile, index: number, { blurs, variance }: Blur): void {
  const { size, modules, products, seen } = gathered;
  const own = products[index];
  if (own === undefined) return;
  const added = new Float64Array(own.length);
  for (const blur of blurs) {
    for (let a = 0; a < SIDE * SIDE; a++) {
      for (let b = 0; b < SIDE * SIDE; b++) {
        const place = (Math.floor(a / SIDE) - Math.floor(b / SIDE) + SPREAD) * SPREAD_SIDE + (a % SIDE) - (b % SIDE) + SPREAD;
        added[place] = (added[place] ?? 0) + ((blur[a] ?? 0) * (blur[b] ?? 0)) / variance;
      }
    }
  }
  const unexplained = leftOver(gathered, samples, hidden, tile, blurs);
  const width = tile.right - tile.left + 2 * REACH;
  const middle = added[SPREAD * (SPREAD_SIDE + 1)] ?? 0;
  for (let y = tile.top; y < tile.bottom; y++) {
    for (let x = tile.left; x < tile.right; x++) {
      let sum = 0;
      for (let row = 0; row < SIDE; row++) {
        for (let column = 0; column < SIDE; column++) {
          const from = ((y - tile.top + row) * width + x - tile.left + column) * PHASES;
          const tap = (SIDE - 1 - row) * SIDE + SIDE - 1 - column;
          for (let phase = 0; phase < PHASES; phase++) sum += (blurs[phase]?.[tap] ?? 0) * (unexplained[from + phase] ?? 0);
        }
      }
      const module = y * size + x;
      const value = modules[moduleAt(gathered, x, y)] ?? 0;
      // What is hidden says nothing, neither for what was thought of it nor against.
      const said = sum / variance + neighbours(gathered, added, x, y) - (hidden[module] === 1 ? middle * value : 0);
      seen[module] = (seen[module] ?? 0) + said;
    }
  }
  for (let place = 0; place < own.length; place++) own[place] = (own[place] ?? 0) + (added[place] ?? 0);
}

/** What the modules as they are thought to be do not explain of a tile and REACH modules around it; 0 where they are hidden. */
function leftOver(gathered: Gathered, samples: Float32Array, hidden: Uint8Array, tile: Tile, blurs: readonly Float64Array[]): Float32Array {
  const { size, padded, modules } = gathered;
  const width = tile.right - tile.left + 2 * REACH;
  const height = tile.bottom - tile.top + 2 * REACH;
  const left = new Float32Array(width * height * PHASES);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [x, y] = [tile.left - REACH + column, tile.top - REACH + row];
      if (x >= 0 && y >= 0 && x < size && y < size && hidden[y * size + x] === 1) continue;
      for (let phase = 0; phase < PHASES; phase++) {
        const blur = blurs[phase];
        if (blur === undefined) continue;
        let told = blur[WEIGHTS - 1] ?? 0;
        for (let r = 0, tap = 0; r < SIDE; r++) {
          const from = moduleAt(gathered, x - REACH, y - REACH + r);
          for (let c = 0; c < SIDE; c++) told += (blur[tap++] ?? 0) * (modules[from + c] ?? 0);
        }
        left[(row * width + column) * PHASES + phase] = (samples[sampleAt(padded, x, y, phase)] ?? 0) - told;
      }
    }
  }
  return left;
}

/** The sum of the modules around one, each as often as both are in a sample together. */
function neighbours(gathered: Gathered, own: Float64Array, x: number, y: number): number {
  const { modules } = gathered;
  let sum = 0;
  for (let row = 0; row < SPREAD_SIDE; row++) {
    const from = moduleAt(gathered, x - SPREAD, y - SPREAD + row);
    for (let column = 0; column < SPREAD_SIDE; column++) sum += (own[row * SPREAD_SIDE + column] ?? 0) * (modules[from + column] ?? 0);
  }
  return sum;
}

/** Each module in turn takes the value that explains the frames best, its neighbours being as they are. */
function sweep(gathered: Gathered): void {
  const { size, known, modules, products, seen } = gathered;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (known[y * size + x] !== 0) continue;
      const own = products[tileOf(x, y, size)];
      if (own === undefined) continue;
      const wanting = (seen[y * size + x] ?? 0) - neighbours(gathered, own, x, y);
      const place = moduleAt(gathered, x, y);
      const value = (modules[place] ?? 0) + wanting / Math.max(own[SPREAD * (SPREAD_SIDE + 1)] ?? 0, 1e-6);
      modules[place] = value < -1 ? -1 : value > 1 ? 1 : value;
    }
  }
}

interface Blur {
  /** Of each phase: a weight a module around, and what a plain surface shows. */
  readonly blurs: readonly Float64Array[];
  /** What it leaves unexplained of a sample: squared levels. */
  readonly variance: number;
}

/** 1 where a glare, a thumb or a shadow lies on a module: around it nothing differs, which no symbol shows. */
function hiddenModules(samples: Float32Array, size: number): Uint8Array {
  const side = 2 * (size + 2 * MARGIN);
  const hidden = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let [sum, square, count] = [0, 0, 0];
      for (let row = 2 * (y + MARGIN - REACH); row < 2 * (y + MARGIN + REACH + 1); row += 1) {
        for (let column = 2 * (x + MARGIN - REACH); column < 2 * (x + MARGIN + REACH + 1); column += 1) {
          const level = samples[row * side + column] ?? 0;
          sum += level;
          square += level * level;
          count++;
        }
      }
      const mean = sum / count;
      if (square / count - mean * mean < HIDDEN_SPREAD * HIDDEN_SPREAD) hidden[y * size + x] = 1;
    }
  }
  return hidden;
}

/** Modules from left to right and top to bottom, the ends not included. */
interface Tile {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const edgeOf = (index: number, size: number) => Math.ceil((index * size) / TILES);

function tilesOf(size: number): Tile[] {
  return Array.from({ length: TILES * TILES }, (_, index) => {
    const [column, row] = [index % TILES, Math.floor(index / TILES)];
    return { left: edgeOf(column, size), top: edgeOf(row, size), right: edgeOf(column + 1, size), bottom: edgeOf(row + 1, size) };
  });
}

function tileOf(x: number, y: number, size: number): number {
  return Math.floor((y * TILES) / size) * TILES + Math.floor((x * TILES) / size);
}

/** With what it shares with its neighbours, and one light module outside of the symbol. */
function widened({ left, top, right, bottom }: Tile, size: number): Tile {
  const by = Math.ceil((right - left) * OVERLAP);
  return {
    left: Math.max(-1, left - by),
    top: Math.max(-1, top - by),
    right: Math.min(size + 1, right + by),
    bottom: Math.min(size + 1, bottom + by),
  };
}

function sampleHalfModules(map: LevelMap, quad: Quad, size: number): Float32Array {
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
