/**
 * Slice files: SQLite files that are written once, whole, in the order of their keys, and never changed afterwards. A newer
 * slice is a new file, merged from the one before and small files of changes; who has the old one open is not disturbed.
 * The content digest speaks of the rows and not of the bytes, so it is the same whichever way a file was made.
 * Runs in workers: with ten million rows each of these takes seconds.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { type Database, openReadOnly, openScratch } from '../../config/host/open-database.ts';
import { authorityDay } from '../protocol/authority-time.ts';
import { SLICE_TABLES, type SliceManifest, statuses } from '../protocol/slice.ts';
import { createHoldCounter } from '../protocol/slice-loss.ts';

export interface RawRows {
  /** `key` 8 bytes; `status` a number of `statuses`. Where a key comes again the more restrictive row stays. */
  status(key: Uint8Array, status: number, fromDay: number, untilDay: number | undefined): void;
  /** `cti` 8 bytes; `expiresAt` Unix seconds. */
  revoked(cti: Uint8Array, expiresAt: number): void;
}

export interface SliceContent extends Pick<SliceManifest, 'content' | 'rows' | 'holds'> {}

export interface FileDigest {
  /** Hex. */
  readonly sha256: string;
  readonly lengthBytes: number;
}

/** Like a slice, and a row without a status, or without an expiry, says that the row goes. */
const DELTA_TABLES = `
CREATE TABLE status (key BLOB PRIMARY KEY, status INTEGER, from_day INTEGER, until_day INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE revoked (cti BLOB PRIMARY KEY, expires_at INTEGER) STRICT, WITHOUT ROWID;
`;
/** A file of changes is often a handful of rows: small pages keep it small. */
const DELTA_PAGE_BYTES = 512;
const MMAP_BYTES = 1 << 30;
const CHUNK_BYTES = 1 << 20;
/** Ranges of keys, by their first byte. */
const RANGES = 256;
const ROW_BYTES = 8 + 1 + 4 + 4;
const NO_END = -0x8000_0000;
const CLEAR = statuses.indexOf('clear');

/** Writes `file` anew. `collisions`: rows of another subject whose key was taken; `moment`: what `fill` returned. */
export function createSliceFile<T>(file: string, fill: (rows: RawRows) => T): { readonly collisions: number; readonly moment: T } {
  return writing(file, (database) => {
    database.exec(SLICE_TABLES);
    database.exec(`
      CREATE TEMP TABLE raw (key BLOB NOT NULL, status INTEGER NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER);
      CREATE TEMP TABLE raw_revoked (cti BLOB NOT NULL, expires_at INTEGER NOT NULL);`);
    const insert = database.prepare('INSERT INTO raw VALUES (?, ?, ?, ?)');
    const insertRevoked = database.prepare('INSERT INTO raw_revoked VALUES (?, ?)');
    let count = 0;
    return database.transaction(() => {
      const moment = fill({
        status(key, status, fromDay, untilDay) {
          insert.run(key, status, fromDay, untilDay ?? null);
          count++;
        },
        revoked: (cti, expiresAt) => void insertRevoked.run(cti, expiresAt),
      });
      const { changes } = database.prepare('INSERT OR IGNORE INTO status SELECT * FROM raw ORDER BY key, status DESC').run();
      database.exec('INSERT OR IGNORE INTO revoked SELECT * FROM raw_revoked ORDER BY cti, expires_at DESC');
      return { collisions: count - changes, moment };
    })();
  });
}

/** Writes to `file` what must change in `base` to get `next`. Returns the number of rows. */
export function writeDelta(file: string, base: string, next: string): number {
  return writing(
    file,
    (database) => {
      database.exec(DELTA_TABLES);
      attach(database, 'base', base);
      attach(database, 'next', next);
      const run = (sql: string) => database.prepare(sql).run().changes;
      return database.transaction(
        () =>
          run(`INSERT INTO status SELECT * FROM (
            SELECT n.key, n.status, n.from_day, n.until_day FROM next.status n LEFT JOIN base.status b ON b.key = n.key
            WHERE b.key IS NULL OR b.status <> n.status OR b.from_day <> n.from_day OR b.until_day IS NOT n.until_day
            UNION ALL
            SELECT key, NULL, NULL, NULL FROM base.status b WHERE NOT EXISTS (SELECT 1 FROM next.status n WHERE n.key = b.key)
          ) ORDER BY key`) +
          run(`INSERT INTO revoked SELECT * FROM (
            SELECT n.cti, n.expires_at FROM next.revoked n LEFT JOIN base.revoked b ON b.cti = n.cti
            WHERE b.cti IS NULL OR b.expires_at <> n.expires_at
            UNION ALL
            SELECT cti, NULL FROM base.revoked b WHERE NOT EXISTS (SELECT 1 FROM next.revoked n WHERE n.cti = b.cti)
          ) ORDER BY cti`),
      )();
    },
    DELTA_PAGE_BYTES,
  );
}

/**
 * Writes to `file` what `base` becomes with `deltas`, in their order. `pause` is called some hundred times, each time with
 * what was written on its way to the disk: the caller sleeps there, so that a disk and a processor that are shared stay usable.
 */
