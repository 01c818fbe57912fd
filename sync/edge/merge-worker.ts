/** The thread in which a newer slice is made from the one in use and what has changed since: one job, one answer. */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { pauseWorker, yieldToOthers } from '../../config/host/worker.ts';
import { digestContent, digestFile, mergeSlice } from '../slice/slice-file.ts';

const jobSchema = z.object({ file: z.string(), base: z.string(), deltas: z.array(z.string()) });

/** Between two parts: the processor and the disk belong to the lane. */
const PAUSE_MS = 5;

yieldToOthers();
const { file, base, deltas } = jobSchema.parse(workerData);
const pause = () => pauseWorker(PAUSE_MS);
mergeSlice(file, base, deltas, pause);
const { content } = digestContent(file, pause);
parentPort?.postMessage({ content, sha256: digestFile(file).sha256 });
