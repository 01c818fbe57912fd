/**
 * One segment of the journal: a SQLite file with up to some thousand lines, the reuse tags and the day counts that belong
 * to them. A record and what it changes are one transaction; it is on disk when the call returns.
 */
import { z } from 'zod';
import { type Database, openWritable } from '../../config/host/open-database.ts';
import { watchOwnDatabase } from '../../config/host/watched-file.ts';
import { type JournalParent, journalParent } from '../../sync/protocol/batch.ts';

export interface SegmentHead {
  /** 16 bytes. */
  readonly journalId: Uint8Array;
  /** Ed25519 public key of the kiosk. */
  readonly kioskKey: Uint8Array;
  /** Number of the last record before this segment. */
  readonly firstSeq: number;
  /** entry_hash(firstSeq). */
  readonly previousHash: Uint8Array;
  /** The journal that this one continues. */
  readonly parent?: JournalParent | undefined;
}

export interface StoredLine {
  readonly seq: number;
  readonly line: Uint8Array;
  readonly hash: Uint8Array;
}

/** What a pass leaves behind, so that the same credential or person is known again. Keyed hashes only. */
export interface ReuseTag {
  readonly tag: Uint8Array;
  readonly passedAtMs: number;
  readonly expiresAtMs: number;
  /** Step of an app code. */
  readonly step: number | undefined;
  /** Of a person: whether this pass led in; undefined on the tag of a credential. */
  readonly inside: boolean | undefined;
}

export interface DayCount {
  readonly day: string;
  readonly verdict: string;
}

export interface CountOfDay extends DayCount {
  readonly count: number;
}

/** What a segment begins with when it takes over from others. */
export interface SegmentContent {
  readonly lines: Iterable<StoredLine>;
  readonly tags: readonly ReuseTag[];
  readonly counts: readonly CountOfDay[];
}

export interface Segment {
  readonly head: SegmentHead;
  last(): { readonly seq: number; readonly hash: Uint8Array };
  append(stored: StoredLine, tags: readonly ReuseTag[], count: DayCount | undefined): void;
  /** Lines with a number above `afterSeq`, in order, at most `limit`. */
  readAfter(afterSeq: number, limit: number): StoredLine[];
  tags(): ReuseTag[];
  counts(day: string): ReadonlyMap<string, number>;
  allCounts(): readonly CountOfDay[];
  /** False where its file is gone, another lies in its place, or it was cut: a few microseconds. */
  isWhole(): boolean;
  readonly file: string;
  close(): void;
}

const TABLES = `
CREATE TABLE IF NOT EXISTS head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  journal_id BLOB NOT NULL,
  kiosk_key BLOB NOT NULL,
  first_seq INTEGER NOT NULL,
  previous_hash BLOB NOT NULL,
  parent TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS record (
  seq INTEGER PRIMARY KEY,
  line BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS tag (
  seq INTEGER NOT NULL,
  tag BLOB NOT NULL,
  passed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  step INTEGER,
  inside INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS day_count (
  day TEXT NOT NULL,
  verdict TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (day, verdict)
) STRICT, WITHOUT ROWID;
`;

const bytes = z.instanceof(Uint8Array).transform((buffer) => new Uint8Array(buffer));
const headRow = z
  .object({ journal_id: bytes, kiosk_key: bytes, first_seq: z.number(), previous_hash: bytes, parent: z.string().nullish() })
  .transform((row) => ({
    journalId: row.journal_id,
    kioskKey: row.kiosk_key,
    firstSeq: row.first_seq,
    previousHash: row.previous_hash,
    parent: row.parent == null ? undefined : journalParent.parse(JSON.parse(row.parent)),
  }));
const lineRow = z.object({ seq: z.number(), line: bytes, hash: bytes });
const tagRow = z
  .object({ tag: bytes, passed_at: z.number(), expires_at: z.number(), step: z.number().nullable(), inside: z.number().nullable() })
  .transform((row) => ({
    tag: row.tag,
    passedAtMs: row.passed_at,
    expiresAtMs: row.expires_at,
    step: row.step ?? undefined,
    inside: row.inside === null ? undefined : row.inside === 1,
  }));
const countRow = z.object({ verdict: z.string(), count: z.number() });
const dayCountRow = countRow.extend({ day: z.string() });

