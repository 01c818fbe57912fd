/**
 * `bench decode`: our decoder beside those that a user might pick instead, frame by frame, interleaved in one run, on rendered
 * clips of the project, or on the clips and pictures of an outside set.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { nodeClock } from '../../config/host/node-host.ts';
import { hardClip, hardKinds } from '../../fixtures/hard-clips.ts';
import { quietHost } from '../../fixtures/test-centre.ts';
import type { Decoder, Picture } from '../../kiosk/decode/decoder.ts';
import { openWorkerDecoder } from '../../kiosk/decode/worker-decoder.ts';
import { CommandError, exitCode } from '../command.ts';
import { readPicture } from '../scan.ts';
import { videoFrames } from '../video-frames.ts';
import { openPeers, type PeerReader } from './decode-readers.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const SEEDS = [1, 2];
const OURS = 'checkpoint-kiosk';
const BUDGET_MS = 66;
const STILL_BUDGET_MS = 250;
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

/** A clip, or a picture as a clip of one frame. */
interface BenchClip {
  readonly name: string;
  /** Texts in it, any of which counts; none: nothing must be read. */
  readonly texts: readonly string[];
  readonly isStill?: boolean;
  frames(): Iterable<Picture> | AsyncIterable<Picture>;
}

const sequencesSchema = z.object({ sequences: z.array(z.object({ file: z.string(), expected: z.string().nullable() })) });
const picturesSchema = z.object({
  images: z.array(z.object({ file: z.string(), expected: z.array(z.string()), negative: z.boolean().optional() })),
});

/** `sequences.json` and `manifest.json` in the folder or in its `qr/`, with files relative to them. */
function corpusClips(corpus: string): BenchClip[] {
  const find = (name: string) => [join(corpus, name), join(corpus, 'qr', name)].find((path) => existsSync(path));
  const [sequences, manifest] = [find('sequences.json'), find('manifest.json')];
  if (sequences === undefined && manifest === undefined)
    throw new CommandError(exitCode.noInput, `${corpus} holds neither sequences.json nor manifest.json`);
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const clips = sequences === undefined ? [] : sequencesSchema.parse(read(sequences)).sequences;
  const pictures = manifest === undefined ? [] : picturesSchema.parse(read(manifest)).images;
  return [
    ...clips.map(({ file, expected }) => ({
      name: file,
      texts: expected === null ? [] : [expected],
      frames: () => videoFrames(join(dirname(sequences ?? ''), file), 'ffmpeg'),
    })),
    ...pictures.map(({ file, expected }) => ({
      name: file,
      texts: expected,
      isStill: true,
      async *frames() {
        yield await readPicture(join(dirname(manifest ?? ''), file));
      },
    })),
  ];
}

function ownClips(): BenchClip[] {
  return hardKinds.flatMap((kind) =>
    SEEDS.map((seed) => {
      const { name, text, frames } = hardClip(kind, seed);
      return { name, texts: text === undefined ? [] : [text], frames };
    }),
  );
}

export async function benchDecode(say: (line: string) => void, corpus?: string): Promise<BenchResult> {
  const all = corpus === undefined ? ownClips() : corpusClips(corpus);
  const peers = await openPeers();
  const clips = await runClips(
    all.filter(({ isStill }) => isStill !== true),
    peers,
    say,
  );
  const stills = await runClips(
    all.filter(({ isStill }) => isStill === true),
    peers,
    say,
  );
  return { name: 'decode', results: { ...clips, ...stills } };
}

