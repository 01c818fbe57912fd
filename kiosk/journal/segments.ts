/**
 * The segment files of a journal as one sequence of lines: opens them in order, checks that they join, writes to the last,
 * starts the next when it is full. Turns errors of the disk into faults.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../config/faults.ts';
import { diskTrouble, errorText } from '../../config/host/disk-error.ts';
import { setDatabaseAside, syncFolder } from '../../config/host/private-file.ts';
import type { Host } from '../../config/ports/host.ts';
import { compareBytes, toHex } from '../../sync/credential/bytes.ts';
import { type JournalParent, journalParent } from '../../sync/protocol/batch.ts';
import { entryHash, genesisHash } from '../../sync/protocol/chain.ts';
import { recordId, uuidBytes } from '../../sync/protocol/record-id.ts';
import { recordSchema } from '../../sync/protocol/records.ts';
import { createBallast } from './ballast.ts';
import {
  type CountOfDay,
  type DayCount,
  openSegment,
  type ReuseTag,
  type Segment,
  type SegmentContent,
  type SegmentHead,
  type StoredLine,
} from './segment.ts';

export interface SegmentsOptions {
  readonly dataDir: string;
  readonly kioskPublicKey: Uint8Array;
  readonly recordsPerSegment: number;
}

export interface Segments {
  readonly journalId: Uint8Array;
  readonly parent: JournalParent | undefined;
  /** Number of the last record that is no longer here; 0 while all are. */
  firstSeq(): number;
  /** entry_hash(n), where record n or its successor is still here. */
  hashAt(n: number): Uint8Array | undefined;
  /**
   * Goes on in a new journal that begins with the records above `afterSeq`, as they are, under new numbers. All of it is one
   * rename: after a crash the journal is the old one or the new one. This value is then to be closed and opened again.
   */
  moveToNewJournal(afterSeq: number): void;
  /** Removes whole segments up to record `acknowledged` that nothing needs any more; returns how many. */
  prune(acknowledged: number, keepMs: number, nowMs: number): number;
  /** Number of the segment that is written to. */
  current(): number;
  last(): { readonly seq: number; readonly hash: Uint8Array };
  rotateIfFull(): void;
  append(stored: StoredLine, tags: readonly ReuseTag[], count: DayCount | undefined): void;
  readAfter(afterSeq: number, limit: number): StoredLine[];
  tags(): ReuseTag[];
  counts(day: string): ReadonlyMap<string, number>;
  /** False where a file is not where it was put, or was cut. `newest`: the one that is written to alone. */
  isWhole(which: 'all' | 'newest'): boolean;
  /** Puts out of the way what lies where a segment was and is not it; call it on closed segments. */
  setAsideBroken(): void;
  /** Whether there is room for the last records: tries to make it again where it was used. */
  hasReserve(): boolean;
  close(): void;
}

const SEGMENT_FILE = /^(\d{6})\.db$/;
const VERIFY_LINES = 1_000;

