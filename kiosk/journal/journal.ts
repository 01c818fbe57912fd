/**
 * The journal: every decision and what became of it, chained and sealed, committed to disk before the screen shows it.
 * Segment files in `journal/`, numbered from 1. The kiosk cannot read back whom it let pass: the keys of the seals live in
 * this process's memory only. Any error of the disk closes the files; the next append opens and checks them again.
 */
import { Fault, type FaultCode } from '../../config/faults.ts';
import type { Host } from '../../config/ports/host.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import type { JournalParent } from '../../sync/protocol/batch.ts';
import { entryHash } from '../../sync/protocol/chain.ts';
import { recordId } from '../../sync/protocol/record-id.ts';
import type { ClockState, JournalRecord } from '../../sync/protocol/records.ts';
import { encodeSealedDecision, type SealedDecision } from '../../sync/protocol/sealed-decision.ts';
import { SEGMENT_KEY_BYTES, sealBox, sealKidOf, sealRecord } from '../../sync/protocol/sealing.ts';
import { folderMark } from './folder-mark.ts';
import { type JournalLoss, type JournalPlace, lossOf, type PlaceStore } from './journal-loss.ts';
import { createReuseIndex, type PassedCredential, type ReuseIndex } from './reuse-index.ts';
import type { DayCount, ReuseTag, StoredLine } from './segment.ts';
import { openSegments, type Segments } from './segments.ts';

export interface JournalOptions {
  readonly dataDir: string;
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly lane: string;
  readonly bootId: string;
  readonly kioskPublicKey: Uint8Array;
  /** Keys the reuse tags: without it the tags name nobody. */
  readonly reuseKey: Uint8Array;
  readonly recordsPerSegment?: number;
  /** Where the place of the journal is noted besides; without it a journal that vanished while no kiosk ran is a new one. */
  readonly place?: PlaceStore | undefined;
}

/** The state of the kiosk that every record carries. */
export interface RecordContext {
  /** Trusted time, Unix milliseconds. */
  readonly nowMs: number;
  readonly clockState: ClockState;
  readonly sliceVersion?: number | undefined;
  readonly policyVersion?: number | undefined;
  readonly trustVersion?: number | undefined;
}

export type Entry =
  | {
      readonly kind: 'decision';
      readonly decision: Omit<SealedDecision, 'recordId' | 'kioskId' | 'checkpointId' | 'eventTimeMs'>;
      /** Upstream's X25519 key. */
      readonly sealTo: Uint8Array;
      /** Set on a pass: what is known again later. */
      readonly passed?: PassedCredential | undefined;
      readonly count: DayCount;
    }
  | { readonly kind: 'painted'; readonly ref: string; readonly painted: 'painted' | 'unpainted' | 'superseded' }
  | { readonly kind: 'lane'; readonly laneState: 'open' | 'closed'; readonly fault?: string | undefined }
  | { readonly kind: 'fault'; readonly fault: string }
  | { readonly kind: 'time'; readonly time: NonNullable<JournalRecord['time']> }
  | { readonly kind: 'double-use'; readonly ref: string; readonly other: NonNullable<JournalRecord['other']> };

export type LostRange = NonNullable<JournalRecord['lost']>;

export interface Journal {
  /** Appends one record; it is on disk when this returns. Throws Fault: disk-full, journal-unwritable, journal-corrupt, journal-gone. */
  append(entry: Entry, context: RecordContext): JournalRecord;
  readonly reuse: Pick<ReuseIndex, 'find' | 'inside'>;
  /** Decisions of a day by verdict. */
  counts(day: string): ReadonlyMap<string, number>;
  /** Lines above a number, in order; the outbox reads with upstream's cursor. */
  readAfter(seq: number, limit: number): StoredLine[];
  lastSeq(): number;
  /** 32 hex digits. */
  journalId(): string;
  parent(): JournalParent | undefined;
  /** Number of the last record that is no longer here; 0 while all are. */
  firstSeq(): number;
  /** entry_hash(n), hex; undefined where record n is not here, or not yet. */
  hashAt(n: number): string | undefined;
  /** Goes on in a new journal that begins with the records above `afterSeq`, and then with `lost` where some are gone for good. */
  startNewJournal(afterSeq: number, lost: LostRange | undefined, context: RecordContext): void;
  /** Removes acknowledged segments older than `keepMs` at `nowMs`, by the machine's clock if absent; returns how many. */
  prune(acknowledged: number, keepMs: number, nowMs?: number): number;
  /** Why no decision may be made now, though records of the lane can still be written: the disk has no reserve left. */
  fault(): FaultCode | undefined;
  close(): void;
}

interface Seal {
  readonly id: string;
  readonly key: Uint8Array;
  readonly sealKid: string;
  readonly startedAtMs: number;
  readonly segment: number;
  index: number;
}

