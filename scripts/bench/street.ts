/**
 * The part of `bench lane` that counts what is seen where nothing is: a rendered busy street without a code goes through the
 * real decoder and the rules of a presentation, as fast as it decodes, with the times that a camera would give its frames.
 */
import { createHash } from 'node:crypto';
import { createBusyStreet } from '../../fixtures/busy-street.ts';
import { quietHost } from '../../fixtures/test-centre.ts';
import type { Frame, FrameSource } from '../../kiosk/camera/frame-source.ts';
import { noPresentation, type PresentationStep, track } from '../../kiosk/decision/presentation.ts';
import { createCameraCodeSource } from '../../kiosk/decode/camera-code-source.ts';
import type { Sighting } from '../../kiosk/decode/code-source.ts';
import { openWorkerDecoder } from '../../kiosk/decode/worker-decoder.ts';
import { type Metric, metric } from './stats.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const RATE_HZ = 15;
const SEED = 1;
/** As a kiosk has them where nothing is configured. */
const GUIDE = { x: 0.15, y: 0, width: 0.7, height: 1 };
const DECODE = { frameMsMax: 1_000, budgetMs: 66 };

interface Tally {
  readings: number;
  staff: number;
  texts: number;
  /** Frames in which something in the guide was taken for a symbol. */
  symbolFrames: number;
  readonly decodeMs: number[];
  /** What the screen said anything for. */
  readonly causes: Map<string, number>;
}

/** `minutes` of 15 frames a second of a street, and a quarter of that of one with ornaments of nested squares. */
export async function countFalseReadings(minutes: number, say: (line: string) => void): Promise<Record<string, Metric>> {
  const street = await countIn('busy street', false, minutes, say);
  return { ...street, ...(await countIn('street with nested squares', true, minutes / 4, say)) };
}

async function countIn(title: string, ornament: boolean, minutes: number, say: (line: string) => void): Promise<Record<string, Metric>> {
  const frames = Math.round(minutes * 60 * RATE_HZ);
  const street = createBusyStreet({ ...SIZE, frameRateHz: RATE_HZ, seed: SEED, ornament });
  const tally: Tally = { readings: 0, staff: 0, texts: 0, symbolFrames: 0, decodeMs: [], causes: new Map() };
  const decoder = await openWorkerDecoder(DECODE, quietHost);
  const options = { guide: GUIDE, frameAgeMsMax: Number.POSITIVE_INFINITY };
  const source = createCameraCodeSource(streetCamera(street.next, frames), decoder, options, quietHost);
  let presentation = noPresentation;
  let before: PresentationStep['kind'] = 'idle';
  try {
    for (let sighting = await source.next(); sighting !== undefined; sighting = await source.next()) {
      tally.decodeMs.push(sighting.decodeMs);
      const { state, step } = look(presentation, sighting);
      presentation = state;
      count(tally, sighting, step.kind, before, street.thingAt);
      before = step.kind;
      if (tally.decodeMs.length % (RATE_HZ * 60) === 0)
        say(`${title}: ${tally.decodeMs.length / RATE_HZ / 60} min, ${tally.readings} readings, ${tally.staff} decisions`);
    }
  } finally {
    await source.close();
  }
  const causes = [...tally.causes].sort(([, a], [, b]) => b - a).map(([thing, times]) => `${thing} ${times}`);
  say(`${title}: ${causes.length === 0 ? 'nothing was taken for a code' : causes.join(', ')}`);
  const anHour = (times: number) => metric([(times * 60) / minutes], '1/h');
  return {
    [`${title}: false READING`]: anHour(tally.readings),
    [`${title}: false SEE STAFF or another result`]: anHour(tally.staff),
    [`${title}: texts read`]: anHour(tally.texts),
    [`${title}: frames with a symbol seen in the guide`]: metric([(100 * tally.symbolFrames) / frames], '%'),
    [`${title}: decode a frame`]: metric(tally.decodeMs, 'ms'),
  };
}

/** Frames come when they are asked for, at the times that a camera would give them. */
function streetCamera(render: () => Uint8Array, frames: number): FrameSource {
  let sequence = 0;
  return {
    async next(): Promise<Frame | undefined> {
      if (sequence === frames) return undefined;
      const arrivedAtMs = (sequence++ * 1000) / RATE_HZ;
      return { luma: render(), ...SIZE, stride: SIZE.widthPx, arrivedAtMs, generation: 1, sequence };
    },
    health: () => ({ state: 'live', fault: undefined, frameAgeMs: 0, frameRateHz: RATE_HZ, restarts: 0 }),
    reopen: () => undefined,
    close: async () => undefined,
  };
}

/** As the checkpoint does it: no text of a street is one of ours. */
function look(before: Parameters<typeof track>[0], { arrivedAtMs, symbols, advice: overall }: Sighting): ReturnType<typeof track> {
  const inGuide = symbols.filter(({ insideGuide }) => insideGuide);
  const codes = inGuide.flatMap(({ text, place }) =>
    text === undefined ? [] : [{ key: createHash('sha256').update(text).digest('base64url'), kind: 'foreign' as const, place }],
  );
  return track(before, {
    atMs: arrivedAtMs,
    codes,
    unread: inGuide.filter(({ text }) => text === undefined).map(({ place, whole, sure, advice }) => ({ place, whole, sure, advice })),
    advice: overall,
    mayDecide: true,
  });
}

function count(
  tally: Tally,
  { symbols }: Sighting,
  step: PresentationStep['kind'],
  before: PresentationStep['kind'],
  thingAt: (x: number, y: number) => string,
): void {
  const inGuide = symbols.filter(({ insideGuide }) => insideGuide);
  if (inGuide.length > 0) tally.symbolFrames++;
  tally.texts += inGuide.filter(({ text }) => text !== undefined).length;
  const isReading = step === 'reading' && before !== 'reading';
  if (isReading) tally.readings++;
  if (step === 'decide') tally.staff++;
  if (!isReading && step !== 'decide') return;
  for (const { quad = [] } of inGuide) {
    const mean = (of: 'x' | 'y') => quad.reduce((sum, point) => sum + point[of], 0) / quad.length;
    const thing = thingAt(mean('x'), mean('y'));
    tally.causes.set(thing, (tally.causes.get(thing) ?? 0) + 1);
  }
}
