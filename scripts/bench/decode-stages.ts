/**
 * What each stage of the decode cascade is worth: how often it ran and gave the text, what it took, and what the set loses
 * without it. In this process, without the worker; peers do not run in between.
 */
import { nodeClock } from '../../config/host/node-host.ts';
import { type CascadeOptions, createCascade, type DecodeStage, decodeStages } from '../../kiosk/decode/cascade.ts';
import type { Picture } from '../../kiosk/decode/decoder.ts';
import { openZxingWasm } from '../../kiosk/decode/zxing-wasm-reader.ts';
import { normal } from './decode-readers.ts';
import { type Metric, metric } from './stats.ts';

export interface StageClip {
  readonly texts: ReadonlySet<string>;
  frames(): Iterable<Picture> | AsyncIterable<Picture>;
}

interface Worth {
  readonly tookMs: Map<DecodeStage, number[]>;
  readonly gave: Map<DecodeStage, number>;
  frames: number;
  clips: number;
}

/** The first looks are the decoder itself: without them there is nothing to compare. */
const ALWAYS: readonly DecodeStage[] = ['region', 'half', 'plain'];

export async function benchStages(
  clips: readonly StageClip[],
  options: Pick<CascadeOptions, 'budgetMs' | 'exhaustive'>,
  say: (line: string) => void,
): Promise<Record<string, Metric>> {
  const reader = await openZxingWasm();
  const what = options.exhaustive ? 'pictures' : 'clips';
  const run = async (without: readonly DecodeStage[]): Promise<Worth> => {
    const worth: Worth = { tookMs: new Map(), gave: new Map(), frames: 0, clips: 0 };
    const onStage = (stage: DecodeStage, tookMs: number, gaveText: boolean) => {
      worth.tookMs.set(stage, [...(worth.tookMs.get(stage) ?? []), tookMs]);
      if (gaveText) worth.gave.set(stage, (worth.gave.get(stage) ?? 0) + 1);
    };
    for (const { texts, frames } of clips) {
      const cascade = createCascade(reader, { ...options, nowMs: nodeClock.monotonicMs, without, onStage });
      let read = 0;
      for await (const picture of frames()) {
        const { symbols } = await cascade.read(picture);
        if (symbols.some(({ text }) => text !== undefined && texts.has(normal(text)))) read++;
      }
      worth.frames += read;
      if (read > 0) worth.clips++;
    }
    return worth;
  };

  const whole = await run([]);
  const results: Record<string, Metric> = {};
  for (const stage of decodeStages) {
    const tookMs = whole.tookMs.get(stage);
    if (tookMs === undefined) continue;
    const name = `stage ${stage}, ${what}`;
    results[`${name}: it gave a text`] = metric([whole.gave.get(stage) ?? 0], 'count');
    results[`${name}: it ran, and took`] = metric(tookMs, 'ms');
    if (ALWAYS.includes(stage)) continue;
    const without = await run([stage]);
    results[`${name}: ${what} lost without it`] = metric([whole.clips - without.clips], 'count');
    if (!options.exhaustive) results[`${name}: frames lost without it`] = metric([whole.frames - without.frames], 'count');
    say(`${name}: gave ${whole.gave.get(stage) ?? 0}, without it ${without.clips} of ${whole.clips} read`);
  }
  return results;
}
