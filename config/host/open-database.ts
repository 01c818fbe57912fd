/**
 * Opens SQLite files: the only place that does. Durability is set on every open, because a WAL database falls back to
 * `synchronous=NORMAL` unless told otherwise, and then loses the last commits with the power.
 */
import Database from 'better-sqlite3';
import { withModule } from './native-module.ts';
import { keepPrivate } from './private-file.ts';

export type { Database } from 'better-sqlite3';

/** The native part is loaded by the first of these. Throws Fault('native-module-missing'). */
function openFile(file: string, options: Database.Options = {}): Database.Database {
  return withModule(() => new Database(file, options));
}

/**
 * A durable database: every commit is fsynced before it returns. The file is readable by its owner alone, whatever the
 * umask, and so are the files that SQLite puts beside it: it gives them the mode of the database. `prepare` makes its tables
 * ready; where that throws the file is closed again.
 */
export function openWritable(file: string, prepare: (database: Database.Database) => void = () => undefined): Database.Database {
  keepPrivate(file);
  return prepared(openFile(file), (database) => {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('trusted_schema = OFF');
    prepare(database);
  });
}

/** A read-only view of a file that nobody writes while it is open. `mmapBytes` keeps lookups in a large file fast. */
export function openReadOnly(file: string, mmapBytes: number): Database.Database {
  return prepared(openFile(file, { readonly: true, fileMustExist: true }), (database) => {
    database.pragma(`mmap_size = ${mmapBytes}`);
    database.pragma('trusted_schema = OFF');
  });
}

/** Names of the tables of a file; undefined where it is no database. Writes nothing into it. */
export function tableNames(file: string): string[] | undefined {
  const database = openFile(file, { readonly: true, fileMustExist: true });
  try {
    return database.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all();
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_NOTADB') return undefined;
    throw error;
  } finally {
    database.close();
  }
}

/**
 * For a file that is made in one go and thrown away if that fails: nothing is journalled or waited for, so the caller syncs
 * it in the end. `pageBytes`: 4096 unless told.
 */
export function openScratch(file: string, pageBytes = 4096): Database.Database {
  keepPrivate(file);
  return prepared(openFile(file), (database) => {
    database.pragma(`page_size = ${pageBytes}`);
    database.pragma('journal_mode = OFF');
    database.pragma('synchronous = OFF');
    database.pragma('cache_size = -32768');
    database.pragma('trusted_schema = OFF');
  });
}

/** A kiosk tries again every few seconds: a file that stayed open at each failure would use up its descriptors. */
function prepared(database: Database.Database, prepare: (database: Database.Database) => void): Database.Database {
  try {
    prepare(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
