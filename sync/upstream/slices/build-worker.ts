/** The thread in which a slice is built: one job, one answer. */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { yieldToOthers } from '../../../config/host/worker.ts';
import { sliceManifestSchema } from '../../protocol/slice.ts';
import { openStore } from '../store/open-store.ts';
import { buildSlice } from './build-slice.ts';

const jobSchema = z.object({
  store: z.string(),
  sliceId: z.string(),
  regions: z.array(z.number()),
  key: z.instanceof(Uint8Array),
  nowS: z.number(),
  folder: z.string(),
  base: sliceManifestSchema.pick({ content: true, snapshot: true }).optional(),
});

yieldToOthers();
const job = jobSchema.parse(workerData);
const store = openStore(job.store);
try {
  parentPort?.postMessage(await buildSlice(store, { ...job, base: job.base }));
} finally {
  await store.close();
}
