/** The SQLite store: one file, no server; every commit is fsynced. Several processes of one machine may share it. */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Fault } from '../../../../config/faults.ts';
import { openWritable } from '../../../../config/host/open-database.ts';
import type { Store } from '../store.ts';
import { sqliteFleet } from './fleet.ts';
import { sqliteJournals } from './journals.ts';
import { sqlitePeers } from './peers.ts';
import { recount, sqliteOverview, sqliteProjections } from './projections.ts';
import { sqliteRegistry } from './registry.ts';
import { UPSTREAM_TABLES } from './tables.ts';

const BUSY_MS = 5_000;

/** Throws Fault('store-unusable'). */
export function openSqliteStore(file: string): Store {
  try {
    mkdirSync(dirname(resolve(file)), { recursive: true, mode: 0o700 });
    const database = openWritable(file, (fresh) => {
      fresh.pragma(`busy_timeout = ${BUSY_MS}`);
      fresh.exec(UPSTREAM_TABLES);
      recount(fresh);
    });
    return {
      ...sqliteFleet(database),
      ...sqlitePeers(database),
      ...sqliteJournals(database),
      ...sqliteProjections(database),
      ...sqliteOverview(database),
      ...sqliteRegistry(database),
      close: async () => void database.close(),
    };
  } catch (error) {
    throw new Fault('store-unusable', `${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
