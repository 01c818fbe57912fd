/**
 * The push loop: journal to upstream, in batches, at its own pace. Nothing but a bound receipt moves its mark; it never
 * touches the path of a scan, and reads the journal in small parts so that a long queue delays nobody.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { sleep } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { type JournalParent, writeBatch } from '../protocol/batch.ts';
import { limits } from '../protocol/limits.ts';
import { backoffMs, fraction } from './backoff.ts';
import { createFailures, createPause } from './loop-tools.ts';
import { judgeReceipt, type OwnJournal } from './outbox.ts';
import { readReceipt } from './read-reply.ts';
import type { UpstreamClient } from './upstream-client.ts';

/** What the loop needs of the kiosk's journal. */
export interface OutboxJournal extends Pick<OwnJournal, 'hashAt'> {
  journalId(): string;
  parent(): JournalParent | undefined;
  firstSeq(): number;
  lastSeq(): number;
  readAfter(seq: number, limit: number): readonly { readonly seq: number; readonly line: Uint8Array; readonly hash: Uint8Array }[];
  startNewJournal(
    afterSeq: number,
    lost: { readonly journalId: string; readonly from: number; readonly to: number; readonly receipt: string } | undefined,
  ): void;
  prune(acknowledged: number): number;
}

/** Upstream's last word, kept over restarts: {journalId, n}. */
export interface MarkStore {
  read(): { readonly journalId: string; readonly n: number } | undefined;
  write(mark: { readonly journalId: string; readonly n: number }): void;
}

