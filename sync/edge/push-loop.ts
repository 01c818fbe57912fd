/**
 * The push loop: journal to upstream, in batches, at its own pace. Nothing but a bound receipt moves its mark; it never
 * touches the path of a scan, and reads the journal in small parts so that a long queue delays nobody.
 */
import { sleep } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { limits } from '../protocol/limits.ts';
import { quarantineTarget } from '../protocol/receipt.ts';
import { sealBox } from '../protocol/sealing.ts';
import { backoffMs, fraction } from './backoff.ts';
import { type Answered, type Comrade, createEvidence, createFailures, createPause, type Evidence } from './loop-tools.ts';
import { createOutbox, type OutboxOptions } from './outbox-journal.ts';
import { readReceipt } from './read-reply.ts';
import type { UpstreamClient } from './upstream-client.ts';

export interface PushOptions extends OutboxOptions, Answered {
  readonly client: UpstreamClient;
  /** Upstream's key, to which crossings are sealed. */
  sealingKey(): Uint8Array | undefined;
  /** Keys that may sign receipts; undefined while no keyring is known. */
  receiptKeys(): ReadonlyMap<string, Uint8Array> | undefined;
  /** The store that this kiosk is enrolled with; undefined where it does not know. */
  storeId?(): string | undefined;
  /** The first request after a failure is spread over so long, so that thousands of kiosks do not come back at once. */
  readonly reconnectSpreadMs: number;
}

export interface PushState {
  /** Last record that upstream has; 0 for none. */
  readonly acknowledged: number;
  readonly waiting: number;
  /** Why the last request moved nothing; undefined after one that did. */
  readonly failure: string | undefined;
  /** Monotonic milliseconds of the last bound receipt. */
  readonly receiptAtMs: number | undefined;
  readonly quarantined: number;
}

export interface PushLoop extends Evidence, Comrade {
  state(): PushState;
  /** Resolves when everything that is in the journal now is acknowledged, or false after `timeoutMs`. */
  drained(timeoutMs: number): Promise<boolean>;
  stop(): Promise<void>;
}

const REQUEST_MS = 20_000;
const IDLE_MS = 250;
/** Between two batches of a long queue: the processor belongs to the lane. */
const PACE_MS = 40;
const PRUNE_MS = 60_000;

