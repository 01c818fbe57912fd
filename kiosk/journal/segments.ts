/**
 * The segment files of a journal as one sequence of lines: opens them in order, checks that they join, writes to the last,
 * starts the next when it is full. Turns errors of the disk into faults.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../config/faults.ts';
import { syncFolder } from '../../config/host/private-file.ts';
import type { Host } from '../../config/ports/host.ts';
import { compareBytes } from '../../sync/credential/bytes.ts';
import { entryHash, genesisHash } from '../../sync/protocol/chain.ts';
import { recordId, uuidBytes } from '../../sync/protocol/record-id.ts';
import { createBallast } from './ballast.ts';
import { type DayCount, openSegment, type ReuseTag, type Segment, type SegmentHead, type StoredLine } from './segment.ts';

export interface SegmentsOptions {
  readonly dataDir: string;
  readonly kioskPublicKey: Uint8Array;
  readonly recordsPerSegment: number;
}

export interface Segments {
  readonly journalId: Uint8Array;
  /** Number of the segment that is written to. */
  current(): number;
  last(): { readonly seq: number; readonly hash: Uint8Array };
  rotateIfFull(): void;
  append(stored: StoredLine, tags: readonly ReuseTag[], count: DayCount | undefined): void;
  readAfter(afterSeq: number, limit: number): StoredLine[];
  tags(): ReuseTag[];
  counts(day: string): ReadonlyMap<string, number>;
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

  const guard = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw diskFault(error, ballast.release);
    }
  };

  /** Made under another name first: a crash in between leaves no half segment. */
  const create = (head: SegmentHead) => {
    const number = (numbers.at(-1) ?? 0) + 1;
    const fresh = `${fileOf(number)}.new`;
    for (const suffix of ['', '-wal', '-shm']) rmSync(fresh + suffix, { force: true });
    openSegment(fresh, head).close();
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
    if (segments.length === 0) {
      const journalId = uuidBytes(recordId(host.clock.wallMs(), host.random.bytes(10)));
      const previousHash = genesisHash(journalId, options.kioskPublicKey);
      create({ journalId, kioskKey: options.kioskPublicKey, firstSeq: 0, previousHash });
    }
    checkJoints(segments, options.kioskPublicKey);
    return checkLines(segments);
  };

  const newest = (): Segment => {
    const segment = segments.at(-1);
    if (segment === undefined) throw new Error('the journal is closed');
    return segment;
  };
  const close = () => {
    for (const segment of segments.splice(0)) segment.close();
  };

  try {
    tail = guard(openAll);
  } catch (error) {
    close();
    throw error;
  }
  return {
    journalId: newest().head.journalId,
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
      guard(() => newest().append(stored, tags, count));
      tail = { seq: stored.seq, hash: stored.hash };
    },
    readAfter: (afterSeq, limit) =>
      guard(() => {
        const lines: StoredLine[] = [];
        for (const [index, segment] of segments.entries()) {
          const following = segments[index + 1];
          if (following !== undefined && following.head.firstSeq <= afterSeq) continue;
          lines.push(...segment.readAfter(afterSeq, limit - lines.length));
          if (lines.length >= limit) break;
        }
        return lines;
      }),
    tags: () => guard(() => segments.flatMap((segment) => segment.tags())),
    counts: (day) =>
      guard(() => {
        const sum = new Map<string, number>();
        for (const segment of segments) {
          for (const [verdict, count] of segment.counts(day)) sum.set(verdict, (sum.get(verdict) ?? 0) + count);
        }
        return sum;
      }),
    hasReserve: () => guard(ballast.restore),
    close,
  };
}

function openExisting(file: string): Segment {
  try {
    return openSegment(file);
  } catch (error) {
    if (existsSync(file) && !isDiskError(error)) throw new Fault('journal-corrupt', `${file} is not a journal segment.`, { cause: error });
    throw error;
  }
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isDiskError(error: unknown): boolean {
  return /^(SQLITE_(FULL|IOERR|CANTOPEN|READONLY|BUSY|PERM)|ENOSPC|EACCES|EROFS|EIO)/.test(codeOf(error));
}

function diskFault(error: unknown, releaseBallast: () => void): Fault {
  const code = codeOf(error);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') {
    releaseBallast();
    return new Fault('disk-full', undefined, { cause: error });
  }
  if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') return new Fault('journal-corrupt', undefined, { cause: error });
  // Anything else is a mistake in this program.
  if (!isDiskError(error)) throw error;
  return new Fault('journal-unwritable', code, { cause: error });
}
