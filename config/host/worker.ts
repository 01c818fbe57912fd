/** Starts worker threads: the only place that does. A worker is named by its source path and runs the built file. */
import { setPriority } from 'node:os';
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

/** Runs a worker that does one thing and posts one message. Rejects with what it threw, or when it ends without a word. */
export function runInWorker(options: WorkerOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const worker = startWorker(options);
    worker.once('message', (message: unknown) => {
      resolve(message);
      void worker.terminate();
    });
    // More than once: what it threw, and then that its heap was full.
    worker.on('error', reject);
    worker.once('exit', (code) => reject(new Error(`${options.source} ended with code ${code} and no answer`)));
  });
}

const BACKGROUND_NICE = 10;

/** Gives way to every other thread of this process. Only Linux can do that for one thread; elsewhere nothing changes. */
export function yieldToOthers(): void {
  if (process.platform === 'linux') setPriority(0, BACKGROUND_NICE);
}

/** Stops the calling worker for a while; never for the main thread. */
export function pauseWorker(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}
