/**
 * Opens SQLite files: the only place that does. Durability is set on every open, because a WAL database falls back to
 * `synchronous=NORMAL` unless told otherwise, and then loses the last commits with the power.
 */
import Database from 'better-sqlite3';

export type { Database } from 'better-sqlite3';

/** A durable database: every commit is fsynced before it returns. Creates the file with mode 0600 where it is missing. */
export function openWritable(file: string): Database.Database {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('trusted_schema = OFF');
  return database;
}

/** A read-only view of a file that nobody writes while it is open. `mmapBytes` keeps lookups in a large file fast. */
export function openReadOnly(file: string, mmapBytes: number): Database.Database {
  const database = new Database(file, { readonly: true, fileMustExist: true });
  database.pragma(`mmap_size = ${mmapBytes}`);
  database.pragma('trusted_schema = OFF');
  return database;
}

/**
 * For a file that is made in one go and thrown away if that fails: nothing is journalled or waited for, so the caller syncs
 * it in the end. `pageBytes`: 4096 unless told.
 */
export function openScratch(file: string, pageBytes = 4096): Database.Database {
  const database = new Database(file);
  database.pragma(`page_size = ${pageBytes}`);
  database.pragma('journal_mode = OFF');
  database.pragma('synchronous = OFF');
  database.pragma('cache_size = -32768');
  database.pragma('trusted_schema = OFF');
  return database;
}
