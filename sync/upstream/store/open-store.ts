/** Opens a store by its address. Workers open their own. */
import { Fault } from '../../../config/faults.ts';
import { openSqliteStore } from './sqlite/sqlite-store.ts';
import type { Store } from './store.ts';

/** `sqlite:FILE`, and nothing else yet. Throws Fault('store-unusable'). */
export function openStore(address: string): Store {
  const file = sqliteFile(address);
  if (file === undefined) throw new Fault('store-unusable', `${address}: expected sqlite:FILE`);
  return openSqliteStore(file);
}

/** Undefined for a store that is no file. */
export function sqliteFile(address: string): string | undefined {
  return /^sqlite:(.+)$/.exec(address)?.[1];
}
