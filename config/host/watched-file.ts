/**
 * A file that is in use, and what has become of it: two calls of the system, a few microseconds, so that it may be asked
 * before each result. Times are in nanoseconds; the change time of a file cannot be set back by whoever writes to it.
 */
import { type BigIntStats, closeSync, fstatSync, openSync, read, readSync, statSync } from 'node:fs';

/**
 * `gone`: nothing lies at its path any more. `changed`: the file in use was written to, cut, or given other rights or links,
 * whatever lies at its path: a rename over it counts too, because it cannot be told from a write before the rename.
 * `replaced`: another file lies there, and the one in use is as it was.
 */
export type FileChange = 'changed' | 'gone' | 'replaced';

/** A file that nobody may write while it is in use. */
export interface FixedFile {
  readonly path: string;
  change(): FileChange | undefined;
  /** The file counts as it is now: what was changed is being looked into, or was found to be nothing. */
  accept(): void;
  lengthBytes(): number;
  /** Fills `into` from the file in use, whatever lies at its path. Resolves to the number of bytes; 0 at the end. */
  readAt(position: number, into: Uint8Array): Promise<number>;
  /** All of a small file. */
  readAll(): Uint8Array;
  /** After a read that is under way. */
  close(): void;
}

/** Throws what the file system throws. */
export function holdFixedFile(path: string): FixedFile {
  const handle = openSync(path, 'r');
  let known = fstatSync(handle, { bigint: true });
  /** Undefined where the disk does not answer any more. */
  const look = () => {
    try {
      return fstatSync(handle, { bigint: true });
    } catch (error) {
      if (error instanceof Error && 'syscall' in error) return undefined;
      throw error;
    }
  };
  let reading = 0;
  let closed = false;
  const release = () => {
    if (closed && reading === 0) closeSync(handle);
  };
  return {
    path,
    change() {
      const there = statAt(path);
      if (there === undefined) return 'gone';
      const now = look();
      if (now === undefined || !isUntouched(now, known)) return 'changed';
      return isSameFile(there, known) ? undefined : 'replaced';
    },
    accept() {
      known = look() ?? known;
    },
    lengthBytes: () => Number(known.size),
    readAt: (position, into) =>
      new Promise((resolve, reject) => {
        reading++;
        read(handle, into, 0, into.length, position, (error, bytes) => {
          reading--;
          release();
          if (error === null) resolve(bytes);
          else reject(error);
        });
      }),
    readAll() {
      const bytes = new Uint8Array(Number(fstatSync(handle).size));
      return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, 0));
    },
    close() {
      if (closed) return;
      closed = true;
      release();
    },
  };
}

/** Undefined where nothing is there, and where nobody is let near it. */
function statAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
}

function isUntouched(now: BigIntStats, known: BigIntStats): boolean {
  return now.size === known.size && now.mtimeNs === known.mtimeNs && now.ctimeNs === known.ctimeNs && now.nlink === known.nlink;
}

function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** A file that this process writes itself: it may grow, and must stay where it is. */
interface OwnFile {
  isWhole(): boolean;
}

/** `path` need not be there yet: it is known from the first time it is seen. */
function watchOwnFile(path: string): OwnFile {
  let known = statAt(path);
  return {
    isWhole() {
      const now = statAt(path);
      if (now === undefined) return known === undefined;
      const isSame = known === undefined || (isSameFile(now, known) && now.size >= known.size);
      if (isSame) known = now;
      return isSame;
    },
  };
}

/**
 * A database that this process holds open: its file, and the two that SQLite keeps beside it. False where one of them is
 * gone, lies elsewhere, or is shorter than it was.
 */
export function watchOwnDatabase(file: string): OwnFile {
  const files = ['', '-wal', '-shm'].map((suffix) => watchOwnFile(file + suffix));
  return { isWhole: () => files.every((one) => one.isWhole()) };
}
