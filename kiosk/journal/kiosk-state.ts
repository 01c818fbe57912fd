/**
 * What a kiosk remembers besides its journal: the highest versions it has seen, the floor of its time, and upstream's
 * cursor. The file is held locked while the process lives, which keeps a second kiosk out of the data folder; the lock goes
 * with the process, also when it is killed. Nothing of it may be forgotten in silence, because an older list or an earlier
 * time would count again: a digest over all values stands in the file, and a mark beside it says that there was one.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault, type FaultCode } from '../../config/faults.ts';
import { diskTrouble, errorText } from '../../config/host/disk-error.ts';
import { type Database, openWritable } from '../../config/host/open-database.ts';
import { setDatabaseAside, writePrivateFile } from '../../config/host/private-file.ts';
import { watchOwnDatabase } from '../../config/host/watched-file.ts';
import { folderMark } from './folder-mark.ts';

export interface KioskState {
  get(name: string): unknown;
  /** On disk when it returns. `value` is stored as JSON. Throws Fault: disk-full, journal-unwritable, state-damaged. */
  set(name: string, value: unknown): void;
  /**
   * Why what lies on the disk is not what this process knows: the file was deleted, replaced or cut. It is then written anew
   * from memory; undefined from the next call on, once that was possible.
   */
  fault(): FaultCode | undefined;
  close(): void;
}

const DIGEST = 'state.digest';
const row = z.object({ name: z.string(), value: z.string() });

/** Throws Fault: journal-busy, disk-full, journal-unwritable, state-damaged. */
export function openKioskState(dataDir: string): KioskState {
  const file = join(dataDir, 'state.db');
  const mark = join(dataDir, 'state.mark');
  const values = new Map<string, string>();
  const isFolderThere = folderMark(dataDir);
  let database: Database;
  let watch: ReturnType<typeof watchOwnDatabase>;
  const write = (changes: ReadonlyMap<string, string>) => {
    const upsert = database.prepare('INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value');
    database.transaction(() => {
      for (const [name, value] of changes) upsert.run(name, value);
      upsert.run(DIGEST, JSON.stringify(digestOf(new Map([...values, ...changes]))));
    })();
    for (const [name, value] of changes) values.set(name, value);
  };
  const closeQuietly = () => {
    try {
      database.close();
    } catch (error) {
      if (diskTrouble(error) === undefined) throw error;
    }
  };
  const rewrite = () => {
    closeQuietly();
    setDatabaseAside(file);
    database = openLocked(file);
    watch = watchOwnDatabase(file);
    write(values);
  };
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const isExpected = existsSync(mark);
    if (isExpected && !existsSync(file)) throw new Fault('state-damaged', `${file} is missing.`);
    database = openLocked(file);
    watch = watchOwnDatabase(file);
    try {
      readInto(values, database, isExpected, file);
      write(new Map());
      if (!isExpected) writePrivateFile(mark, 'state.db belongs here\n');
    } catch (error) {
      closeQuietly();
      throw error;
    }
  } catch (error) {
    throw stateFault(error, dataDir);
  }
  return {
    get(name) {
      const text = values.get(name);
      return text === undefined ? undefined : JSON.parse(text);
    },
    set(name, value) {
      try {
        write(new Map([[name, JSON.stringify(value)]]));
      } catch (error) {
        throw stateFault(error, dataDir);
      }
    },
    fault() {
      if (watch.isWhole()) return undefined;
      try {
        if (isFolderThere()) rewrite();
      } catch (error) {
        if (diskTrouble(error) === undefined) throw error;
      }
      return 'data-changed';
    },
    close: closeQuietly,
  };
}

/**
 * Puts a state that is damaged out of the way, and forgets that there was one. Only where the centre has let the kiosk in
 * again: what it must not go back behind is gone with it. Returns where it is now.
 */
export function setStateAside(dataDir: string): string | undefined {
  const kept = setDatabaseAside(join(dataDir, 'state.db'));
  rmSync(join(dataDir, 'state.mark'), { force: true });
  return kept;
}

function openLocked(file: string): Database {
  return openWritable(file, (fresh) => {
    fresh.pragma('locking_mode = EXCLUSIVE');
    fresh.exec('CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID');
    // The exclusive lock is taken by the first write after the pragma.
    fresh.exec('BEGIN EXCLUSIVE; COMMIT');
  });
}

function readInto(values: Map<string, string>, database: Database, isExpected: boolean, file: string): void {
  for (const found of database.prepare('SELECT name, value FROM state').all()) {
    const { name, value } = row.parse(found);
    values.set(name, value);
  }
  const stated = values.get(DIGEST);
  values.delete(DIGEST);
  // An earlier version wrote neither digest nor mark.
  const isWhole = stated === undefined ? !isExpected : stated === JSON.stringify(digestOf(values));
  if (!isWhole) throw new Fault('state-damaged', `${file} does not hold what was written.`);
}

function digestOf(values: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const name of [...values.keys()].sort()) hash.update(JSON.stringify([name, values.get(name)]));
  return hash.digest('hex');
}

function stateFault(error: unknown, dataDir: string): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')
    return new Fault('journal-busy', dataDir, { cause: error });
  const trouble = diskTrouble(error);
  if (trouble === 'full') return new Fault('disk-full', dataDir, { cause: error });
  return new Fault(trouble === 'damaged' ? 'state-damaged' : 'journal-unwritable', `${dataDir}: ${errorText(error)}`, { cause: error });
}
