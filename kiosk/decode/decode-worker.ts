/** The decode worker: one picture in, its symbols out. Runs in a thread of its own, so that it can be ended when it hangs. */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { nodeClock } from '../../config/host/node-host.ts';
import { createAdviser } from './advice.ts';
import { createCascade } from './cascade.ts';
import type { DecodeReply, DecodeRequest } from './decode-messages.ts';
import type { PictureReader } from './decoder.ts';
import { warmUp } from './held-symbol.ts';
import { openZxingJs } from './zxing-js-reader.ts';
import { openZxingWasm } from './zxing-wasm-reader.ts';

const settingsSchema = z.object({ budgetMs: z.number(), exhaustive: z.boolean() });

async function openReader(): Promise<{ reader: PictureReader; fallbackBecause: string | undefined }> {
  try {
    return { reader: await openZxingWasm(), fallbackBecause: undefined };
  } catch (error) {
    return { reader: openZxingJs(), fallbackBecause: error instanceof Error ? error.message : String(error) };
  }
}

const port = parentPort;
if (port === null) throw new Error('decode-worker runs as a worker thread only');
const { reader, fallbackBecause } = await openReader();
await warmUp(reader);
const cascade = createCascade(reader, { ...settingsSchema.parse(workerData), nowMs: nodeClock.monotonicMs });
const adviser = createAdviser();
const reply = (message: DecodeReply) => port.postMessage(message);

port.on('message', async ({ id, shared, widthPx, heightPx }: DecodeRequest) => {
  const startMs = nodeClock.monotonicMs();
  const picture = { luma: new Uint8Array(shared), widthPx, heightPx };
  const { symbols } = await cascade.read(picture);
  const advised = adviser.advise(picture, symbols);
  reply({ kind: 'decoded', id, result: { ...advised, decodeMs: nodeClock.monotonicMs() - startMs } });
});
reply({ kind: 'ready', name: reader.name, fallbackBecause });