const RECORDS_PER_SEGMENT = 10_000;
const SEAL_MS_MAX = 3_600_000;
/** What was recorded since is lost without a number where journal and memory go together. */
const PLACE_MS = 60_000;

/** Opens or creates the journal and checks its tail. Throws Fault. */
export function openJournal(options: JournalOptions, host: Host): Journal {
  const recordsPerSegment = options.recordsPerSegment ?? RECORDS_PER_SEGMENT;
  const reuse = createReuseIndex(options.reuseKey);
  let segments: Segments | undefined;
  let seal: Seal | undefined;
  /** Counts of one day and the last number: also answered while the disk does not. */
  let today: { day: string; counts: Map<string, number> } | undefined;
  /** The last record that was committed, and its hash; also answered while the disk does not. */
  let last: (JournalPlace & { readonly hash: string }) | undefined;
  let placeNotedAtMs = Number.NEGATIVE_INFINITY;
  /** Not on record yet. */
  let loss: JournalLoss | undefined;
  const isFolderThere = folderMark(options.dataDir);

  const note = (target: Segments): void => {
    const { seq, hash } = target.last();
    last = { journalId: toHex(target.journalId), seq, hash: toHex(hash) };
  };
  const notePlace = (): void => {
    // Until a loss is on record the old place stays: a process that ends before that leaves it to the next one to be found.
    if (last === undefined || loss !== undefined) return;
    placeNotedAtMs = host.clock.monotonicMs();
    options.place?.write({ journalId: last.journalId, seq: last.seq });
  };

  const openFound = (): Segments => openSegments({ ...options, recordsPerSegment }, host);

  /** Opens what a fault closed; the tail and the tags are read again, because nobody knows what reached the disk. */
  const opened = (): Segments => {
    if (segments !== undefined) return segments;
    if (!isFolderThere()) throw new Fault('journal-gone', `${options.dataDir} is not the folder that it was.`);
    let fresh = openFound();
    const found = { journalId: toHex(fresh.journalId), seq: fresh.last().seq, parent: fresh.parent };
    const missing = lossOf(last ?? options.place?.read(), options.place?.acknowledged(), found);
    if (missing !== undefined) {
      host.log.error('journal-gone', { ...missing.range });
      loss = missing;
      // The numbers that are lost must not come a second time with other records.
      if (missing.isBehind) fresh = moved(fresh);
    }
    // Who passed is still known where the records of it are not.
    if (missing === undefined || last === undefined) reuse.rebuild(fresh.tags(), host.clock.wallMs());
    segments = fresh;
    today = undefined;
    note(fresh);
    notePlace();
    return fresh;
  };

  const moved = (target: Segments): Segments => {
    try {
      target.moveToNewJournal(target.firstSeq());
    } finally {
      target.close();
    }
    return openFound();
  };

  const letGo = (target: Segments): void => {
    segments = undefined;
    seal = undefined;
    target.close();
  };

  /** The files are gone or were cut. What can still be read through the open ones goes on in a new journal. */
  const abandon = (target: Segments): void => {
    host.log.error('journal-gone', { dataDir: options.dataDir });
    loss = { range: undefined, isBehind: false };
    try {
      if (isFolderThere()) target.moveToNewJournal(target.firstSeq());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      host.log.error('journal-not-saved', { why: error.message });
    }
    letGo(target);
    target.setAsideBroken();
  };

  const store = (record: JournalRecord, tags: readonly ReuseTag[], count: DayCount | undefined): void => {
    const target = opened();
    const line = new TextEncoder().encode(JSON.stringify(record));
    const { seq, hash } = target.last();
    const stored = { seq: seq + 1, line, hash: entryHash(target.journalId, seq + 1, hash, line) };
    try {
      target.append(stored, tags, count);
    } catch (error) {
      if (error instanceof Fault && error.code === 'journal-gone') abandon(target);
      else letGo(target);
      throw error;
    }
    note(target);
    if (host.clock.monotonicMs() - placeNotedAtMs >= PLACE_MS) notePlace();
  };

  /** Before anything else is recorded. */
  const recordLoss = (context: RecordContext): void => {
    opened();
    if (loss === undefined) return;
    const { range } = loss;
    store({ ...clearPart('fault', context), fault: 'journal-gone' }, [], undefined);
    if (range !== undefined) store({ ...clearPart('lost-range', context), lost: { ...range, receipt: '' } }, [], undefined);
    loss = undefined;
    notePlace();
  };

  const clearPart = (kind: JournalRecord['kind'], context: RecordContext): JournalRecord => {
    const wallMs = host.clock.wallMs();
    return {
      v: 1,
      id: recordId(context.nowMs, host.random.bytes(10)),
      kind,
      kioskId: options.kioskId,
      checkpointId: options.checkpointId,
      lane: options.lane,
      bootId: options.bootId,
      eventTime: new Date(context.nowMs).toISOString(),
      recordTime: new Date(wallMs).toISOString(),
      monotonicMs: Math.round(host.clock.monotonicMs()),
      clockState: context.clockState,
      clockOffsetMs: Math.round(context.nowMs - wallMs),
      ...(context.sliceVersion !== undefined && { sliceVersion: context.sliceVersion }),
      ...(context.policyVersion !== undefined && { policyVersion: context.policyVersion }),
      ...(context.trustVersion !== undefined && { trustVersion: context.trustVersion }),
    };
  };

  /** A fresh key for each boot, segment, hour and sealing key; its box is a record of its own. */
  const currentSeal = (sealTo: Uint8Array, context: RecordContext): Seal => {
    const segment = opened().current();
    const sealKid = sealKidOf(sealTo);
    const nowMs = host.clock.monotonicMs();
    if (seal !== undefined && seal.segment === segment && seal.sealKid === sealKid && nowMs - seal.startedAtMs < SEAL_MS_MAX) return seal;
    const key = host.random.bytes(SEGMENT_KEY_BYTES);
    const box = Buffer.from(sealBox(key, sealTo, host.random.bytes(32))).toString('base64url');
    const record = { ...clearPart('seal', context), seal: { sealKid, box } };
    store(record, [], undefined);
    seal = { id: record.id, key, sealKid, startedAtMs: nowMs, segment, index: 0 };
    return seal;
  };

  const appendDecision = (entry: Extract<Entry, { kind: 'decision' }>, context: RecordContext): JournalRecord => {
    const clear = clearPart('decision', context);
    opened().rotateIfFull();
    const { id, key, index } = currentSeal(entry.sealTo, context);
    const { kioskId, checkpointId } = options;
    const plaintext = encodeSealedDecision({
      ...entry.decision,
      recordId: clear.id,
      kioskId,
      checkpointId,
      eventTimeMs: context.nowMs,
    });
    // An index is never used twice, also when the commit below fails.
    if (seal !== undefined) seal.index++;
    const sealed = Buffer.from(sealRecord(plaintext, key, index)).toString('base64url');
    const record = { ...clear, sealRef: { id, index }, sealed };
    const tags = entry.passed === undefined ? [] : reuse.tagsFor(entry.passed);
    store(record, tags, entry.count);
    reuse.add(tags);
    const { day, verdict } = entry.count;
    if (today?.day === day) today.counts.set(verdict, (today.counts.get(verdict) ?? 0) + 1);
    return record;
  };

  opened();
  return {
    append(entry, context) {
      recordLoss(context);
      if (entry.kind === 'decision') return appendDecision(entry, context);
      const { kind, ...own } = entry;
      const present = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
      const record: JournalRecord = { ...clearPart(kind, context), ...present };
      opened().rotateIfFull();
      store(record, [], undefined);
      return record;
    },
    reuse,
    counts(day) {
      try {
        if (today?.day !== day) today = { day, counts: new Map(opened().counts(day)) };
        return today.counts;
      } catch (error) {
        if (error instanceof Fault) return new Map();
        throw error;
      }
    },
    readAfter: (seq, limit) => opened().readAfter(seq, limit),
    lastSeq: () => last?.seq ?? 0,
    journalId: () => (segments === undefined && last !== undefined ? last.journalId : toHex(opened().journalId)),
    parent: () => opened().parent,
    firstSeq: () => opened().firstSeq(),
    hashAt(n) {
      if (n === last?.seq) return last.hash;
      const hash = opened().hashAt(n);
      return hash === undefined ? undefined : toHex(hash);
    },
    startNewJournal(afterSeq, lost, context) {
      const old = opened();
      try {
        old.moveToNewJournal(afterSeq);
      } finally {
        // Read again from disk, whatever came of it: a seal belongs to the files that were open.
        old.close();
        segments = undefined;
        seal = undefined;
      }
      opened();
      notePlace();
      if (lost !== undefined) store({ ...clearPart('lost-range', context), lost }, [], undefined);
    },
    prune: (acknowledged, keepMs, nowMs = host.clock.wallMs()) => opened().prune(acknowledged, keepMs, nowMs),
    fault() {
      try {
        const open = opened();
        if (open.isWhole('all')) return open.hasReserve() ? undefined : 'disk-full';
        abandon(open);
        return 'journal-gone';
      } catch (error) {
        if (error instanceof Fault) return error.code;
        throw error;
      }
    },
    close() {
      if (segments === undefined) return;
      notePlace();
      letGo(segments);
    },
  };
}
