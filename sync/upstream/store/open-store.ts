/** Opens a store by its address. Workers open their own. */
import { Fault } from '../../../config/faults.ts';
import { adoptSqliteStore, createSqliteStore, openSqliteStore, type StoreIdentity } from './sqlite/sqlite-store.ts';
import type { Store } from './store.ts';

/** `sqlite:FILE`, and nothing else yet. Opens a store that was made before, and makes none. Throws Fault: store-… */
export function openStore(address: string): Store {
  return openSqliteStore(fileOf(address));
}

/** Makes a store where there is none; with `adopt` gives one of an earlier version its identity. Throws Fault: store-… */
export function initStore(address: string, identity: StoreIdentity, adopt = false): void {
  if (adopt) adoptSqliteStore(fileOf(address), identity);
  else createSqliteStore(fileOf(address), identity);
}

function fileOf(address: string): string {
  const file = sqliteFile(address);
  if (file === undefined) throw new Fault('store-unusable', `${address}: expected sqlite:FILE`);
  return file;
}

/** Undefined for a store that is no file. */
export function sqliteFile(address: string): string | undefined {
  return /^sqlite:(.+)$/.exec(address)?.[1];
}