export function mergeSlice(file: string, base: string, deltas: readonly string[], pause: () => void): void {
  writing(file, (database) => {
    database.exec(SLICE_TABLES);
    database.exec(DELTA_TABLES.replaceAll('CREATE TABLE ', 'CREATE TEMP TABLE changed_'));
    attach(database, 'base', base);
    for (const delta of deltas) {
      attach(database, 'delta', delta);
      database.exec('INSERT OR REPLACE INTO changed_status SELECT * FROM delta.status');
      database.exec('INSERT OR REPLACE INTO changed_revoked SELECT * FROM delta.revoked');
      database.exec('DETACH delta');
    }
    const mergeStatus = database.prepare(`INSERT INTO status SELECT * FROM (
      SELECT * FROM base.status b WHERE key >= :from AND key < :to AND NOT EXISTS (SELECT 1 FROM changed_status c WHERE c.key = b.key)
      UNION ALL
      SELECT * FROM changed_status WHERE key >= :from AND key < :to AND status IS NOT NULL
    ) ORDER BY key`);
    const mergeRevoked = database.prepare(`INSERT INTO revoked SELECT * FROM (
      SELECT * FROM base.revoked b WHERE cti >= :from AND cti < :to AND NOT EXISTS (SELECT 1 FROM changed_revoked c WHERE c.cti = b.cti)
      UNION ALL
      SELECT * FROM changed_revoked WHERE cti >= :from AND cti < :to AND expires_at IS NOT NULL
    ) ORDER BY cti`);
    const written = openSync(file, 'r+');
    try {
      for (const merge of [mergeStatus, mergeRevoked]) {
        for (let range = 0; range < RANGES; range++) {
          // Any key of eight bytes is below nine times 0xff.
          const to = range === RANGES - 1 ? Buffer.alloc(9, 0xff) : Buffer.of(range + 1);
          if (merge.run({ from: Buffer.of(range), to }).changes === 0) continue;
          fsyncSync(written);
          pause();
        }
      }
    } finally {
      closeSync(written);
    }
  });
}

/**
 * SHA-256 over the rows in the order of their keys, statuses first, each with a byte before it that says which it is. Rows
 * that were over before `fromDay` are no holds.
 */
export function digestContent(file: string, pause: () => void = () => undefined, fromDay?: number): SliceContent {
  const database = openReadOnly(file, MMAP_BYTES);
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let used = 0;
    const room = () => {
      if (used + 1 + ROW_BYTES <= buffer.length) return;
      hash.update(buffer.subarray(0, used));
      used = 0;
      pause();
    };
    const rows = { status: 0, revoked: 0 };
    const holds = { status: createHoldCounter(fromDay), revoked: createHoldCounter(fromDay) };
    for (const row of database.prepare('SELECT key, status, from_day, until_day FROM status ORDER BY key').raw().iterate()) {
      const [key, status, fromDay, untilDay] = cells(row);
      room();
      used = buffer.writeUInt8(1, used);
      used += blob(key).copy(buffer, used);
      used = buffer.writeUInt8(integer(status), used);
      used = buffer.writeInt32BE(integer(fromDay), used);
      used = buffer.writeInt32BE(untilDay === null ? NO_END : integer(untilDay), used);
      rows.status++;
      if (integer(status) !== CLEAR) holds.status.add(untilDay === null ? null : integer(untilDay));
    }
    for (const row of database.prepare('SELECT cti, expires_at FROM revoked ORDER BY cti').raw().iterate()) {
      const [cti, expiresAt] = cells(row);
      room();
      used = buffer.writeUInt8(2, used);
      used += blob(cti).copy(buffer, used);
      used = buffer.writeUInt32BE(integer(expiresAt), used);
      rows.revoked++;
      holds.revoked.add(authorityDay(integer(expiresAt)));
    }
    const content = hash.update(buffer.subarray(0, used)).digest('hex');
    return { content, rows, holds: { status: holds.status.days(), revoked: holds.revoked.days() } };
  } finally {
    database.close();
  }
}

/** What a manifest says of a file that is a whole slice. */
export function describeSlice(
  file: string,
): Pick<SliceManifest, 'content' | 'rows' | 'holds' | 'acceptedLosses' | 'earlier' | 'earlierEntries' | 'snapshot' | 'deltas'> {
  return { ...digestContent(file), snapshot: digestFile(file), acceptedLosses: [], earlier: [], earlierEntries: [], deltas: [] };
}

/** Reads the whole file. Throws what the file system throws. */
export function digestFile(file: string): FileDigest {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const handle = openSync(file, 'r');
  try {
    for (let read = readSync(handle, chunk); read > 0; read = readSync(handle, chunk)) hash.update(chunk.subarray(0, read));
    return { lengthBytes: statSync(file).size, sha256: hash.digest('hex') };
  } finally {
    closeSync(handle);
  }
}

/** No journal and no waiting: a file that is not finished is thrown away. It is on disk when this returns. */
function writing<T>(file: string, write: (database: Database) => T, pageBytes?: number): T {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true });
  const database = openScratch(file, pageBytes);
  let result: T;
  try {
    result = write(database);
  } finally {
    database.close();
  }
  const handle = openSync(file, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  return result;
}

function attach(database: Database, name: 'base' | 'next' | 'delta', file: string): void {
  database.prepare(`ATTACH ? AS ${name}`).run(file);
  database.pragma(`${name}.mmap_size = ${MMAP_BYTES}`);
}

// Ten million rows: a schema for each would take longer than all the rest.
function cells(row: unknown): readonly unknown[] {
  if (!Array.isArray(row)) throw new Error('a row is a list of cells');
  return row;
}

function blob(value: unknown): Buffer {
  if (!Buffer.isBuffer(value) || value.length !== 8) throw new Error('a key of a slice has 8 bytes');
  return value;
}

function integer(value: unknown): number {
  if (typeof value !== 'number') throw new Error('a number was expected');
  return value;
}
