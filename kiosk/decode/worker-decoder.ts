/**
 * The Decoder on a worker thread, under a hard time limit: a picture that takes longer is given up and the worker replaced,
 * so that no picture can stop a lane. One picture in flight; its rows are copied once, into memory that both threads see.
 */
import type { Worker } from 'node:worker_threads';
import { Fault, type FaultCode } from '../../config/faults.ts';
import { missingModule } from '../../config/host/native-module.ts';
import { startWorker } from '../../config/host/worker.ts';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import type { DecodeReply, DecodeRequest } from './decode-messages.ts';
import type { DecodeResult, Decoder, DecoderName, Picture } from './decoder.ts';

export interface WorkerDecoderOptions {
  /** A picture that takes longer is given up. */
  readonly frameMsMax: number;
  /** After so long no harder means is begun. */
  readonly budgetMs: number;
  /** How long opening waits for a slow start before it leaves the worker to it; absent: until it is ready. */
  readonly patienceMs?: number;
  /** For single pictures: everything is tried on each. */
  readonly exhaustive?: boolean;
  /** Source path of the worker, for tests of the limit. */
  readonly source?: string;
}

const SOURCE = 'kiosk/decode/decode-worker.ts';
const HEAP_MIB_MAX = 512;
/** Loading WebAssembly takes a second or two; a busy machine may take a minute, and beginning anew would only take longer. */
const START_MS_MAX = 300_000;
const START_WORD_MS = 15_000;
/** After a start that failed, as where files are missing. */
const RESTART_MS = 5_000;

interface Running {
  readonly worker: Worker;
  readonly ready: Promise<DecoderName>;
}

const timedOutResult = (decodeMs: number): DecodeResult => ({ symbols: [], decodeMs, timedOut: true });

/**
 * Starts the worker and waits until it can decode, or for `patienceMs`: it then goes on starting, and the first decode waits
 * for it. Throws Fault('decoder-failed'); nothing runs then.
 */
export async function openWorkerDecoder(options: WorkerDecoderOptions, host: Host): Promise<Decoder> {
  let shared = new SharedArrayBuffer(0);
  let lastId = 0;
  let name: DecoderName | undefined;
  let failure: FaultCode | undefined;
  let closed = false;
  let wake: () => void = () => undefined;
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
    if (closed) return;
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

  const pause = () =>
    new Promise<void>((resolve) => {
      if (closed) return resolve();
      const cancel = host.clock.after(RESTART_MS, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });

  const close = async () => {
    closed = true;
    wake();
    await running.worker.terminate();
  };

  try {
    name = await within(running.ready, options.patienceMs, host);
  } catch (error) {
    // A worker that is not ready may still become so, and would keep the process alive.
    await close();
    throw error;
  }
  return {
    name: () => name,
    fault: () => failure,
    async decode(picture) {
      const startMs = host.clock.monotonicMs();
      const { worker, ready } = running;
      try {
        name = await ready;
        failure = undefined;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        failure = error.code;
        await pause();
        await replaceWorker(error.message);
        return timedOutResult(host.clock.monotonicMs() - startMs);
      }
      const request: DecodeRequest = { id: ++lastId, shared: share(picture), widthPx: picture.widthPx, heightPx: picture.heightPx };
      const answer = await ask(worker, request, options.frameMsMax, host);
      if (answer !== undefined) return { ...answer, timedOut: false };
      shared = new SharedArrayBuffer(0);
      await replaceWorker(`no answer in ${options.frameMsMax} ms`);
      return timedOutResult(host.clock.monotonicMs() - startMs);
    },
    close,
  };
}

/** Undefined where it takes longer. */
function within<Result>(result: Promise<Result>, msMax: number | undefined, host: Host): Promise<Result | undefined> {
  if (msMax === undefined) return result;
  return new Promise((resolve, reject) => {
    const cancel = host.clock.after(msMax, () => resolve(undefined));
    result.then(resolve, reject).finally(cancel);
  });
}

function waitReady(worker: Worker, host: Host): Promise<DecoderName> {
  const startMs = host.clock.monotonicMs();
  return new Promise((resolve, reject) => {
    const stopWord = every(host.clock, START_WORD_MS, () =>
      host.log.warn('decoder-starting', { waitedMs: Math.round(host.clock.monotonicMs() - startMs) }),
    );
    const stop = () => {
      cancel();
      stopWord();
    };
    const fail = (cause: unknown) => {
      stop();
      reject(missingModule(cause) ?? new Fault('decoder-failed', cause instanceof Error ? cause.message : String(cause)));
    };
    const cancel = host.clock.after(START_MS_MAX, () => fail(`not ready in ${START_MS_MAX} ms`));
    // As long as it lives: an error nobody listens to would end the kiosk.
    worker.on('error', fail);
    worker.once('exit', () => fail('the worker ended'));
    worker.on('message', (reply: DecodeReply) => {
      if (reply.kind !== 'ready') return;
      stop();
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
