/** `fuzz`: millions of inputs that look almost right against everything that judges a signature. */
import { nodeClock } from '../config/host/node-host.ts';
import { createDice, type FuzzFinding, fuzz, fuzzTargets, SLOW_MS } from '../fixtures/fuzz.ts';
import { exitCode } from './command.ts';

const ROUND = 20_000;
const SAY_EVERY_MS = 10_000;
/** The memory of the first rounds is the program's own. */
const WARM_ROUNDS = 5;
const GROWTH_MIB_MAX = 200;

export interface FuzzOptions {
  readonly minutes: number;
  /** Ends earlier when so many were judged. */
  readonly inputs: number | undefined;
  readonly seed: number;
  readonly json: boolean;
}

/** The exit code: 1 where one input was accepted, threw or was slow, or where memory grew. */
export function runFuzz({ minutes, inputs = Number.POSITIVE_INFINITY, seed, json }: FuzzOptions): number {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const targets = fuzzTargets();
  const dice = createDice(seed);
  const startMs = nodeClock.monotonicMs();
  const findings: FuzzFinding[] = [];
  const memory = { warmMib: 0, mostMib: 0 };
  let [judged, unchanged, slowestMs, saidMs] = [0, 0, 0, startMs];
  for (let round = 1; judged < inputs && nodeClock.monotonicMs() - startMs < minutes * 60_000; round++) {
    const tally = fuzz(targets, Math.min(ROUND, inputs - judged), dice, nodeClock.monotonicMs);
    judged += tally.inputs;
    unchanged += tally.unchanged;
    slowestMs = Math.max(slowestMs, tally.slowestMs);
    findings.push(...tally.findings);
    for (const { target, what, input, detail } of tally.findings) say(`${what}: ${target}: ${input} ${detail}`);
    const usedMib = process.memoryUsage.rss() / 2 ** 20;
    if (round <= WARM_ROUNDS) memory.warmMib = Math.max(memory.warmMib, usedMib);
    memory.mostMib = Math.max(memory.mostMib, usedMib);
    const nowMs = nodeClock.monotonicMs();
    if (nowMs - saidMs < SAY_EVERY_MS) continue;
    saidMs = nowMs;
    say(`${judged.toLocaleString('en')} inputs, ${findings.length} findings, ${Math.round((nowMs - startMs) / 1000)} s`);
  }
  const grewMib = Math.max(0, Math.round(memory.mostMib - memory.warmMib));
  const count = (what: FuzzFinding['what']) => findings.filter((one) => one.what === what).length;
  const result = {
    ...{ inputs: judged, seed, unchanged, accepted: count('accepted'), threw: count('threw'), slow: count('slow') },
    ...{ slowestMs: Math.round(slowestMs * 100) / 100, grewMib },
  };
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    process.stdout.write(
      `${judged.toLocaleString('en')} inputs (seed ${seed}): ${result.accepted} accepted, ${result.threw} threw, ${result.slow} over ${SLOW_MS} ms; ` +
        `slowest ${result.slowestMs} ms, memory grew by ${grewMib} MiB; ${unchanged.toLocaleString('en')} were changed in nothing that is signed\n`,
    );
  }
  return findings.length > 0 || grewMib > GROWTH_MIB_MAX ? exitCode.failed : exitCode.ok;
}
