/**
 * What a kiosk remembers besides its journal: the highest versions it has seen, the floor of its time, and upstream's
 * cursor. The file is held locked while the process lives, which keeps a second kiosk out of the data folder; the lock goes
 * with the process, also when it is killed.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../config/faults.ts';
import { diskTrouble, errorText } from '../../config/host/disk-error.ts';
import { openWritable } from '../../config/host/open-database.ts';

export interface KioskState {
  get(name: string): unknown;
  /** On disk when it returns. `value` is stored as JSON. */
  set(name: string, value: unknown): void;
  close(): void;
}

const valueRow = z.object({ value: z.string() });

export function openKioskState(dataDir: string): KioskState {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const database = openWritable(join(dataDir, 'state.db'), (fresh) => {
      fresh.pragma('locking_mode = EXCLUSIVE');
      fresh.exec('CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID');
      // The exclusive lock is taken by the first write after the pragma.
      fresh.exec('BEGIN EXCLUSIVE; COMMIT');
    });
    const select = database.prepare('SELECT value FROM state WHERE name = ?');
    const upsert = database.prepare('INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value');
    return {
      get(name) {
        const row = select.get(name);
        return row === undefined ? undefined : JSON.parse(valueRow.parse(row).value);
      },
      set: (name, value) => upsert.run(name, JSON.stringify(value)),
      close: () => database.close(),
    };
  } catch (error) {
    throw stateFault(error, dataDir);
  }
}

function stateFault(error: unknown, dataDir: string): Fault {
  if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')
    return new Fault('journal-busy', dataDir, { cause: error });
  const trouble = diskTrouble(error);
  if (trouble === 'full') return new Fault('disk-full', dataDir, { cause: error });
  return new Fault('journal-unwritable', `${dataDir}: ${errorText(error)}`, { cause: error });
}
