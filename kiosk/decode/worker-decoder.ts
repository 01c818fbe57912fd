/**
 * The Decoder on a worker thread, under a hard time limit: a picture that takes longer is given up and the worker replaced,
 * so that no picture can stop a lane. One picture in flight; its rows are copied once, into memory that both threads see.
 */
import type { Worker } from 'node:worker_threads';
import { Fault } from '../../config/faults.ts';
import { startWorker } from '../../config/host/worker.ts';
import type { Host } from '../../config/ports/host.ts';
import type { DecodeReply, DecodeRequest } from './decode-messages.ts';
import type { DecodeResult, Decoder, DecoderName, Picture } from './decoder.ts';

export interface WorkerDecoderOptions {
  /** A picture that takes longer is given up. */
  readonly frameMsMax: number;
  /** After so long no harder means is begun. */
  readonly budgetMs: number;
  /** For single pictures: everything is tried on each. */
  readonly exhaustive?: boolean;
  /** Source path of the worker, for tests of the limit. */
  readonly source?: string;
}

const SOURCE = 'kiosk/decode/decode-worker.ts';
const HEAP_MIB_MAX = 512;
/** Loading WebAssembly takes well under a second; a cold disk may take longer. */
const START_MS_MAX = 15_000;

interface Running {
  readonly worker: Worker;
  readonly ready: Promise<DecoderName>;
}

const timedOutResult = (decodeMs: number): DecodeResult => ({ symbols: [], decodeMs, timedOut: true });

/** Starts the worker and waits until it can decode. Throws Fault('decoder-failed'). */
export async function openWorkerDecoder(options: WorkerDecoderOptions, host: Host): Promise<Decoder> {
  let shared = new SharedArrayBuffer(0);
  let lastId = 0;
  let name: DecoderName | undefined;
  let closed = false;
  let running = start();

  function start(): Running {
    const worker = startWorker({
      source: options.source ?? SOURCE,
      data: { budgetMs: options.budgetMs, exhaustive: options.exhaustive ?? false },
      heapMiBMax: HEAP_MIB_MAX,
    });
    const ready = waitReady(worker, host);
    // A failed start is seen by whoever decodes next; until then it must not count as unhandled.
    ready.catch(() => undefined);
    return { worker, ready };
  }

  async function replaceWorker(why: string): Promise<void> {
    const { worker } = running;
    host.log.warn('decoder-stuck', { why });
    running = start();
    await worker.terminate();
  }

  function share({ luma, widthPx, heightPx }: Picture): SharedArrayBuffer {
    const lengthBytes = widthPx * heightPx;
    // A worker that was ended may still be reading its buffer: each worker keeps its own.
    if (shared.byteLength !== lengthBytes) shared = new SharedArrayBuffer(lengthBytes);
    new Uint8Array(shared).set(luma.subarray(0, lengthBytes));
    return shared;
  }

  try {
    name = await running.ready;
  } catch (error) {
    // A worker that is not ready may still become so, and would keep the process alive.
    await running.worker.terminate();
    throw error;
  }
  return {
    name: () => name,
    async decode(picture) {
      const startMs = host.clock.monotonicMs();
      const { worker, ready } = running;
      try {
        name = await ready;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        await replaceWorker(error.message);
        return timedOutResult(host.clock.monotonicMs() - startMs);
      }
      const request: DecodeRequest = { id: ++lastId, shared: share(picture), widthPx: picture.widthPx, heightPx: picture.heightPx };
      const answer = await ask(worker, request, options.frameMsMax, host);
      if (answer !== undefined) return { ...answer, timedOut: false };
      shared = new SharedArrayBuffer(0);
      if (!closed) await replaceWorker(`no answer in ${options.frameMsMax} ms`);
      return timedOutResult(host.clock.monotonicMs() - startMs);
    },
    async close() {
      closed = true;
      await running.worker.terminate();
    },
  };
}

function waitReady(worker: Worker, host: Host): Promise<DecoderName> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      cancel();
      reject(new Fault('decoder-failed', cause instanceof Error ? cause.message : String(cause)));
    };
    const cancel = host.clock.after(START_MS_MAX, () => fail(`not ready in ${START_MS_MAX} ms`));
    // As long as it lives: an error nobody listens to would end the kiosk.
    worker.on('error', fail);
    worker.once('exit', () => fail('the worker ended'));
    worker.on('message', (reply: DecodeReply) => {
      if (reply.kind !== 'ready') return;
      cancel();
      if (reply.fallbackBecause !== undefined) host.log.warn('decoder-fallback', { name: reply.name, why: reply.fallbackBecause });
      resolve(reply.name);
    });
  });
}

/** Undefined when the limit passed, or the worker ended, before the answer. */
function ask(worker: Worker, request: DecodeRequest, msMax: number, host: Host) {
  return new Promise<Omit<DecodeResult, 'timedOut'> | undefined>((resolve) => {
    const finish = (answer: Omit<DecodeResult, 'timedOut'> | undefined) => {
      cancel();
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      resolve(answer);
    };
    const onMessage = (reply: DecodeReply) => {
      if (reply.kind === 'decoded' && reply.id === request.id) finish(reply.result);
    };
    const onExit = () => finish(undefined);
    const cancel = host.clock.after(msMax, () => finish(undefined));
    worker.on('message', onMessage);
    worker.once('exit', onExit);
    worker.postMessage(request);
  });
}
