/**
 * What each stage of the decode cascade is worth: how often it ran and gave the text, what it took, and what the set loses
 * without it. In this process, without the worker; the slow peers do not run in between.
 */
import { nodeClock } from '../../config/host/node-host.ts';
import { type CascadeOptions, createCascade, type DecodeStage, decodeStages } from '../../kiosk/decode/cascade.ts';
import type { Picture } from '../../kiosk/decode/decoder.ts';
import { warmUp } from '../../kiosk/decode/held-symbol.ts';
import { openZxingWasm } from '../../kiosk/decode/zxing-wasm-reader.ts';
import { normal, type PeerReader } from './decode-readers.ts';
import { type Metric, metric } from './stats.ts';

export interface StageClip {
  readonly texts: ReadonlySet<string>;
  frames(): Iterable<Picture> | AsyncIterable<Picture>;
}

interface Worth {
  readonly tookMs: Map<DecodeStage, number[]>;
  readonly gave: Map<DecodeStage, number>;
  readonly frameMs: number[];
  readonly controlMs: number[];
  frames: number;
  clips: number;
}

/** What a frame may take beyond its budget, milliseconds. */
export const OVER_MS = 20;
/** The first looks are the decoder itself: without them there is nothing to compare. */
const ALWAYS: readonly DecodeStage[] = ['region', 'half', 'plain'];

export async function benchStages(
  clips: readonly StageClip[],
  options: Pick<CascadeOptions, 'budgetMs' | 'exhaustive'>,
  control: PeerReader,
  say: (line: string) => void,
): Promise<Record<string, Metric>> {
  const reader = await openZxingWasm();
  await warmUp(reader);
  const what = options.exhaustive ? 'pictures' : 'clips';
  const run = async (some: readonly StageClip[], without: readonly DecodeStage[], beside?: PeerReader): Promise<Worth> => {
    const worth: Worth = { tookMs: new Map(), gave: new Map(), frameMs: [], controlMs: [], frames: 0, clips: 0 };
    const onStage = (stage: DecodeStage, tookMs: number, gaveText: boolean) => {
      worth.tookMs.set(stage, [...(worth.tookMs.get(stage) ?? []), tookMs]);
      if (gaveText) worth.gave.set(stage, (worth.gave.get(stage) ?? 0) + 1);
    };
    for (const { texts, frames } of some) {
      const cascade = createCascade(reader, { ...options, nowMs: nodeClock.monotonicMs, without, onStage });
      let read = 0;
      for await (const picture of frames()) {
        const startMs = nodeClock.monotonicMs();
        const { symbols } = await cascade.read(picture);
        const endMs = nodeClock.monotonicMs();
        worth.frameMs.push(endMs - startMs);
        await beside?.read(picture);
        if (beside !== undefined) worth.controlMs.push(nodeClock.monotonicMs() - endMs);
        if (symbols.some(({ text }) => text !== undefined && texts.has(normal(text)))) read++;
      }
      worth.frames += read;
      if (read > 0) worth.clips++;
    }
    return worth;
  };

  const coded = clips.filter(({ texts }) => texts.size > 0);
  const whole = await run(coded, []);
  const { frameMs, controlMs } = await run(clips, [], control);
  const mostMs = options.budgetMs + OVER_MS;
  const over = (allMs: readonly number[]) => metric([allMs.filter((tookMs) => tookMs > mostMs).length], 'count');
  const results: Record<string, Metric> = {
    [`beside ${control.name} alone, ${what}: a frame`]: metric(frameMs, 'ms'),
    [`beside ${control.name} alone, ${what}: over ${mostMs} ms, of ${frameMs.length}`]: over(frameMs),
    [`beside ${control.name} alone, ${what}: a frame of its own`]: metric(controlMs, 'ms'),
    [`beside ${control.name} alone, ${what}: over ${mostMs} ms, its own`]: over(controlMs),
  };
  for (const stage of decodeStages) {
    const tookMs = whole.tookMs.get(stage);
    if (tookMs === undefined) continue;
    const name = `stage ${stage}, ${what}`;
    results[`${name}: it gave a text`] = metric([whole.gave.get(stage) ?? 0], 'count');
    results[`${name}: it ran, and took`] = metric(tookMs, 'ms');
    if (ALWAYS.includes(stage)) continue;
    const without = await run(coded, [stage]);
    results[`${name}: ${what} lost without it`] = metric([whole.clips - without.clips], 'count');
    if (!options.exhaustive) results[`${name}: frames lost without it`] = metric([whole.frames - without.frames], 'count');
    say(`${name}: gave ${whole.gave.get(stage) ?? 0}, without it ${without.clips} of ${whole.clips} read`);
  }
  return results;
}