export function openSegments(options: SegmentsOptions, host: Host): Segments {
  const folder = join(options.dataDir, 'journal');
  const ballast = createBallast(folder);
  const fileOf = (number: number) => join(folder, `${String(number).padStart(6, '0')}.db`);
  const segments: Segment[] = [];
  const numbers: number[] = [];
  let tail: { seq: number; hash: Uint8Array };
  let broken: string[] = [];

  const guard = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw diskFault(error, ballast.release);
    }
  };

  /** Made under another name first: a crash in between leaves no half segment. */
  const create = (head: SegmentHead, content?: SegmentContent) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const number = (numbers.at(-1) ?? 0) + 1;
    const fresh = `${fileOf(number)}.new`;
    for (const suffix of ['', '-wal', '-shm']) rmSync(fresh + suffix, { force: true });
    openSegment(fresh, head, content).close();
    setAside(fileOf(number));
    renameSync(fresh, fileOf(number));
    syncFolder(folder);
    segments.push(openSegment(fileOf(number)));
    numbers.push(number);
  };

  const openAll = () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    ballast.restore();
    const found = readdirSync(folder).flatMap((name) => SEGMENT_FILE.exec(name)?.[1] ?? []);
    for (const number of found.map(Number).sort((a, b) => a - b)) {
      segments.push(openExisting(fileOf(number)));
      numbers.push(number);
    }
    setAsideSuperseded();
    if (segments.length === 0) {
      const journalId = uuidBytes(recordId(host.clock.wallMs(), host.random.bytes(10)));
      const previousHash = genesisHash(journalId, options.kioskPublicKey);
      create({ journalId, kioskKey: options.kioskPublicKey, firstSeq: 0, previousHash });
    }
    checkJoints(segments, options.kioskPublicKey);
    return checkLines(segments);
  };

  /** Segments of a journal that a newer one has taken over: kept as evidence, no longer part of the sequence. */
  const setAsideSuperseded = () => {
    const journalId = segments.at(-1)?.head.journalId;
    if (journalId === undefined) return;
    const isOld = segments.map(({ head }) => compareBytes(head.journalId, journalId) !== 0);
    for (const [index, segment] of segments.entries()) {
      const number = numbers[index];
      if (isOld[index] !== true || number === undefined) continue;
      segment.close();
      renameSync(fileOf(number), `${fileOf(number)}.superseded`);
    }
    const kept = segments.flatMap((segment, index) => (isOld[index] === true ? [] : [{ segment, number: numbers[index] ?? 0 }]));
    segments.splice(0, segments.length, ...kept.map(({ segment }) => segment));
    numbers.splice(0, numbers.length, ...kept.map(({ number }) => number));
  };

  const readAfter = (afterSeq: number, limit: number): StoredLine[] => {
    const lines: StoredLine[] = [];
    for (const [index, segment] of segments.entries()) {
      const following = segments[index + 1];
      if (following !== undefined && following.head.firstSeq <= afterSeq) continue;
      lines.push(...segment.readAfter(afterSeq, limit - lines.length));
      if (lines.length >= limit) break;
    }
    return lines;
  };

  const hashAt = (n: number): Uint8Array | undefined => {
    if (n === tail.seq) return tail.hash;
    const start = segments.find(({ head }) => head.firstSeq === n);
    if (start !== undefined) return start.head.previousHash;
    const [line] = n > (segments[0]?.head.firstSeq ?? 0) ? readAfter(n - 1, 1) : [];
    return line?.seq === n ? line.hash : undefined;
  };

  const allTags = (): ReuseTag[] => segments.flatMap((segment) => segment.tags());

  const moveToNewJournal = (afterSeq: number): void => {
    const { head } = newest();
    const shared = hashAt(afterSeq);
    const journalId = uuidBytes(recordId(host.clock.wallMs(), host.random.bytes(10)));
    const previousHash = genesisHash(journalId, head.kioskKey);
    const parent =
      shared === undefined ? undefined : journalParent.parse({ journalId: toHex(head.journalId), n: afterSeq, head: toHex(shared) });
    const lines = renumber(journalId, previousHash, linesAfter(afterSeq));
    create(
      { journalId, kioskKey: head.kioskKey, firstSeq: 0, previousHash, parent },
      { lines, tags: allTags(), counts: sumCounts(segments) },
    );
  };

  /** Each is compared with its chain: a damaged record must not become part of a new one unseen. */
  function* linesAfter(afterSeq: number): Generator<StoredLine> {
    const { journalId } = newest().head;
    let previous = hashAt(afterSeq);
    for (let after = afterSeq; ; ) {
      const lines = readAfter(after, VERIFY_LINES);
      for (const stored of lines) {
        const isIntact = previous === undefined || compareBytes(entryHash(journalId, stored.seq, previous, stored.line), stored.hash) === 0;
        if (!isIntact) throw new Fault('journal-corrupt', `Record ${stored.seq} was changed.`);
        previous = stored.hash;
        yield stored;
      }
      const last = lines.at(-1);
      if (last === undefined) return;
      after = last.seq;
    }
  }

  const prune = (acknowledged: number, keepMs: number, nowMs: number): number => {
    let removed = 0;
    for (;;) {
      const [oldest, following] = segments;
      const number = numbers[0];
      if (oldest === undefined || following === undefined || number === undefined) break;
      const isNeeded =
        following.head.firstSeq > acknowledged ||
        recordedAtMs(oldest) > nowMs - keepMs ||
        oldest.tags().some(({ expiresAtMs }) => expiresAtMs > nowMs);
      if (isNeeded) break;
      oldest.close();
      segments.shift();
      numbers.shift();
      for (const suffix of ['', '-wal', '-shm']) rmSync(fileOf(number) + suffix, { force: true });
      removed++;
    }
    if (removed > 0) syncFolder(folder);
    return removed;
  };

  const newest = (): Segment => {
    const segment = segments.at(-1);
    if (segment === undefined) throw new Error('the journal is closed');
    return segment;
  };
  const close = () => {
    broken = segments.flatMap((segment) => (segment.isWhole() ? [] : [segment.file]));
    for (const segment of segments.splice(0)) segment.close();
  };
  const setAsideBroken = () => {
    for (const file of broken) setAside(file);
  };
  /** Also a log that is left of a file that is gone: beside another file it would be taken for that one's own. */
  const setAside = (file: string) => {
    const kept = setDatabaseAside(file);
    if (kept !== undefined) host.log.warn('journal-set-aside', { file, kept });
  };

  try {
    tail = guard(openAll);
  } catch (error) {
    close();
    throw error;
  }
  return {
    journalId: newest().head.journalId,
    parent: segments[0]?.head.parent,
    firstSeq: () => segments[0]?.head.firstSeq ?? 0,
    hashAt: (n) => guard(() => hashAt(n)),
    moveToNewJournal: (afterSeq) => guard(() => moveToNewJournal(afterSeq)),
    prune: (acknowledged, keepMs, nowMs) => guard(() => prune(acknowledged, keepMs, nowMs)),
    current: () => numbers.at(-1) ?? 0,
    last: () => tail,
    rotateIfFull: () =>
      guard(() => {
        const { head } = newest();
        if (tail.seq - head.firstSeq < options.recordsPerSegment) return;
        ballast.restore();
        create({ ...head, firstSeq: tail.seq, previousHash: tail.hash });
      }),
    append(stored, tags, count) {
      requireWhole(newest());
      guard(() => newest().append(stored, tags, count));
      // Committed into a file that nobody finds again is not on record.
      requireWhole(newest());
      tail = { seq: stored.seq, hash: stored.hash };
    },
    readAfter: (afterSeq, limit) => guard(() => readAfter(afterSeq, limit)),
    tags: () => guard(allTags),
    counts: (day) =>
      guard(() => {
        const sum = new Map<string, number>();
        for (const segment of segments) {
          for (const [verdict, count] of segment.counts(day)) sum.set(verdict, (sum.get(verdict) ?? 0) + count);
        }
        return sum;
      }),
    isWhole: (which) => (which === 'newest' ? newest().isWhole() : segments.every((segment) => segment.isWhole())),
    setAsideBroken: () => guard(setAsideBroken),
    hasReserve: () => guard(ballast.restore),
    close,
  };
}

