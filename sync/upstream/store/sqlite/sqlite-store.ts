/**
 * The SQLite store: one file, no server; every commit is fsynced. Several processes of one machine may share it. Only
 * `createSqliteStore` makes one: a mistyped path or a disk that is not mounted must not become a centre without holds.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../../../config/faults.ts';
import { type Database, openWritable, tableNames } from '../../../../config/host/open-database.ts';
import { sliceKeyCheck } from '../../../protocol/slice.ts';
import { storeIdText } from '../../../protocol/store-identity.ts';
import type { Store } from '../store.ts';
import { sqliteFleet } from './fleet.ts';
import { sqliteJournals } from './journals.ts';
import { sqlitePeers } from './peers.ts';
import { recount, sqliteOverview, sqliteProjections } from './projections.ts';
import { sqliteRefusals } from './refusals.ts';
import { sqliteRegistry } from './registry.ts';
import { IDENTITY_TABLE, UPSTREAM_TABLES } from './tables.ts';

const BUSY_MS = 5_000;
/** A file with these and no identity is a store of an earlier version. */
const KNOWN_TABLES = ['journal', 'slice_key', 'subject'];

export interface StoreIdentity {
  /** 32 hex digits. */
  readonly storeId: string;
  readonly atMs: number;
}

/** Makes a store where no file lies; its folder too. Throws Fault('store-unusable'). */
export function createSqliteStore(file: string, identity: StoreIdentity): void {
  if (existsSync(file)) throw new Fault('store-unusable', `${file} is there already; a store is made in a place where no file lies.`);
  usable(file, () => {
    mkdirSync(dirname(resolve(file)), { recursive: true, mode: 0o700 });
    openWritable(file, (database) =>
      database.transaction(() => {
        database.exec(UPSTREAM_TABLES);
        putIdentity(database, identity);
      })(),
    ).close();
  });
}

/** Gives a store of an earlier version an identity, and keeps all that is in it. Throws Fault. */
export function adoptSqliteStore(file: string, identity: StoreIdentity): void {
  const kind = kindOf(file);
  if (kind === 'named') throw new Fault('store-unusable', `${file} has an identity already.`);
  if (kind !== 'unnamed') throw new Fault(kind === 'absent' ? 'store-missing' : 'store-unknown', file);
  usable(file, () => {
    openStoreFile(file, (database) =>
      database.transaction(() => {
        putIdentity(database, identity);
        nameSlices(database, identity.storeId);
      })(),
    ).close();
  });
}

/** Throws Fault: store-missing, store-unknown, store-unnamed, store-unusable. */
export function openSqliteStore(file: string): Store {
  const kind = kindOf(file);
  if (kind === 'absent') throw new Fault('store-missing', file);
  if (kind === 'other') throw new Fault('store-unknown', file);
  if (kind === 'unnamed') throw new Fault('store-unnamed', file);
  return usable(file, () => {
    const database = openStoreFile(file);
    const storeId = storeIdText.parse(database.prepare('SELECT store_id FROM store_identity').pluck().get());
    return {
      storeId,
      ...sqliteFleet(database),
      ...sqlitePeers(database),
      ...sqliteJournals(database),
      ...sqliteProjections(database),
      ...sqliteOverview(database),
      ...sqliteRegistry(database),
      ...sqliteRefusals(database, storeId),
      probe: async () => void database.exec('UPDATE registry_revision SET revision = revision'),
      close: async () => void database.close(),
    };
  });
}

function openStoreFile(file: string, prepare: (database: Database) => void = () => undefined): Database {
  return openWritable(file, (database) => {
    database.pragma(`busy_timeout = ${BUSY_MS}`);
    database.exec(UPSTREAM_TABLES);
    recount(database);
    prepare(database);
  });
}

function usable<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    // What this program lacks is not the store's fault.
    if (error instanceof Fault) throw error;
    throw new Fault('store-unusable', `${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** Looks without writing: a file that is something else stays as it is. */
function kindOf(file: string): 'absent' | 'other' | 'unnamed' | 'named' {
  if (!existsSync(file)) return 'absent';
  const tables = usable(file, () => tableNames(file));
  if (tables === undefined) return 'other';
  if (tables.includes('store_identity')) return 'named';
  return KNOWN_TABLES.every((name) => tables.includes(name)) ? 'unnamed' : 'other';
}

function putIdentity(database: Database, { storeId, atMs }: StoreIdentity): void {
  database.exec(IDENTITY_TABLE);
  database.prepare('INSERT INTO store_identity (id, store_id, made_at) VALUES (1, ?, ?)').run(storeIdText.parse(storeId), atMs);
}

const sliceRow = z.object({ slice_id: z.string(), version: z.number(), body: z.string(), key: z.instanceof(Uint8Array) });

/**
 * What an earlier version published names neither store nor key. Its rows are completed, so that changes can follow from
 * them; the manifests stay as they were signed, and the publisher replaces them at its start.
 */
function nameSlices(database: Database, storeId: string): void {
  const rows = database
    .prepare(
      `SELECT slice.slice_id, version, body, slice_key.key FROM slice
       JOIN slice_key ON slice_key.slice_id = slice.slice_id AND slice_key.generation = json_extract(body, '$.generation')`,
    )
    .all();
  const put = database.prepare('UPDATE slice SET body = ? WHERE slice_id = ? AND version = ?');
  for (const row of rows.map((row) => sliceRow.parse(row))) {
    const body = { ...z.record(z.string(), z.unknown()).parse(JSON.parse(row.body)), storeId, keyCheck: sliceKeyCheck(row.key) };
    put.run(JSON.stringify(body), row.slice_id, row.version);
  }
}
