/**
 * Takes batches in: verified, appended raw, acknowledged only after the commit. Thin on purpose: nothing is opened here,
 * and what a crossing means is the projector's matter.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Host } from '../../../config/ports/host.ts';
import { fromHex, toHex } from '../../credential/bytes.ts';
import { accept, type Outcome, refuse } from '../../credential/outcome.ts';
import { type Batch, type BatchReason, type ChainPoint, journalStart, readBatch } from '../../protocol/batch.ts';
import { limits } from '../../protocol/limits.ts';
import type { Receipt } from '../../protocol/receipt.ts';
import type { Alarm, EnrolledKiosk, JournalStore, StoredBatch, StoredJournal } from '../store/store.ts';
import { isInterleaved, readLines, sortLines, standingOf } from './rules.ts';

/** A receipt before it is bound to a request and signed. */
export type Answer = Pick<Receipt, 'journalId' | 'outcome' | 'n' | 'head' | 'rejected' | 'points'>;

export interface Ingest {
  /** Bytes of record `n` that are not any more what was chained, sealed. */
  quarantine(kiosk: EnrolledKiosk, journalId: string, n: number, bytes: Uint8Array): Promise<Outcome<Answer, 'batch-journal' | 'busy'>>;
  handshake(kiosk: EnrolledKiosk, journalId: string): Promise<Outcome<Answer, 'batch-journal'>>;
  /** `body` gzipped, its signature already verified. */
  takeBatch(
    kiosk: EnrolledKiosk,
    journalId: string,
    body: Uint8Array,
    signature: string,
  ): Promise<Outcome<Answer, BatchReason | 'batch-encoding' | 'batch-journal' | 'busy'>>;
}

const inflate = promisify(gunzip);
/** Points of the own history that a kiosk is told, so that it finds the last one it shares. */
const HISTORY_POINTS = 63;
const COMMIT_TRIES = 5;
const FORKS_KEPT = 1_024;

