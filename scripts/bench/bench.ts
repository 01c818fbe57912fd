/** `checkpoint-kiosk bench NAME`: measurements that a reader can repeat. A table on stderr, JSON on stdout or in a file. */
import { writeFileSync } from 'node:fs';
import { CommandError, exitCode } from '../command.ts';
import { benchCamera } from './camera.ts';
import { benchCpu } from './cpu.ts';
import { benchDecode } from './decode.ts';
import { benchDrain } from './drain.ts';
import { benchFeed } from './feed.ts';
import { benchIngest } from './ingest.ts';
import { benchLane } from './lane.ts';
import { benchPath } from './path.ts';
import { benchSlice } from './slice.ts';
import type { BenchResult } from './stats.ts';
import { benchTrust } from './trust.ts';

export interface BenchOptions {
  /** decode: an outside set. */
  readonly corpus?: string | undefined;
  /** lane: minutes of busy street. */
  readonly minutes?: number | undefined;
}

const benches: Readonly<Record<string, (say: (line: string) => void, options: BenchOptions) => Promise<BenchResult>>> = {
  path: benchPath,
  cpu: benchCpu,
  camera: benchCamera,
  trust: benchTrust,
  decode: (say, { corpus }) => benchDecode(say, corpus),
  lane: benchLane,
  ingest: benchIngest,
  feed: benchFeed,
  drain: benchDrain,
  slice: benchSlice,
};

export async function runBench(name: string, jsonFile: string | undefined, options: BenchOptions): Promise<void> {
  const bench = benches[name];
  if (bench === undefined) throw new CommandError(exitCode.usage, `there is no benchmark ${name}: ${Object.keys(benches).join(', ')}`);
  if (options.corpus !== undefined && name !== 'decode') throw new CommandError(exitCode.usage, `bench ${name} takes no --corpus`);
  if (options.minutes !== undefined && name !== 'lane') throw new CommandError(exitCode.usage, `bench ${name} takes no --minutes`);
  const result = await bench((line) => process.stderr.write(`${line}\n`), options);
  for (const [metric, { p50, p95, p99, max, unit, samples }] of Object.entries(result.results)) {
    process.stderr.write(`${metric.padEnd(64)} p50 ${p50}  p95 ${p95}  p99 ${p99}  max ${max} ${unit}  (${samples})\n`);
  }
  if (jsonFile === undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
  else writeFileSync(jsonFile, `${JSON.stringify(result, null, 2)}\n`);
}
