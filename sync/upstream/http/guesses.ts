/**
 * Wrong secrets, counted by the network that they came from: each makes the next answer come later, is logged, and many raise
 * an alarm. Only wrong answers wait. A right one comes at once, unless its own network has several guesses waiting: then it is
 * refused as well, with when to come back. Other networks are never touched. Behind a proxy all sources are one.
 */
import { type Clock, sleep } from '../../../config/ports/clock.ts';
import type { Log } from '../../../config/ports/log.ts';
import { networkOf } from './network-of.ts';

export interface GuessOptions {
  /** `operator-refused`: how the log names them. */
  readonly event: string;
  /** Many have come from there. */
  onMany(detail: string): void;
}

export interface Guesses {
  /** Whether a guess from there is looked at now. */
  admits(address: string): boolean;
  /** One was wrong. Resolves when that may be told. */
  wrong(address: string): Promise<void>;
  count(): number;
}

interface Source {
  failures: number;
  lastAtMs: number;
  /** Answers that are held back now. */
  waiting: number;
}

const FIRST_DELAY_MS = 250;
const DELAY_MS_MAX = 15_000;
/** Answers of one network that may be held at once: so many guesses can be made side by side. */
const WAITING_MAX = 4;
/** After so long without a wrong one it is a stranger again. */
const FORGET_MS = 15 * 60_000;
const SOURCES_MAX = 1_000;
const MANY = 10;
/** Wrong ones of all networks together, after which each of them waits longer. */
const OVERALL_FREE = 50;
/** Networks that the alarm names; more are many. */
const NAMED_MAX = 16;

export function createGuesses(options: GuessOptions, { clock, log }: { readonly clock: Clock; readonly log: Log }): Guesses {
  const sources = new Map<string, Source>();
  const named = new Set<string>();
  let total = 0;
  const overall = { count: 0, atMs: clock.monotonicMs() };

  const of = (address: string): Source => {
    const key = networkOf(address);
    const known = sources.get(key);
    const isFresh = known !== undefined && clock.monotonicMs() - known.lastAtMs < FORGET_MS;
    const source = isFresh ? known : { failures: 0, lastAtMs: 0, waiting: known?.waiting ?? 0 };
    // The least recent goes first.
    sources.delete(key);
    sources.set(key, source);
    const [oldest] = sources.keys();
    if (sources.size > SOURCES_MAX && oldest !== undefined) sources.delete(oldest);
    return source;
  };
  const overallDelayMs = (nowMs: number): number => {
    if (nowMs - overall.atMs > FORGET_MS) overall.count = 0;
    overall.count++;
    overall.atMs = nowMs;
    return overall.count <= OVERALL_FREE ? 0 : FIRST_DELAY_MS * (overall.count - OVERALL_FREE);
  };
  const alarm = (address: string, failures: number) => {
    if (failures % MANY !== 0) return;
    const network = networkOf(address);
    if (named.size < NAMED_MAX) named.add(network);
    options.onMany(named.has(network) ? `from ${network}` : 'from many networks');
  };
  return {
    admits: (address) => (sources.get(networkOf(address))?.waiting ?? 0) < WAITING_MAX,
    async wrong(address) {
      const nowMs = clock.monotonicMs();
      const source = of(address);
      source.failures++;
      source.lastAtMs = nowMs;
      total++;
      // The first ones, and then ever fewer of them.
      if (source.failures <= MANY || Number.isInteger(Math.log2(source.failures))) {
        log.warn(options.event, { source: networkOf(address), failures: source.failures, total });
      }
      alarm(address, source.failures);
      const delayMs = Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** Math.min(10, source.failures - 1) + overallDelayMs(nowMs));
      source.waiting++;
      await sleep(clock, delayMs);
      source.waiting--;
    },
    count: () => total,
  };
}
