/** Small secret files of the kiosk: mode 0600, written whole or not at all, on disk before the call returns. */
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Random } from '../ports/random.ts';
import { plainText } from './text-file.ts';

const KEY_BYTES = 32;
const KEY_FILE = /^[0-9a-f]{64}\n?$/;

/** Writes beside, fsyncs, renames, fsyncs the folder. */
export function writePrivateFile(path: string, text: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  syncFolder(folder);
}

/**
 * Makes `file` where it is missing; either way nobody but its owner may read it. Windows knows no such modes. A file that is
 * there is not opened: closing it would drop the locks that this process holds on it as a database.
 */
export function keepPrivate(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, 'a', PRIVATE_FILE));
  if (isExposed(statSync(file))) chmodSync(file, PRIVATE_FILE);
}

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** Takes a file or folder away from all but its owner; true where others had it. Throws what the file system says of it. */
export function makePrivate(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !isExposed(stat)) return false;
  chmodSync(path, stat.isDirectory() ? PRIVATE_FOLDER : PRIVATE_FILE);
  return true;
}

/** Whether others than the owner may read, write or enter. */
function isExposed({ mode }: { readonly mode: number }): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0;
}

/** Makes a rename or unlink in `folder` durable; Windows knows no such call and needs none. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A free name beside `path` for what is kept as evidence: `path.damaged-1`, `-2` and so on. */
export function asidePath(path: string, why: string): string {
  for (let number = 1; ; number++) {
    const kept = `${path}.${why}-${number}`;
    if (!existsSync(kept)) return kept;
  }
}

/** Puts a database, and what SQLite keeps beside it, out of the way as evidence. Returns where; undefined where none of it is there. */
export function setDatabaseAside(file: string): string | undefined {
  const found = ['', '-wal', '-shm'].filter((suffix) => existsSync(file + suffix));
  if (found.length === 0) return undefined;
  const kept = asidePath(file, 'damaged');
  for (const suffix of found) renameSync(file + suffix, kept + suffix);
  return kept;
}

export class DamagedKeyFile extends Error {}

/** The 32-byte key in `path`; made and stored where there is none. Throws DamagedKeyFile where it holds something else. */
export function loadOrCreateKey(path: string, random: Random): Uint8Array {
  const text = readIfPresent(path);
  if (text === undefined) {
    const key = random.bytes(KEY_BYTES);
    writePrivateFile(path, `${Buffer.from(key).toString('hex')}\n`);
    return key;
  }
  if (!KEY_FILE.test(text)) throw new DamagedKeyFile(`${path} does not hold a key of 64 hex digits`);
  return new Uint8Array(Buffer.from(text.trim(), 'hex'));
}

function readIfPresent(path: string): string | undefined {
  try {
    return plainText(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
