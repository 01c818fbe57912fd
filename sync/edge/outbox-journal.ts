/**
 * The outbox over the journal: what upstream has, what is next, and what a receipt leads to. The push loop and the carrier
 * stick use the same one. Reads the journal in small parts, so that a long queue delays nobody.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { sleep } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { compareBytes, fromHex } from '../credential/bytes.ts';
import { type JournalParent, writeBatch } from '../protocol/batch.ts';
import { entryHash } from '../protocol/chain.ts';
import { limits } from '../protocol/limits.ts';
import type { Receipt } from '../protocol/receipt.ts';
import { judgeReceipt, type OwnJournal } from './outbox.ts';

/** What the loop needs of the kiosk's journal. */
interface StoredLine {
  readonly seq: number;
  readonly line: Uint8Array;
  readonly hash: Uint8Array;
}

export interface OutboxJournal extends Pick<OwnJournal, 'hashAt'> {
  journalId(): string;
  parent(): JournalParent | undefined;
  firstSeq(): number;
  lastSeq(): number;
  readAfter(seq: number, limit: number): readonly StoredLine[];
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

export interface OutboxOptions {
  readonly journal: OutboxJournal;
  readonly mark: MarkStore;
  readonly kioskId: string;
  readonly bootId: string;
}

export interface Outbox {
  /** Last record that upstream has; 0 for none. */
  acknowledged(): number;
  waiting(): number;
  /** The records above `after`, at most `recordsMax` and within the limits of a batch: gzipped. There must be one. */
  batchAfter(after: number, recordsMax: number): Promise<{ readonly body: Uint8Array; readonly records: number }>;
  /** The next record, where it is not any more what was chained; read only when a batch was refused. */
  damagedAfter(after: number): { readonly n: number; readonly line: Uint8Array } | undefined;
  /** Goes on behind a damaged record that upstream keeps as it is. */
  skip(n: number, receiptLine: string): void;
  /** Does what a receipt that is believed leads to. `line`: the receipt itself, kept where records are lost. */
  follow(receipt: Pick<Receipt, 'outcome' | 'n' | 'head' | 'points'>, line: string): void;
}

const compress = promisify(gzip);
const READ_LINES = 25;

export function createOutbox({ journal, mark, kioskId, bootId }: OutboxOptions, host: Pick<Host, 'clock' | 'log'>): Outbox {
  let knownId = journal.journalId();
  let acknowledged = readMark();
  /** A journal that vanished goes on in another one, of which upstream knows nothing. */
  const current = (): number => {
    if (journal.journalId() !== knownId) {
      knownId = journal.journalId();
      acknowledged = readMark();
    }
    return acknowledged;
  };

  function readMark(): number {
    const stored = mark.read();
    return stored?.journalId === journal.journalId() ? Math.min(stored.n, journal.lastSeq()) : journal.firstSeq();
  }

  const setAcknowledged = (n: number) => {
    if (n === acknowledged) return;
    acknowledged = n;
    mark.write({ journalId: journal.journalId(), n });
  };

  const batchAfter: Outbox['batchAfter'] = async (after, recordsMax) => {
    const lines: StoredLine[] = [];
    let bytes = 0;
    for (let read = after; lines.length < recordsMax && bytes < limits.batchInflatedBytes / 2; ) {
      const part = journal.readAfter(read, Math.min(READ_LINES, recordsMax - lines.length));
      const intact = intactFrom(read, part);
      lines.push(...intact);
      bytes += intact.reduce((sum, { line }) => sum + line.length, 0);
      read = intact.at(-1)?.seq ?? read;
      if (part.length === 0 || intact.length < part.length) break;
      // Between two parts a scan may have its turn.
      await sleep(host.clock, 0);
    }
    const body = await encode(after, lines);
    if (body.length <= limits.batchEncodedBytes || lines.length === 1) return { body, records: lines.length };
    return batchAfter(after, Math.floor(lines.length / 2));
  };

  /** The beginning of `part` that chains; what follows a damaged record goes in another batch. */
  const intactFrom = (after: number, part: readonly StoredLine[]): readonly StoredLine[] => {
    const journalId = fromHex(journal.journalId());
    const before = journal.hashAt(after);
    if (before === undefined) return [];
    let previous = fromHex(before);
    const damaged = part.findIndex(({ seq, line, hash }) => {
      const isIntact = compareBytes(entryHash(journalId, seq, previous, line), hash) === 0;
      previous = hash;
      return !isIntact;
    });
    return damaged < 0 ? part : part.slice(0, damaged);
  };

  const encode = async (after: number, lines: readonly { readonly line: Uint8Array; readonly hash: Uint8Array }[]): Promise<Uint8Array> => {
    const last = lines.at(-1);
    const prevHash = journal.hashAt(after);
    if (last === undefined || prevHash === undefined) throw new Error(`nothing to send after record ${after}`);
    const header = {
      v: 1 as const,
      journalId: journal.journalId(),
      parent: journal.parent() ?? null,
      kioskId,
      firstSeq: after + 1,
      count: lines.length,
      prevHash,
      headHash: Buffer.from(last.hash).toString('hex'),
      bootId,
    };
    const batch = writeBatch(
      header,
      lines.map(({ line }) => line),
    );
    return new Uint8Array(await compress(batch));
  };

  return {
    acknowledged: current,
    waiting: () => journal.lastSeq() - current(),
    batchAfter,
    damagedAfter(after) {
      const part = journal.readAfter(after, 1);
      const [first] = part;
      return first === undefined || intactFrom(after, part).length > 0 ? undefined : { n: first.seq, line: first.line };
    },
    skip(n, receiptLine) {
      const journalId = journal.journalId();
      host.log.error('record-damaged', { journal: journalId, record: n });
      journal.startNewJournal(n, { journalId, from: n, to: n, receipt: receiptLine });
      acknowledged = 0;
      mark.write({ journalId: journal.journalId(), n: 0 });
    },
    follow(receipt, line) {
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
    },
  };
}
