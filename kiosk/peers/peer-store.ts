/**
 * Passes of all lanes of the checkpoint, by tag, in `peers.db`: the own ones, to tell others when they come back, and theirs.
 * Here it is found out, in the transaction that stores the second of two passes, that a code was used twice; what was found
 * stays until it is in the journal. What is lost with the file comes back from the other lanes.
 */
import { z } from 'zod';
import { Fault } from '../../config/faults.ts';
import { type Database, openWritable } from '../../config/host/open-database.ts';
import { setDatabaseAside } from '../../config/host/private-file.ts';
import { compareBytes, fromHex, toHex } from '../../sync/credential/bytes.ts';
import type { PassesElsewhere } from '../decision/decide.ts';
import type { PassTags } from './checkpoint-keys.ts';
import { isDoubleUse } from './double-use.ts';
import type { BootMark, PassRow } from './peer-messages.ts';

/** Of the own lane: a row with what only this kiosk knows. */
export interface OwnPass {
  readonly row: Omit<PassRow, 'bootId' | 'counter'>;
  /** Id of the decision record. */
  readonly ref: string;
  readonly maxUses: number | undefined;
}

export interface DoubleUse {
  /** Own decision record. */
  readonly ref: string;
  readonly passedAtMs: number;
  readonly other: { readonly kioskId: string; readonly bootId: string; readonly counter: number };
}

export interface NumberedRow {
  readonly id: number;
  readonly row: PassRow;
}

export interface PeerStore {
  /** False where there is no room. */
  addOwn(pass: OwnPass): boolean;
  /** Rows of another kiosk; returns how many there was no room for. Those that are here already change nothing. */
  take(kioskId: string, rows: readonly PassRow[], roomMax: number): number;
  /** Own rows above an id, in the order in which they passed. */
  ownAfter(id: number, limit: number, nowMs: number): NumberedRow[];
  /** Of the own row that somebody has; 0 where it is not here. */
  ownId(mark: BootMark): number;
  /** Newest pass of each of the newest boots of a kiosk. */
  marks(kioskId: string, limit: number): BootMark[];
  elsewhere(tags: PassTags, nowMs: number): PassesElsewhere;
  /** Not in the journal yet. */
  unrecorded(): DoubleUse[];
  markRecorded(doubleUse: DoubleUse): void;
  /** Newest first. */
  doubleUses(sinceMs: number, limit: number): DoubleUse[];
  /** Drops some of what has expired. */
  prune(nowMs: number): void;
  close(): void;
}

/** Of all kiosks together. */
export const ROWS_MAX = 200_000;
const PRUNE_ROWS = 1_000;
/** Nothing has so many uses; a lane that says the same again and again makes no lookup slow. */
const SAME_TAG_MAX = 256;

const TABLES = `
CREATE TABLE IF NOT EXISTS pass (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kiosk_id TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  counter INTEGER NOT NULL,
  credential BLOB NOT NULL,
  subject BLOB NOT NULL,
  passed_at INTEGER NOT NULL,
  window INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  step INTEGER,
  ref TEXT,
  max_uses INTEGER,
  UNIQUE (kiosk_id, boot_id, counter)
) STRICT;
CREATE INDEX IF NOT EXISTS pass_credential ON pass (credential, passed_at);
CREATE INDEX IF NOT EXISTS pass_subject ON pass (subject, passed_at);
CREATE INDEX IF NOT EXISTS pass_own_credential ON pass (credential, passed_at) WHERE ref IS NOT NULL;
CREATE INDEX IF NOT EXISTS pass_own_subject ON pass (subject, passed_at) WHERE ref IS NOT NULL;
CREATE INDEX IF NOT EXISTS pass_expiry ON pass (expires_at);
CREATE TABLE IF NOT EXISTS double_use (
  ref TEXT NOT NULL,
  kiosk_id TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  counter INTEGER NOT NULL,
  passed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  recorded INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (ref, kiosk_id)
) STRICT, WITHOUT ROWID;
`;

const bytes = z.instanceof(Uint8Array).transform((buffer) => new Uint8Array(buffer));
const storedRow = z
  .object({
    id: z.number(),
    kiosk_id: z.string(),
    boot_id: z.string(),
    counter: z.number(),
    credential: bytes,
    subject: bytes,
    passed_at: z.number(),
    window: z.number(),
    expires_at: z.number(),
    step: z.number().nullable(),
    ref: z.string().nullable(),
    max_uses: z.number().nullable(),
  })
  .transform((row) => ({
    id: row.id,
    kioskId: row.kiosk_id,
    bootId: row.boot_id,
    counter: row.counter,
    credential: row.credential,
    subject: row.subject,
    passedAtMs: row.passed_at,
    windowMs: row.window,
    expiresAtMs: row.expires_at,
    step: row.step ?? undefined,
    ref: row.ref ?? undefined,
    maxUses: row.max_uses ?? undefined,
  }));