/** Opens a segment; `create` gives the head of a new one, `content` what it begins with. Throws what SQLite throws. */
export function openSegment(file: string, create?: SegmentHead, content?: SegmentContent): Segment {
  const database = openWritable(file);
  try {
    if (create !== undefined) createTables(database, create, content);
    else addInside(database);
    return wrap(database, headRow.parse(database.prepare('SELECT * FROM head').get()), file);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Segments of earlier versions did not say who is inside. */
function addInside(database: Database): void {
  const hasIt = database.prepare("SELECT 1 FROM pragma_table_info('tag') WHERE name = 'inside'").get() !== undefined;
  if (!hasIt) database.exec('ALTER TABLE tag ADD COLUMN inside INTEGER');
}

function createTables(database: Database, head: SegmentHead, content: SegmentContent | undefined): void {
  database.transaction(() => {
    database.exec(TABLES);
    database
      .prepare('INSERT INTO head (id, journal_id, kiosk_key, first_seq, previous_hash, parent) VALUES (1, ?, ?, ?, ?, ?)')
      .run(head.journalId, head.kioskKey, head.firstSeq, head.previousHash, head.parent === undefined ? null : JSON.stringify(head.parent));
    if (content !== undefined) fill(database, content);
  })();
}

const INSERT_LINE = 'INSERT INTO record (seq, line, hash) VALUES (?, ?, ?)';
const INSERT_TAG = 'INSERT INTO tag (seq, tag, passed_at, expires_at, step, inside) VALUES (?, ?, ?, ?, ?, ?)';

function fill(database: Database, { lines, tags, counts }: SegmentContent): void {
  const insertLine = database.prepare(INSERT_LINE);
  const insertTag = database.prepare(INSERT_TAG);
  const insertCount = database.prepare('INSERT INTO day_count (day, verdict, count) VALUES (?, ?, ?)');
  for (const { seq, line, hash } of lines) insertLine.run(seq, line, hash);
  for (const tag of tags) insertTag.run(0, ...tagCells(tag));
  for (const { day, verdict, count } of counts) insertCount.run(day, verdict, count);
}

function tagCells({ tag, passedAtMs, expiresAtMs, step, inside }: ReuseTag) {
  return [tag, passedAtMs, expiresAtMs, step ?? null, inside === undefined ? null : Number(inside)];
}

function wrap(database: Database, head: SegmentHead, file: string): Segment {
  const insertLine = database.prepare(INSERT_LINE);
  const insertTag = database.prepare(INSERT_TAG);
  const addCount = database.prepare(
    'INSERT INTO day_count (day, verdict, count) VALUES (?, ?, 1) ON CONFLICT (day, verdict) DO UPDATE SET count = count + 1',
  );
  const selectLast = database.prepare('SELECT seq, line, hash FROM record ORDER BY seq DESC LIMIT 1');
  const selectAfter = database.prepare('SELECT seq, line, hash FROM record WHERE seq > ? ORDER BY seq LIMIT ?');
  const selectTags = database.prepare('SELECT tag, passed_at, expires_at, step, inside FROM tag ORDER BY seq');
  const selectCounts = database.prepare('SELECT verdict, count FROM day_count WHERE day = ?');
  const selectAllCounts = database.prepare('SELECT day, verdict, count FROM day_count');
  const append = database.transaction((stored: StoredLine, tags: readonly ReuseTag[], count: DayCount | undefined) => {
    insertLine.run(stored.seq, stored.line, stored.hash);
    for (const tag of tags) insertTag.run(stored.seq, ...tagCells(tag));
    if (count !== undefined) addCount.run(count.day, count.verdict);
  });
  return {
    head,
    last() {
      const row = selectLast.get();
      return row === undefined ? { seq: head.firstSeq, hash: head.previousHash } : lineRow.parse(row);
    },
    append: (stored, tags, count) => append(stored, tags, count),
    readAfter: (afterSeq, limit) => selectAfter.all(afterSeq, limit).map((row) => lineRow.parse(row)),
    tags: () => selectTags.all().map((row) => tagRow.parse(row)),
    counts: (day) =>
      new Map(
        selectCounts
          .all(day)
          .map((row) => countRow.parse(row))
          .map(({ verdict, count }) => [verdict, count]),
      ),
    file,
    isWhole: watchOwnDatabase(file).isWhole,
    allCounts: () => selectAllCounts.all().map((row) => dayCountRow.parse(row)),
    close: () => database.close(),
  };
}
