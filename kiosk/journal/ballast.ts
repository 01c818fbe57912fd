/**
 * Ballast: a file that holds space for the last records. On a full disk SQLite can neither delete nor checkpoint; removing
 * a plain file always works, and then there is room to record that the lane was closed.
 */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BALLAST_BYTES = 8 << 20;
const CHUNK_BYTES = 1 << 20;

export interface Ballast {
  /** Puts the ballast back where there is room for it twice. False: it is not there, the disk is as good as full. */
  restore(): boolean;
  release(): void;
}

export function createBallast(folder: string): Ballast {
  const path = join(folder, 'ballast');
  return {
    restore() {
      if (statSync(path, { throwIfNoEntry: false })?.size === BALLAST_BYTES) return true;
      const { bavail, bsize } = statfsSync(folder);
      if (bavail * bsize < 2 * BALLAST_BYTES) return false;
      const file = openSync(path, 'w', 0o600);
      try {
        // Written, not only sized: a sparse file holds no space.
        const chunk = Buffer.alloc(CHUNK_BYTES, 0x20);
        for (let written = 0; written < BALLAST_BYTES; written += CHUNK_BYTES) writeSync(file, chunk);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      return true;
    },
    release: () => rmSync(path, { force: true }),
  };
}