export function startPushLoop(options: PushOptions, host: Host): PushLoop {
  const { journal, client, kioskId } = options;
  const outbox = createOutbox(options, host);
  /** Whether upstream has said since the start where it stands in this journal. */
  let greeted = false;
  let batchRecords: number = limits.batchRecords;
  let failures = 0;
  let receiptAtMs: number | undefined;
  let quarantined = 0;
  let prunedAtMs = Number.NEGATIVE_INFINITY;
  /** A Retry-After ends then. */
  let notBeforeMs = 0;
  /** The way back was spread already, since the last failure. */
  let isSpread = false;
  let stopped = false;
  const { pause, interrupt, shorten } = createPause(host.clock);
  const failure = createFailures('upstream-unreachable', host);
  const evidence = createEvidence(host.clock);

  /** One request and what it led to. */
  const exchange = async (keys: ReadonlyMap<string, Uint8Array>): Promise<void> => {
    const journalId = journal.journalId();
    const damaged = greeted ? outbox.damagedAfter(outbox.acknowledged()) : undefined;
    if (damaged !== undefined) return setAside(damaged, keys);
    const body = greeted ? await nextBatch() : undefined;
    const target = `/v1/journals/${journalId}`;
    const reply = await client.send(
      body === undefined
        ? { method: 'GET', target, timeoutMs: REQUEST_MS }
        : { method: 'POST', target: `${target}/batches`, body, contentType: 'application/gzip', timeoutMs: REQUEST_MS },
    );
    // A journal that vanished meanwhile goes on in another one: the answer is not about that.
    if (stopped || journal.journalId() !== journalId) return;
    const read = readReceipt(reply, keys, { kioskId, journalId, storeId: options.storeId?.() });
    if (!read.ok) {
      // A batch that is too large, or too slow to send, goes again in halves.
      if (read.tooLarge && body !== undefined) batchRecords = Math.max(1, Math.floor(batchRecords / 2));
      failure.note(read.why, { waiting: outbox.waiting() });
      isSpread = false;
      notBeforeMs = host.clock.monotonicMs() + read.retryAfterMs;
      await pause(backoffMs(failures++, fraction(host.random.bytes(4)), read.retryAfterMs));
      return;
    }
    const { receipt } = read;
    const movesNothing = receipt.outcome !== 'acknowledged' && body !== undefined;
    quarantined += receipt.rejected.length;
    for (const { n, reason } of receipt.rejected) host.log.error('record-quarantined', { record: n, reason });
    greeted = true;
    receiptAtMs = host.clock.monotonicMs();
    outbox.follow(receipt, read.line);
    // An answer that is signed and leads nowhere must not be asked for again without a pause.
    if (movesNothing) await pause(backoffMs(failures++, fraction(host.random.bytes(4))));
    else noteSuccess();
  };

  /** A record that is damaged on the disk goes to quarantine as it is, sealed; the others go on behind it. */
  const setAside = async ({ n, line }: { readonly n: number; readonly line: Uint8Array }, keys: ReadonlyMap<string, Uint8Array>) => {
    const journalId = journal.journalId();
    const sealTo = options.sealingKey();
    if (sealTo === undefined) return pause(IDLE_MS);
    const body = sealBox(line, sealTo, host.random.bytes(32));
    const target = quarantineTarget(journalId, n);
    const reply = await client.send({ method: 'POST', target, body, contentType: 'application/octet-stream', timeoutMs: REQUEST_MS });
    // A journal that vanished meanwhile goes on in another one: the answer is not about that.
    if (stopped || journal.journalId() !== journalId) return;
    const read = readReceipt(reply, keys, { kioskId, journalId, storeId: options.storeId?.() });
    const isKept = read.ok && read.receipt.rejected.some((one) => one.n === n && one.reason === 'damaged');
    if (read.ok && isKept) {
      quarantined++;
      outbox.skip(n, read.line);
      return noteSuccess();
    }
    failure.note(read.ok ? 'a receipt that does not name the damaged record' : read.why, { waiting: outbox.waiting() });
    await pause(backoffMs(failures++, fraction(host.random.bytes(4)), read.ok ? 0 : read.retryAfterMs));
  };

  const nextBatch = async (): Promise<Uint8Array> => {
    const { body, records } = await outbox.batchAfter(outbox.acknowledged(), batchRecords);
    // One that did not fit was cut: the next ones need not be tried in that length.
    if (records < batchRecords && body.length > limits.batchEncodedBytes / 2) batchRecords = Math.max(1, records);
    return body;
  };

  const noteSuccess = () => {
    if (failure.last() !== undefined) host.log.info('upstream-reached', { waiting: outbox.waiting() });
    const recovered = failure.last() !== undefined;
    failure.note(undefined);
    evidence.succeeded();
    failures = 0;
    options.onAnswered?.(recovered);
    if (batchRecords < limits.batchRecords) batchRecords = Math.min(limits.batchRecords, batchRecords * 2);
  };

  const prune = () => {
    const nowMs = host.clock.monotonicMs();
    if (nowMs - prunedAtMs < PRUNE_MS) return;
    prunedAtMs = nowMs;
    const removed = journal.prune(outbox.acknowledged());
    if (removed > 0) host.log.info('journal-pruned', { segments: removed });
  };

  const run = async () => {
    while (!stopped) {
      const keys = options.receiptKeys();
      if (keys === undefined || (greeted && outbox.waiting() === 0)) {
        prune();
        await pause(IDLE_MS);
        continue;
      }
      const wasFailing = failure.last() !== undefined;
      await exchange(keys);
      if (wasFailing && failure.last() === undefined && outbox.waiting() > 0 && !isSpread) {
        await pause(fraction(host.random.bytes(4)) * options.reconnectSpreadMs);
      } else if (failure.last() === undefined) await pause(PACE_MS);
    }
  };

  const done = guarded(run, host);
  return {
    state: () => ({ acknowledged: outbox.acknowledged(), waiting: outbox.waiting(), failure: failure.last(), receiptAtMs, quarantined }),
    retry() {
      if (failure.last() === undefined || isSpread) return;
      isSpread = true;
      failures = 0;
      shorten(Math.max(notBeforeMs - host.clock.monotonicMs(), fraction(host.random.bytes(4)) * options.reconnectSpreadMs));
    },
    lastSuccessAtMs: evidence.lastSuccessAtMs,
    async drained(timeoutMs) {
      const journalId = journal.journalId();
      const target = journal.lastSeq();
      const untilMs = host.clock.monotonicMs() + timeoutMs;
      while (journal.journalId() === journalId ? outbox.acknowledged() < target || !greeted : outbox.waiting() > 0) {
        if (host.clock.monotonicMs() >= untilMs || stopped) return false;
        await sleep(host.clock, 20);
      }
      return true;
    },
    async stop() {
      stopped = true;
      interrupt();
      await done;
    },
  };

  /** The journal may refuse (a full disk): the loop waits and goes on; it never takes the kiosk down. */
  async function guarded(action: () => Promise<void>, { log }: Host): Promise<void> {
    while (!stopped) {
      try {
        await action();
      } catch (error) {
        log.error('push-failed', { why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
        await pause(backoffMs(failures++, 1));
      }
    }
  }
}
