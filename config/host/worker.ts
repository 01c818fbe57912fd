/** Starts worker threads: the only place that does. A worker is named by its source path and runs the built file. */
import { Worker } from 'node:worker_threads';
import { builtPath } from './install-paths.ts';

export interface WorkerOptions {
  /** Source path from the package root, for example `kiosk/decode/decode-worker.ts`. */
  readonly source: string;
  readonly data?: unknown;
  /** Upper bound of the JavaScript heap in MiB; the worker ends when it is passed. */
  readonly heapMiBMax: number;
}

export function startWorker(options: WorkerOptions): Worker {
  return new Worker(builtPath(options.source), {
    workerData: options.data,
    name: options.source,
    resourceLimits: { maxOldGenerationSizeMb: options.heapMiBMax },
  });
}