export function createIngest(store: JournalStore, host: Pick<Host, 'clock' | 'log'>): Ingest {
  const handshake: Ingest['handshake'] = async (kiosk, journalId) => {
    const journal = await store.findJournal(journalId);
    if (journal === undefined) return accept(unknownJournal(kiosk, journalId));
    if (!owns(kiosk, journal)) return refuse('batch-journal');
    return accept({ ...answer('acknowledged', journal), points: await pointsOf(journal) });
  };

  const takeBatch: Ingest['takeBatch'] = async (kiosk, journalId, body, signature) => {
    const inflated = await inflateBatch(body);
    if (inflated === undefined) return refuse('batch-encoding');
    const batch = readBatch(inflated);
    if (!batch.ok) return batch;
    const { header } = batch.value;
    if (header.journalId !== journalId || header.kioskId !== kiosk.kioskId) return refuse('batch-journal');
    // Another process may move the cursor between judging and committing: then judge again.
    for (let tries = 0; tries < COMMIT_TRIES; tries++) {
      const known = await store.findJournal(journalId);
      if (known !== undefined && !owns(kiosk, known)) return refuse('batch-journal');
      const answered = await judge(kiosk, known, batch.value, body, signature);
      if (answered !== undefined) return accept(answered);
    }
    return refuse('busy');
  };

  /** Undefined where the cursor moved meanwhile. */
  const judge = async (
    kiosk: EnrolledKiosk,
    known: StoredJournal | undefined,
    batch: Batch,
    body: Uint8Array,
    signature: string,
  ): Promise<Answer | undefined> => {
    const journal = known ?? newJournal(kiosk, batch);
    const standing = standingOf(batch, journal);
    if (standing.kind === 'gap') return known === undefined ? unknownJournal(kiosk, journal.journalId) : answer('gap', journal);
    if (standing.kind === 'compare') {
      const own = await hashAt(journal.journalId, standing.n);
      const sent = batch.hashes[standing.n - batch.header.firstSeq];
      // A batch that retention has dropped cannot be compared; the head in the answer still tells the kiosk a fork.
      const isSame = own === undefined || (sent !== undefined && own === toHex(sent));
      return isSame ? answer('acknowledged', journal) : fork(journal, batch);
    }
    if (standing.kind === 'fork') return fork(journal, batch);
    const lastSeq = batch.header.firstSeq + batch.header.count - 1;
    if (standing.from > lastSeq) return answer('acknowledged', journal);
    return append(kiosk, known, journal, batch, standing.from, body, signature);
  };

  const append = async (
    kiosk: EnrolledKiosk,
    known: StoredJournal | undefined,
    journal: StoredJournal,
    batch: Batch,
    from: number,
    body: Uint8Array,
    signature: string,
  ): Promise<Answer | undefined> => {
    const { header } = batch;
    const read = readLines(batch, from, kiosk.kioskId);
    const ids = read.flatMap(({ record }) => (record === undefined ? [] : [fromHex(record.id.replaceAll('-', ''))]));
    const sorted = sortLines(read, await store.lineHashes(ids));
    const lastSeq = header.firstSeq + header.count - 1;
    const stored: StoredBatch = {
      journalId: journal.journalId,
      firstSeq: header.firstSeq,
      acceptedFrom: from,
      lastSeq,
      head: header.headHash,
      skipped: sorted.skipped,
      body,
      afterRevocation: kiosk.revokedAtMs !== undefined,
    };
    const moved = { ...journal, n: lastSeq, head: header.headHash };
    const committed = await store.commitBatch({
      expected: known === undefined ? undefined : { n: known.n, head: known.head },
      journal: moved,
      batch: stored,
      signature,
      bootId: header.bootId,
      receivedAtMs: host.clock.wallMs(),
      entries: sorted.entries,
      rejects: sorted.rejects,
      alarms: [...conflictsOf(journal, sorted.rejects), ...(await clones(journal, header.bootId))],
    });
    if (!committed) return undefined;
    return { ...answer('acknowledged', moved), rejected: sorted.rejects.map(({ n, reason }) => ({ n, reason })) };
  };

  /** Boots that take turns are two machines with one identity. */
  const clones = async ({ kioskId, journalId }: StoredJournal, bootId: string): Promise<Alarm[]> =>
    isInterleaved(await store.boots(journalId), bootId) ? [{ code: 'duplicate-identity', kioskId, detail: `journal ${journalId}` }] : [];

  /** Heads of batches that a fork was told of: the same batch, sent again by whomever, is no second fork. */
  const forked = new Set<string>();

  const fork = async (journal: StoredJournal, { header }: Batch): Promise<Answer> => {
    const { kioskId, journalId } = journal;
    const { bootId } = header;
    const isRepeated = forked.has(header.headHash);
    forked.add(header.headHash);
    if (forked.size > FORKS_KEPT) forked.delete(forked.values().next().value ?? '');
    if (isRepeated) return { ...answer('fork', journal), points: await pointsOf(journal) };
    host.log.warn('journal-fork', { kiosk: kioskId, journal: journalId, n: journal.n, sent: header.firstSeq });
    const alarms: Alarm[] = [{ code: 'journal-fork', kioskId, detail: `journal ${journalId}` }, ...(await clones(journal, bootId))];
    for (const alarm of alarms) await store.raiseAlarm(alarm, host.clock.wallMs());
    return { ...answer('fork', journal), points: await pointsOf(journal) };
  };

  const pointsOf = async ({ journalId, kioskKey }: StoredJournal): Promise<ChainPoint[]> => [
    ...(await store.boundaries(journalId, HISTORY_POINTS)),
    startOf(journalId, kioskKey),
  ];

  /** Upstream's own entry_hash(n), hex: from the end of a batch, or computed again from within one. */
  const hashAt = async (journalId: string, n: number): Promise<string | undefined> => {
    const stored = await store.batchWith(journalId, n);
    if (stored === undefined || stored.firstSeq > n) return undefined;
    if (stored.lastSeq === n) return stored.head;
    const inflated = await inflateBatch(stored.body);
    const batch = inflated === undefined ? undefined : readBatch(inflated);
    const hash = batch?.ok === true ? batch.value.hashes[n - stored.firstSeq] : undefined;
    return hash === undefined ? undefined : toHex(hash);
  };

  const quarantine: Ingest['quarantine'] = async (kiosk, journalId, n, bytes) => {
    const journal = await store.findJournal(journalId);
    if (journal !== undefined && !owns(kiosk, journal)) return refuse('batch-journal');
    const { kioskId } = kiosk;
    if (!(await store.quarantine({ kioskId, journalId, n, bytes, receivedAtMs: host.clock.wallMs() }))) return refuse('busy');
    host.log.error('record-damaged', { kiosk: kioskId, journal: journalId, n });
    const point = journal ?? { journalId, ...startOf(journalId, kiosk.signingKey) };
    return accept({ ...answer('acknowledged', point), rejected: [{ n, reason: 'damaged' }] });
  };

  return { handshake, takeBatch, quarantine };
}

/** Gzip to NDJSON, given up as soon as it grows past the limit; undefined where it is no gzip or too large. */
export async function inflateBatch(body: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await inflate(body, { maxOutputLength: limits.batchInflatedBytes }));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function conflictsOf({ kioskId, journalId }: StoredJournal, rejects: readonly { n: number; reason: string }[]): Alarm[] {
  return rejects
    .filter(({ reason }) => reason === 'id-conflict')
    .map(({ n }) => ({ code: 'id-conflict', kioskId, detail: `journal ${journalId} record ${n}` }));
}

function owns(kiosk: EnrolledKiosk, journal: StoredJournal): boolean {
  return journal.kioskId === kiosk.kioskId && journal.kioskKey === kiosk.signingKey;
}

function newJournal({ kioskId, signingKey }: EnrolledKiosk, { header }: Batch): StoredJournal {
  const { journalId, parent } = header;
  return { journalId, kioskId, kioskKey: signingKey, parent: parent ?? undefined, ...startOf(journalId, signingKey) };
}

function startOf(journalId: string, kioskKey: string): ChainPoint {
  return { n: 0, head: journalStart(journalId, fromHex(kioskKey)) };
}

function unknownJournal(kiosk: EnrolledKiosk, journalId: string): Answer {
  return { ...answer('unknown-journal', { journalId, ...startOf(journalId, kiosk.signingKey) }) };
}

function answer(outcome: Receipt['outcome'], { journalId, n, head }: ChainPoint & { readonly journalId: string }): Answer {
  return { journalId, outcome, n, head, rejected: [], points: [] };
}
