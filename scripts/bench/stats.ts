/** Quantiles of measured times, in the form that every benchmark writes. */
import { type Clock, sleep } from '../../config/ports/clock.ts';

export interface Metric {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly unit: 'ms' | 'us' | 'records/s' | 'bytes/record' | 'bytes' | 'count' | '%' | 'MiB' | '1/s' | '1/min' | '1/h';
  readonly samples: number;
}

export interface BenchResult {
  readonly name: string;
  readonly results: Readonly<Record<string, Metric>>;
}

export function metric(values: readonly number[], unit: Metric['unit']): Metric {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: round(sorted.at(-1) ?? Number.NaN), unit, samples: sorted.length };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const SCAN_MS = 20;

/** One action every 20 ms while `goesOn`: from when each was due to when it was done, milliseconds. */
export async function timeScans(clock: Clock, action: () => void, goesOn: (done: number) => boolean): Promise<number[]> {
  const times: number[] = [];
  let dueMs = clock.monotonicMs() + SCAN_MS;
  while (goesOn(times.length)) {
    await sleep(clock, Math.max(0, dueMs - clock.monotonicMs()));
    action();
    times.push(clock.monotonicMs() - dueMs);
    // One that was late does not make the next ones late.
    dueMs = Math.max(dueMs + SCAN_MS, clock.monotonicMs());
  }
  return times;
}

/** Times single calls, in microseconds, after a warm-up that is not counted. */
export function timeCalls(nowMs: () => number, calls: number, call: (index: number) => unknown): number[] {
  for (let index = 0; index < calls / 10; index++) call(index);
  return Array.from({ length: calls }, (_, index) => {
    const startMs = nowMs();
    call(index);
    return (nowMs() - startMs) * 1000;
  });
}