type StoredPass = Omit<z.infer<typeof storedRow>, keyof PassTags> & PassTags;

function numberedRow({ id, bootId, counter, credential, subject, passedAtMs, windowMs, expiresAtMs, step }: StoredPass): NumberedRow {
  const tags: [string, string] = [toHex(credential), toHex(subject)];
  return { id, row: { bootId, counter, tags, passedAtMs, windowMs, expiresAtMs, ...(step !== undefined && { step }) } };
}
const markRow = z.object({ boot_id: z.string(), counter: z.number() }).transform(({ boot_id, counter }) => ({ bootId: boot_id, counter }));
const usedRow = z.object({ passed_at: z.number().nullable(), uses: z.number(), step: z.number().nullable() });
const doubleUseRow = z
  .object({ ref: z.string(), passed_at: z.number(), kiosk_id: z.string(), boot_id: z.string(), counter: z.number() })
  .transform(
    ({ ref, passed_at, kiosk_id, boot_id, counter }): DoubleUse => ({
      ref,
      passedAtMs: passed_at,
      other: { kioskId: kiosk_id, bootId: boot_id, counter },
    }),
  );
const count = z.number();

/** Throws Fault('peers-unwritable'). A damaged file is set aside: the other lanes say again what was in it. */
export function openPeerStore(file: string, kioskId: string, bootId: string): PeerStore {
  try {
    return wrap(openTables(file), kioskId, bootId);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('peers-unwritable', `${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function openTables(file: string): Database {
  try {
    return openChecked(file);
  } catch (error) {
    const isDamaged = error instanceof Error && 'code' in error && /^SQLITE_(NOTADB|CORRUPT)/.test(String(error.code));
    if (!isDamaged) throw error;
    setDatabaseAside(file);
    return openChecked(file);
  }
}

function openChecked(file: string): Database {
  return openWritable(file, (fresh) => void fresh.exec(TABLES));
}

function wrap(database: Database, own: string, bootId: string): PeerStore {
  const insert = database.prepare(`
    INSERT OR IGNORE INTO pass (kiosk_id, boot_id, counter, credential, subject, passed_at, window, expires_at, step, ref, max_uses)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const lastCounter = database.prepare('SELECT coalesce(max(counter), 0) FROM pass WHERE kiosk_id = ? AND boot_id = ?').pluck();
  const selectOwn = database.prepare('SELECT * FROM pass WHERE id > ? AND kiosk_id = ? AND expires_at > ? ORDER BY id LIMIT ?');
  const selectId = database.prepare('SELECT id FROM pass WHERE kiosk_id = ? AND boot_id = ? AND counter = ?').pluck();
  const selectMarks = database.prepare(
    'SELECT boot_id, max(counter) AS counter FROM pass WHERE kiosk_id = ? GROUP BY boot_id ORDER BY max(id) DESC LIMIT ?',
  );
  const selectCredential = database.prepare(`
    SELECT max(passed_at) AS passed_at, count(*) AS uses, max(step) AS step FROM (
      SELECT passed_at, step FROM pass WHERE credential = ? AND kiosk_id <> ? AND expires_at > ?
      ORDER BY passed_at DESC LIMIT ${SAME_TAG_MAX})`);
  const selectSubject = database
    .prepare('SELECT passed_at FROM pass WHERE subject = ? AND kiosk_id <> ? AND expires_at > ? ORDER BY passed_at DESC LIMIT 1')
    .pluck();
  const countRows = database.prepare('SELECT count(*) FROM pass').pluck();
  const countByKiosk = database.prepare('SELECT count(*) FROM pass WHERE kiosk_id = ?').pluck();
  const dropExpired = database.prepare('DELETE FROM pass WHERE id IN (SELECT id FROM pass WHERE expires_at <= ? LIMIT ?)');
  const dropOldPairs = database.prepare('DELETE FROM double_use WHERE expires_at <= ? AND recorded = 1');
  const selectUnrecorded = database.prepare('SELECT * FROM double_use WHERE recorded = 0 ORDER BY passed_at');
  const selectPairs = database.prepare('SELECT * FROM double_use WHERE passed_at > ? ORDER BY passed_at DESC LIMIT ?');
  const setRecorded = database.prepare('UPDATE double_use SET recorded = 1 WHERE ref = ? AND kiosk_id = ?');
  const pair = pairFinder(database, own);
  let counter = count.parse(lastCounter.get(own, bootId));
  let rows = count.parse(countRows.get());
  const rowsOf = new Map<string, number>();

  const add = (kioskId: string, row: PassRow, ref?: string, maxUses?: number): boolean => {
    const [credential, subject] = [fromHex(row.tags[0]), fromHex(row.tags[1])];
    const { passedAtMs, windowMs, expiresAtMs, step } = row;
    const cells = [credential, subject, passedAtMs, windowMs, expiresAtMs, step ?? null, ref ?? null, maxUses ?? null];
    const { changes, lastInsertRowid } = insert.run(kioskId, row.bootId, row.counter, ...cells);
    if (changes === 0) return false;
    pair({ ...row, id: Number(lastInsertRowid), kioskId, credential, subject, step, ref, maxUses });
    return true;
  };
  const addOwn = database.transaction(({ row, ref, maxUses }: OwnPass, next: number) =>
    add(own, { ...row, bootId, counter: next }, ref, maxUses),
  );
  const takeAll = database.transaction((kioskId: string, offered: readonly PassRow[], room: number) => {
    let added = 0;
    let refused = 0;
    for (const row of offered) {
      if (added >= room) refused++;
      else if (add(kioskId, row)) added++;
    }
    return { added, refused };
  });

  return {
    addOwn(pass) {
      if (rows >= ROWS_MAX) return false;
      addOwn.immediate(pass, counter + 1);
      counter++;
      rows++;
      return true;
    },
    take(kioskId, offered, roomMax) {
      const stored = rowsOf.get(kioskId) ?? count.parse(countByKiosk.get(kioskId));
      const { added, refused } = takeAll.immediate(kioskId, offered, Math.min(ROWS_MAX - rows, roomMax - stored));
      rowsOf.set(kioskId, stored + added);
      rows += added;
      return refused;
    },
    ownAfter: (id, limit, nowMs) => selectOwn.all(id, own, nowMs, limit).map((row) => numberedRow(storedRow.parse(row))),
    ownId: (mark) => count.catch(0).parse(selectId.get(own, mark.bootId, mark.counter)),
    marks: (kioskId, limit) => selectMarks.all(kioskId, limit).map((row) => markRow.parse(row)),
    elsewhere({ credential, subject }, nowMs) {
      const { passed_at, uses, step } = usedRow.parse(selectCredential.get(credential, own, nowMs));
      const bySubject = count.optional().parse(selectSubject.get(subject, own, nowMs));
      const newest = Math.max(passed_at ?? Number.NEGATIVE_INFINITY, bySubject ?? Number.NEGATIVE_INFINITY);
      return { passedAtMs: Number.isFinite(newest) ? newest : undefined, uses, step: step ?? undefined };
    },
    unrecorded: () => selectUnrecorded.all().map((row) => doubleUseRow.parse(row)),
    markRecorded: ({ ref, other }) => void setRecorded.run(ref, other.kioskId),
    doubleUses: (sinceMs, limit) => selectPairs.all(sinceMs, limit).map((row) => doubleUseRow.parse(row)),
    prune(nowMs) {
      const { changes } = dropExpired.run(nowMs, PRUNE_ROWS);
      if (changes > 0) rowsOf.clear();
      rows -= changes;
      dropOldPairs.run(nowMs);
    },
    close: () => database.close(),
  };
}

/**
 * Pairs a row that was just stored with passes at another lane, of which one is the own lane's. Once for each own pass and
 * other kiosk, whatever that kiosk says again.
 */
function pairFinder(database: Database, own: string): (fresh: StoredPass) => void {
  // The planner does not know that own rows are few where another lane's are many.
  const newest = (tag: 'credential' | 'subject', index: string, whose: string) =>
    `SELECT * FROM (SELECT * FROM pass INDEXED BY ${index} WHERE ${tag} = ? AND ${whose} ORDER BY passed_at DESC LIMIT ${SAME_TAG_MAX})`;
  const selectMine = database.prepare(
    `${newest('credential', 'pass_own_credential', 'ref IS NOT NULL')} UNION ${newest('subject', 'pass_own_subject', 'ref IS NOT NULL')}`,
  );
  const selectTheirs = database.prepare(
    `${newest('credential', 'pass_credential', 'ref IS NULL')} UNION ${newest('subject', 'pass_subject', 'ref IS NULL')}`,
  );
  const countUses = database.prepare(`SELECT count(*) FROM (SELECT 1 FROM pass WHERE credential = ? LIMIT ${SAME_TAG_MAX})`).pluck();
  const insert = database.prepare(
    'INSERT OR IGNORE INTO double_use (ref, kiosk_id, boot_id, counter, passed_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  return (fresh) => {
    const isOwn = fresh.kioskId === own;
    for (const row of (isOwn ? selectTheirs : selectMine).all(fresh.credential, fresh.subject)) {
      const other = storedRow.parse(row);
      const [mine, theirs] = isOwn ? [fresh, other] : [other, fresh];
      if (mine.ref === undefined) continue;
      const isSameCredential = compareBytes(mine.credential, theirs.credential) === 0;
      const uses = mine.maxUses === undefined ? 0 : z.number().parse(countUses.get(mine.credential));
      if (!isDoubleUse(mine, theirs, { isSameCredential, uses, maxUses: mine.maxUses })) continue;
      const expiresAtMs = Math.max(mine.expiresAtMs, theirs.expiresAtMs);
      insert.run(mine.ref, theirs.kioskId, theirs.bootId, theirs.counter, theirs.passedAtMs, expiresAtMs);
    }
  };
}