export interface PushOptions {
  readonly journal: OutboxJournal;
  readonly mark: MarkStore;
  readonly client: UpstreamClient;
  readonly kioskId: string;
  readonly bootId: string;
  /** Keys that may sign receipts; undefined while no keyring is known. */
  receiptKeys(): ReadonlyMap<string, Uint8Array> | undefined;
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

export interface PushLoop {
  state(): PushState;
  /** Resolves when everything that is in the journal now is acknowledged, or false after `timeoutMs`. */
  drained(timeoutMs: number): Promise<boolean>;
  stop(): Promise<void>;
}

const compress = promisify(gzip);
const REQUEST_MS = 20_000;
const IDLE_MS = 250;
/** Between two batches of a long queue: the processor belongs to the lane. */
const PACE_MS = 40;
const READ_LINES = 25;
const PRUNE_MS = 60_000;

export function startPushLoop(options: PushOptions, host: Host): PushLoop {
  const { journal, mark, client, kioskId } = options;
  let acknowledged = readMark();
  /** Whether upstream has said since the start where it stands in this journal. */
  let greeted = false;
  let batchRecords: number = limits.batchRecords;
  let failures = 0;
  let receiptAtMs: number | undefined;
  let quarantined = 0;
  let prunedAtMs = Number.NEGATIVE_INFINITY;
  let stopped = false;
  const { pause, interrupt } = createPause(host.clock);
  const failure = createFailures('upstream-unreachable', host);

  function readMark(): number {
    const stored = mark.read();
    return stored?.journalId === journal.journalId() ? Math.min(stored.n, journal.lastSeq()) : journal.firstSeq();
  }

  const setAcknowledged = (n: number) => {
    if (n === acknowledged) return;
    acknowledged = n;
    mark.write({ journalId: journal.journalId(), n });
  };

  /** One request and what it led to. */
  const exchange = async (keys: ReadonlyMap<string, Uint8Array>): Promise<void> => {
    const journalId = journal.journalId();
    const body = greeted ? await nextBatch() : undefined;
    const target = `/v1/journals/${journalId}`;
    const reply = await client.send(
      body === undefined
        ? { method: 'GET', target, timeoutMs: REQUEST_MS }
        : { method: 'POST', target: `${target}/batches`, body, contentType: 'application/gzip', timeoutMs: REQUEST_MS },
    );
    if (stopped) return;
    const read = readReceipt(reply, keys, { kioskId, journalId });
    if (!read.ok) {
      // A batch that is too large, or too slow to send, goes again in halves.
      if (read.tooLarge && body !== undefined) batchRecords = Math.max(1, Math.floor(batchRecords / 2));
      failure.note(read.why, { waiting: journal.lastSeq() - acknowledged });
      await pause(backoffMs(failures++, fraction(host.random.bytes(4)), read.retryAfterMs));
      return;
    }
    const { receipt } = read;
    const movesNothing = receipt.outcome !== 'acknowledged' && body !== undefined;
    quarantined += receipt.rejected.length;
    for (const { n, reason } of receipt.rejected) host.log.error('record-quarantined', { record: n, reason });
    follow(receipt, read.line);
    // An answer that is signed and leads nowhere must not be asked for again without a pause.
    if (movesNothing) await pause(backoffMs(failures++, fraction(host.random.bytes(4))));
    else noteSuccess();
  };

  const follow = (receipt: Parameters<typeof judgeReceipt>[0], line: string) => {
    greeted = true;
    receiptAtMs = host.clock.monotonicMs();
    const own = { firstSeq: journal.firstSeq(), lastSeq: journal.lastSeq(), hashAt: (n: number) => journal.hashAt(n) };
    const step = judgeReceipt(receipt, own);
    if (step.kind === 'acknowledge') return setAcknowledged(step.n);
    if (step.kind === 'restart') return setAcknowledged(0);
    const journalId = journal.journalId();
    host.log.warn('journal-restarted', { after: step.afterSeq, lostFrom: step.lost?.from, lostTo: step.lost?.to });
    journal.startNewJournal(step.afterSeq, step.lost === undefined ? undefined : { ...step.lost, journalId, receipt: line });
    // Upstream cannot know it yet: no handshake is needed.
    acknowledged = 0;
    mark.write({ journalId: journal.journalId(), n: 0 });
  };

  const nextBatch = async (): Promise<Uint8Array> => {
    const lines: { readonly seq: number; readonly line: Uint8Array; readonly hash: Uint8Array }[] = [];
    let bytes = 0;
    for (let after = acknowledged; lines.length < batchRecords && bytes < limits.batchInflatedBytes / 2; ) {
      const part = journal.readAfter(after, Math.min(READ_LINES, batchRecords - lines.length));
      const last = part.at(-1);
      if (last === undefined) break;
      lines.push(...part);
      bytes += part.reduce((sum, { line }) => sum + line.length, 0);
      after = last.seq;
      // Between two parts a scan may have its turn.
      await sleep(host.clock, 0);
    }
    const body = await encode(lines);
    if (body.length <= limits.batchEncodedBytes || lines.length === 1) return body;
    batchRecords = Math.max(1, Math.floor(lines.length / 2));
    return nextBatch();
  };

  const encode = async (lines: readonly { readonly line: Uint8Array; readonly hash: Uint8Array }[]): Promise<Uint8Array> => {
    const last = lines.at(-1);
    const prevHash = journal.hashAt(acknowledged);
    if (last === undefined || prevHash === undefined) throw new Error(`nothing to send after record ${acknowledged}`);
    const header = {
      v: 1 as const,
      journalId: journal.journalId(),
      parent: journal.parent() ?? null,
      kioskId,
      firstSeq: acknowledged + 1,
      count: lines.length,
      prevHash,
      headHash: Buffer.from(last.hash).toString('hex'),
      bootId: options.bootId,
    };
    return new Uint8Array(
      await compress(
        writeBatch(
          header,
          lines.map(({ line }) => line),
        ),
      ),
    );
  };

  const noteSuccess = () => {
    if (failure.last() !== undefined) host.log.info('upstream-reached', { waiting: journal.lastSeq() - acknowledged });
    failure.note(undefined);
    failures = 0;
    if (batchRecords < limits.batchRecords) batchRecords = Math.min(limits.batchRecords, batchRecords * 2);
  };

  const prune = () => {
    const nowMs = host.clock.monotonicMs();
    if (nowMs - prunedAtMs < PRUNE_MS) return;
    prunedAtMs = nowMs;
    const removed = journal.prune(acknowledged);
    if (removed > 0) host.log.info('journal-pruned', { segments: removed });
  };

  const run = async () => {
    while (!stopped) {
      const keys = options.receiptKeys();
      if (keys === undefined || (greeted && journal.lastSeq() === acknowledged)) {
        prune();
        await pause(IDLE_MS);
        continue;
      }
      const wasFailing = failure.last() !== undefined;
      await exchange(keys);
      if (wasFailing && failure.last() === undefined && journal.lastSeq() > acknowledged) {
        await pause(fraction(host.random.bytes(4)) * options.reconnectSpreadMs);
      } else if (failure.last() === undefined) await pause(PACE_MS);
    }
  };

  const done = guarded(run, host);
  return {
    state: () => ({ acknowledged, waiting: journal.lastSeq() - acknowledged, failure: failure.last(), receiptAtMs, quarantined }),
    async drained(timeoutMs) {
      const journalId = journal.journalId();
      const target = journal.lastSeq();
      const untilMs = host.clock.monotonicMs() + timeoutMs;
      while (journal.journalId() === journalId ? acknowledged < target || !greeted : acknowledged < journal.lastSeq()) {
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