async function runClips(clips: readonly BenchClip[], peers: readonly PeerReader[], say: (line: string) => void) {
  const isStill = clips[0]?.isStill === true;
  const names = [OURS, ...peers.map(({ name }) => name)];
  const tallies = new Map(names.map((name) => [name, emptyTally()]));
  for (const clip of clips) {
    // A clip is a person: nothing is remembered from the one before.
    const budgetMs = isStill ? STILL_BUDGET_MS : BUDGET_MS;
    const decoder = await openWorkerDecoder({ frameMsMax: FRAME_MS_MAX, budgetMs, exhaustive: isStill }, quietHost);
    try {
      await readClip(clip, [oursAs(decoder), ...peers], tallies);
    } finally {
      await decoder.close();
    }
    const read = names.map((name) => `${name} ${tallies.get(name)?.framesRead.at(-1)}`);
    say(`${clip.name.padEnd(14)} frames read: ${read.join(', ')}`);
  }
  const results: Record<string, Metric> = {};
  if (clips.length === 0) return results;
  const what = isStill ? 'pictures' : 'clips';
  const base = tallies.get('zxing-wasm')?.clips ?? [];
  for (const [name, tally] of tallies) {
    const withCode = clips.filter(({ texts }) => texts.length > 0).length;
    results[`${name}: ${what} read of ${withCode}`] = metric([tally.clips.filter(Boolean).length], 'count');
    const gained = tally.clips.filter((read, index) => read && base[index] !== true).length;
    const lost = tally.clips.filter((read, index) => !read && base[index] === true).length;
    if (name !== 'zxing-wasm') {
      results[`${name}: ${what} that zxing-wasm does not read`] = metric([gained], 'count');
      results[`${name}: ${what} that only zxing-wasm reads`] = metric([lost], 'count');
    }
    const [one, empty] = isStill ? ['a picture', 'an empty picture'] : ['a frame', 'an empty frame'];
    if (!isStill) {
      results[`${name}: frames read`] = metric([tally.framesRead.reduce((sum, count) => sum + count, 0)], 'count');
      results[`${name}: frames to the first read`] = metric(tally.firstReads, 'count');
    }
    results[`${name}: ${one} that is read`] = metric(tally.hitMs, 'ms');
    results[`${name}: ${one} that is not`] = metric(tally.missMs, 'ms');
    results[`${name}: ${empty}`] = metric(tally.emptyMs, 'ms');
    results[`${name}: ${empty}, mean`] = metric([mean(tally.emptyMs)], 'ms');
    results[`${name}: wrong texts, ${what}`] = metric([tally.wrong], 'count');
  }
  return results;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Test sets write line ends and outer blanks in different ways. */
function normal(text: string): string {
  return text.trim().replaceAll('\r\n', '\n');
}

function emptyTally(): Tally {
  return { clips: [], framesRead: [], firstReads: [], hitMs: [], missMs: [], emptyMs: [], wrong: 0 };
}

function oursAs(decoder: Decoder): PeerReader {
  return { name: OURS, read: async (picture) => (await decoder.decode(picture)).symbols.flatMap(({ text }) => text ?? []) };
}

async function readClip(clip: BenchClip, readers: readonly PeerReader[], tallies: ReadonlyMap<string, Tally>): Promise<void> {
  const reads = new Map(readers.map(({ name }) => [name, { count: 0, first: 0 }]));
  let frame = 0;
  const wanted = new Set(clip.texts.map(normal));
  const hasCode = wanted.size > 0;
  for await (const picture of clip.frames()) {
    frame++;
    // Each comes first once: what runs before may warm or cool what runs after.
    const turn = frame % readers.length;
    for (const reader of [...readers.slice(turn), ...readers.slice(0, turn)]) {
      const [tally, own] = [tallies.get(reader.name), reads.get(reader.name)];
      if (tally === undefined || own === undefined) continue;
      const startMs = nodeClock.monotonicMs();
      const texts = await reader.read(picture);
      const tookMs = nodeClock.monotonicMs() - startMs;
      const isRead = texts.some((text) => wanted.has(normal(text)));
      tally.wrong += texts.filter((text) => !wanted.has(normal(text))).length;
      (!hasCode ? tally.emptyMs : isRead ? tally.hitMs : tally.missMs).push(tookMs);
      if (!isRead) continue;
      own.count++;
      own.first ||= frame;
    }
  }
  for (const [name, { count, first }] of reads) {
    const tally = tallies.get(name);
    tally?.framesRead.push(count);
    if (hasCode) tally?.clips.push(count > 0);
    if (count > 0) tally?.firstReads.push(first);
  }
}
