/**
 * `bench decode`: our decoder beside those that a user might pick instead, frame by frame, interleaved in one run, on rendered
 * clips of the project, or on the clips and pictures of an outside set.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { nodeClock } from '../../config/host/node-host.ts';
import { createBusyStreet } from '../../fixtures/busy-street.ts';
import { hardClip, hardKinds } from '../../fixtures/hard-clips.ts';
import { createAdviser } from '../../kiosk/decode/advice.ts';
import { createCascade } from '../../kiosk/decode/cascade.ts';
import type { Picture, PictureReader } from '../../kiosk/decode/decoder.ts';
import { warmUp } from '../../kiosk/decode/held-symbol.ts';
import { openZxingWasm } from '../../kiosk/decode/zxing-wasm-reader.ts';
import { CommandError, exitCode } from '../command.ts';
import { readPicture } from '../scan.ts';
import { videoFrames } from '../video-frames.ts';
import { normal, openPeers, type PeerReader } from './decode-readers.ts';
import { benchStages, OVER_MS } from './decode-stages.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const SEEDS = [1, 2];
const OURS = 'checkpoint-kiosk';
const BUDGET_MS = 66;
const STILL_BUDGET_MS = 250;
/** Of a camera that takes 15 a second: one place, with what passes by. */
const STREET = { widthPx: 1280, heightPx: 720, frameRateHz: 15, ornament: false };
const STREET_SEEDS = [1, 2];
const STREET_FRAMES = 600;
/** The others take up to thirty times as long for a frame without a code. */
const STREET_PEERS = ['zxing-wasm', 'zxing-wasm fast'];

interface Tally {
  readonly clips: boolean[];
  readonly framesRead: number[];
  readonly firstReads: number[];
  readonly hitMs: number[];
  readonly missMs: number[];
  readonly emptyMs: number[];
  readonly streetMs: number[];
  wrong: number;
}

/** A clip, or a picture as a clip of one frame. */
interface BenchClip {
  readonly name: string;
  /** Texts in it, any of which counts; none: nothing must be read. */
  readonly texts: readonly string[];
  readonly isStill?: boolean;
  readonly isStreet?: boolean;
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
  const hard = hardKinds.flatMap((kind) =>
    SEEDS.map((seed): BenchClip => {
      const { name, text, frames } = hardClip(kind, seed);
      return { name, texts: text === undefined ? [] : [text], frames };
    }),
  );
  const streets = STREET_SEEDS.map(
    (seed): BenchClip => ({ name: `street-${seed}`, texts: [], isStreet: true, frames: () => streetFrames(seed) }),
  );
  return [...hard, ...streets];
}

function* streetFrames(seed: number): Iterable<Picture> {
  const street = createBusyStreet({ ...STREET, seed });
  for (let frame = 0; frame < STREET_FRAMES; frame++) yield { luma: street.next(), widthPx: STREET.widthPx, heightPx: STREET.heightPx };
}

export async function benchDecode(say: (line: string) => void, corpus?: string): Promise<BenchResult> {
  const all = corpus === undefined ? ownClips() : corpusClips(corpus);
  const peers = await openPeers();
  const clips = all.filter(({ isStill }) => isStill !== true);
  const stills = all.filter(({ isStill }) => isStill === true);
  const results = { ...(await runClips(clips, peers, say)), ...(await runClips(stills, peers, say)) };
  const wanted = (some: readonly BenchClip[]) => some.map(({ texts, frames }) => ({ texts: new Set(texts.map(normal)), frames }));
  const [control] = peers;
  if (control === undefined) throw new Error('no other decoder could be opened');
  const stages = {
    ...(clips.length > 0 && (await benchStages(wanted(clips), { budgetMs: BUDGET_MS, exhaustive: false }, control, say))),
    ...(stills.length > 0 && (await benchStages(wanted(stills), { budgetMs: STILL_BUDGET_MS, exhaustive: true }, control, say))),
  };
  return { name: 'decode', results: { ...results, ...stages } };
}

async function runClips(clips: readonly BenchClip[], peers: readonly PeerReader[], say: (line: string) => void) {
  const isStill = clips[0]?.isStill === true;
  const names = [OURS, ...peers.map(({ name }) => name)];
  const reader = await openZxingWasm();
  await warmUp(reader);
  const tallies = new Map(names.map((name) => [name, emptyTally()]));
  for (const clip of clips) {
    const beside = clip.isStreet === true ? peers.filter(({ name }) => STREET_PEERS.includes(name)) : peers;
    // A clip is a person: nothing is remembered from the one before.
    const readers = [oursWith(reader, isStill), ...beside];
    await readClip(clip, readers, tallies);
    const read = readers.map(({ name }) => `${name} ${tallies.get(name)?.framesRead.at(-1)}`);
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
    if (tally.streetMs.length > 0) {
      results[`${name}: a frame of a busy street`] = metric(tally.streetMs, 'ms');
      results[`${name}: a frame of a busy street, mean`] = metric([mean(tally.streetMs)], 'ms');
    }
    const allMs = [...tally.hitMs, ...tally.missMs, ...tally.emptyMs, ...tally.streetMs];
    const mostMs = (isStill ? STILL_BUDGET_MS : BUDGET_MS) + OVER_MS;
    results[`${name}: over ${mostMs} ms, of ${allMs.length}`] = metric([allMs.filter((tookMs) => tookMs > mostMs).length], 'count');
    results[`${name}: wrong texts, ${what}`] = metric([tally.wrong], 'count');
  }
  return results;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function emptyTally(): Tally {
  return { clips: [], framesRead: [], firstReads: [], hitMs: [], missMs: [], emptyMs: [], streetMs: [], wrong: 0 };
}

/**
 * The whole of a kiosk's decoding, in this thread as the peers: a thread that sleeps while slow peers run would wake up on a
 * cold processor for each frame.
 */
function oursWith(reader: PictureReader, isStill: boolean): PeerReader {
  const options = { nowMs: nodeClock.monotonicMs, budgetMs: isStill ? STILL_BUDGET_MS : BUDGET_MS, exhaustive: isStill };
  const cascade = createCascade(reader, options);
  const adviser = createAdviser();
  return {
    name: OURS,
    async read(picture) {
      const { symbols } = await cascade.read(picture);
      adviser.advise(picture, symbols);
      return symbols.flatMap(({ text }) => text ?? []);
    },
  };
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
      (clip.isStreet === true ? tally.streetMs : !hasCode ? tally.emptyMs : isRead ? tally.hitMs : tally.missMs).push(tookMs);
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
