/**
 * Whether the signed files and the row key that are in use still lie on the disk as they were read. They are used from
 * memory; but a file that was written in place, cut or taken away is no replacement by anybody who provides lists, and after
 * a restart it would be what counts.
 */
import { createHash } from 'node:crypto';
import { type FixedFile, holdFixedFile } from '../../config/host/watched-file.ts';

export interface ListsWatch {
  /** Path of the first file that is not as it was read, and what has become of it; undefined while all are. */
  fault(): { readonly path: string; readonly what: 'changed' | 'gone' } | undefined;
  /** The file at this path was read anew, and what it says now is in use. */
  take(path: string): void;
  close(): void;
}

interface HeldList {
  readonly file: FixedFile;
  readonly digest: string;
}

/** To be called before the files are read for use. A file that is not there is left to whoever reads it. */
export function watchLists(paths: readonly string[]): ListsWatch {
  let held = paths.flatMap((path) => hold(path) ?? []);
  /** Whether the same text lies at its path again, in a file of its own: that one is held from then on. */
  const isPutBack = ({ file, digest }: HeldList): boolean => {
    const there = hold(file.path);
    if (there === undefined) return false;
    const isSame = there.digest === digest;
    if (isSame) held = held.map((one) => (one.file === file ? there : one));
    (isSame ? file : there.file).close();
    return isSame;
  };
  return {
    fault() {
      for (const list of held) {
        const { file, digest } = list;
        const change = file.change();
        if (change === 'gone') return { path: file.path, what: change };
        if (change !== 'changed') continue;
        // Other rights, another link, the same text written once more: nothing has changed for who reads it.
        if (digestIfReadable(file) === digest) file.accept();
        else if (!isPutBack(list)) return { path: file.path, what: change };
      }
      return undefined;
    },
    take(path) {
      for (const { file } of held) if (file.path === path) file.close();
      held = [...held.filter(({ file }) => file.path !== path), ...[hold(path) ?? []].flat()];
    },
    close() {
      for (const { file } of held) file.close();
    },
  };
}

function hold(path: string): HeldList | undefined {
  const file = openIfReadable(path);
  if (file === undefined) return undefined;
  const digest = digestIfReadable(file);
  if (digest !== undefined) return { file, digest };
  // A folder can be opened, and not read.
  file.close();
  return undefined;
}

function openIfReadable(path: string): FixedFile | undefined {
  try {
    return holdFixedFile(path);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
}

/** Undefined where the disk does not give the file out any more. */
function digestIfReadable(file: FixedFile): string | undefined {
  try {
    return createHash('sha256').update(file.readAll()).digest('hex');
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
}
