/** The store of the centre as the command line names it: made by `store init`, opened by every other command and never made. */
import { existsSync } from 'node:fs';
import { Fault } from '../config/faults.ts';
import { nodeClock, nodeRandom } from '../config/host/node-host.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { STORE_ID_BYTES } from '../sync/protocol/store-identity.ts';
import { initStore, openStore as openStoreAt, sqliteFile } from '../sync/upstream/store/open-store.ts';
import type { Store } from '../sync/upstream/store/store.ts';
import { CommandError, exitCode } from './command.ts';

/** Exit codes of the faults that a wrong path leads to, and what else to say. */
const faultWords = {
  'store-missing': { code: exitCode.noInput, hint: 'Look at the path and whether its disk is mounted; `store init` makes a new store.' },
  'store-unknown': { code: exitCode.dataError, hint: 'Look at the path; `store init` makes a store where no file lies.' },
  'store-unnamed': { code: exitCode.dataError, hint: 'Stop the centre, copy the file, then: store init --adopt.' },
} as const;

export function storeFile(given: string): string {
  const file = sqliteFile(given);
  if (file === undefined) throw new CommandError(exitCode.usage, `--store ${given}: expected sqlite:FILE`);
  return file;
}

/** `sqlite:FILE`, and nothing else yet. */
export function openStore(given: string): Store {
  storeFile(given);
  return withWords(() => openStoreAt(given));
}

export async function initialiseStore(given: string, adopt: boolean): Promise<void> {
  const file = storeFile(given);
  if (!adopt && existsSync(file)) {
    throw new CommandError(exitCode.cannotCreate, `${file} is there already: a store is made in a place where no file lies`);
  }
  const storeId = toHex(nodeRandom.bytes(STORE_ID_BYTES));
  withWords(() => initStore(given, { storeId, atMs: nodeClock.wallMs() }, adopt));
  process.stdout.write(`${JSON.stringify({ store: given, storeId, adopted: adopt })}\n`);
}

function withWords<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const words = Object.entries(faultWords).find(([code]) => code === error.code)?.[1];
    if (words === undefined) throw error;
    throw new CommandError(words.code, `${error.code}: ${error.message} ${words.hint}`);
  }
}
