/**
 * `bench decode`: our decoder beside those that a user might pick instead, frame by frame, interleaved in one run, on rendered
 * clips of the project.
 */

import { nodeClock } from '../../config/host/node-host.ts';
import { type HardClip, hardClip, hardKinds } from '../../fixtures/hard-clips.ts';
import { quietHost } from '../../fixtures/test-centre.ts';
import type { Decoder } from '../../kiosk/decode/decoder.ts';
import { openWorkerDecoder } from '../../kiosk/decode/worker-decoder.ts';
import { openPeers, type PeerReader } from './decode-readers.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const SEEDS = [1, 2];
const OURS = 'checkpoint-kiosk';
const BUDGET_MS = 66;
const FRAME_MS_MAX = 10_000;

interface Tally {
  readonly clips: boolean[];
  readonly framesRead: number[];
  readonly firstReads: number[];
  readonly hitMs: number[];
  readonly missMs: number[];
  readonly emptyMs: number[];
  wrong: number;
}

export async function benchDecode(say: (line: string) => void): Promise<BenchResult> {
  const peers = await openPeers();
  const clips = hardKinds.flatMap((kind) => SEEDS.map((seed) => hardClip(kind, seed)));
  const names = [OURS, ...peers.map(({ name }) => name)];
  const tallies = new Map(names.map((name) => [name, emptyTally()]));
  for (const clip of clips) {
    // A clip is a person: nothing is remembered from the one before.
    const decoder = await openWorkerDecoder({ frameMsMax: FRAME_MS_MAX, budgetMs: BUDGET_MS }, quietHost);
    try {
      await readClip(clip, [oursAs(decoder), ...peers], tallies);
    } finally {
      await decoder.close();
    }
    const read = names.map((name) => `${name} ${tallies.get(name)?.framesRead.at(-1)}`);
    say(`${clip.name.padEnd(14)} frames read: ${read.join(', ')}`);
  }
  const results: Record<string, Metric> = {};
  const base = tallies.get('zxing-wasm')?.clips ?? [];
  for (const [name, tally] of tallies) {
    const withCode = clips.filter(({ text }) => text !== undefined).length;
    results[`${name}: clips read of ${withCode}`] = metric([tally.clips.filter(Boolean).length], 'count');
    const gained = tally.clips.filter((read, index) => read && base[index] !== true).length;
    const lost = tally.clips.filter((read, index) => !read && base[index] === true).length;
    if (name !== 'zxing-wasm')
      results[`${name}: clips that zxing-wasm does not read, and the other way round`] = metric([gained, lost], 'count');
    results[`${name}: frames read`] = metric([tally.framesRead.reduce((sum, count) => sum + count, 0)], 'count');
    results[`${name}: frames to the first read`] = metric(tally.firstReads, 'count');
    results[`${name}: a frame that is read`] = metric(tally.hitMs, 'ms');
    results[`${name}: a frame that is not`] = metric(tally.missMs, 'ms');
    results[`${name}: an empty frame`] = metric(tally.emptyMs, 'ms');
    results[`${name}: wrong texts`] = metric([tally.wrong], 'count');
  }
  return { name: 'decode', results };
}

function emptyTally(): Tally {
  return { clips: [], framesRead: [], firstReads: [], hitMs: [], missMs: [], emptyMs: [], wrong: 0 };
}

function oursAs(decoder: Decoder): PeerReader {
  return { name: OURS, read: async (picture) => (await decoder.decode(picture)).symbols.flatMap(({ text }) => text ?? []) };
}

async function readClip(clip: HardClip, readers: readonly PeerReader[], tallies: ReadonlyMap<string, Tally>): Promise<void> {
  const reads = new Map(readers.map(({ name }) => [name, { count: 0, first: 0 }]));
  let frame = 0;
  for (const picture of clip.frames()) {
    frame++;
    // Each comes first once: what runs before may warm or cool what runs after.
    const turn = frame % readers.length;
    for (const reader of [...readers.slice(turn), ...readers.slice(0, turn)]) {
      const [tally, own] = [tallies.get(reader.name), reads.get(reader.name)];
      if (tally === undefined || own === undefined) continue;
      const startMs = nodeClock.monotonicMs();
      const texts = await reader.read(picture);
      const tookMs = nodeClock.monotonicMs() - startMs;
      const isRead = clip.text !== undefined && texts.includes(clip.text);
      tally.wrong += texts.filter((text) => text !== clip.text).length;
      (clip.text === undefined ? tally.emptyMs : isRead ? tally.hitMs : tally.missMs).push(tookMs);
      if (!isRead) continue;
      own.count++;
      own.first ||= frame;
    }
  }
  for (const [name, { count, first }] of reads) {
    const tally = tallies.get(name);
    tally?.framesRead.push(count);
    if (clip.text !== undefined) tally?.clips.push(count > 0);
    if (count > 0) tally?.firstReads.push(first);
  }
}