function requireWhole({ isWhole, file }: Segment): void {
  if (!isWhole()) throw new Fault('journal-gone', `${file} was deleted, replaced or cut.`);
}

function openExisting(file: string): Segment {
  try {
    return openSegment(file);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const trouble = diskTrouble(error);
    if (existsSync(file) && trouble !== 'refused' && trouble !== 'full')
      throw new Fault('journal-corrupt', `${file} is not a journal segment.`, { cause: error });
    throw error;
  }
}

/** The same lines, chained anew from the start of another journal. */
function* renumber(journalId: Uint8Array, start: Uint8Array, lines: Iterable<StoredLine>): Generator<StoredLine> {
  let tail = { seq: 0, hash: start };
  for (const { line } of lines) {
    tail = { seq: tail.seq + 1, hash: entryHash(journalId, tail.seq + 1, tail.hash, line) };
    yield { ...tail, line };
  }
}

function sumCounts(segments: readonly Segment[]): CountOfDay[] {
  const sums = new Map<string, CountOfDay>();
  for (const { day, verdict, count } of segments.flatMap((segment) => segment.allCounts())) {
    const name = `${day} ${verdict}`;
    sums.set(name, { day, verdict, count: count + (sums.get(name)?.count ?? 0) });
  }
  return [...sums.values()];
}

/** When the last record of a segment was written, by the machine's clock; now where none can be read. */
function recordedAtMs(segment: Segment): number {
  const { seq } = segment.last();
  const [line] = segment.readAfter(seq - 1, 1);
  return line === undefined
    ? Number.POSITIVE_INFINITY
    : Date.parse(recordSchema.parse(JSON.parse(new TextDecoder().decode(line.line))).recordTime);
}

/** Each segment must begin where the one before ends, and all belong to one journal of this kiosk. */
function checkJoints(segments: readonly Segment[], kioskKey: Uint8Array): void {
  const [first] = segments;
  if (first === undefined) return;
  let expected = { seq: first.head.firstSeq, hash: first.head.previousHash };
  if (expected.seq === 0 && compareBytes(expected.hash, genesisHash(first.head.journalId, kioskKey)) !== 0) {
    throw new Fault('journal-corrupt', 'The journal belongs to another kiosk key.');
  }
  for (const { head, last } of segments) {
    const isSame = compareBytes(head.journalId, first.head.journalId) === 0 && compareBytes(head.kioskKey, kioskKey) === 0;
    if (!isSame || head.firstSeq !== expected.seq || compareBytes(head.previousHash, expected.hash) !== 0) {
      throw new Fault('journal-corrupt', `The segments do not join at record ${head.firstSeq}.`);
    }
    expected = last();
  }
}

/** Computes the chain of the newest segment again: a flipped bit anywhere in it is found. */
function checkLines(segments: readonly Segment[]): { seq: number; hash: Uint8Array } {
  const segment = segments.at(-1);
  if (segment === undefined) throw new Error('no segment');
  let tail = { seq: segment.head.firstSeq, hash: segment.head.previousHash };
  for (;;) {
    const lines = segment.readAfter(tail.seq, VERIFY_LINES);
    for (const { seq, line, hash } of lines) {
      const expected = entryHash(segment.head.journalId, tail.seq + 1, tail.hash, line);
      if (seq !== tail.seq + 1 || compareBytes(hash, expected) !== 0) throw new Fault('journal-corrupt', `Record ${seq} was changed.`);
      tail = { seq, hash };
    }
    if (lines.length < VERIFY_LINES) return tail;
  }
}

function diskFault(error: unknown, releaseBallast: () => void): Fault {
  const trouble = diskTrouble(error);
  if (trouble === undefined) throw error;
  if (trouble === 'full') {
    releaseBallast();
    return new Fault('disk-full', undefined, { cause: error });
  }
  return new Fault(trouble === 'damaged' ? 'journal-corrupt' : 'journal-unwritable', errorText(error), { cause: error });
}
