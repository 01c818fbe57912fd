/**
 * Whether the disk of the centre is full: noted when a write fails for it, and over when a small write succeeds again. What is
 * read goes on meanwhile: kiosks are served from what is there.
 */
import { every } from '../../../config/ports/clock.ts';
import type { Host } from '../../../config/ports/host.ts';
import type { StoreProbe } from '../store/store.ts';

export interface DiskMark {
  /** True where the error says that the disk is full. */
  note(error: unknown): boolean;
  /** Unix milliseconds; undefined while there is room. */
  fullSinceMs(): number | undefined;
  stop(): void;
}

const PROBE_MS = 2_000;
/** SQLite, the file system, a quota, and a file size limit. */
const FULL_CODES = ['SQLITE_FULL', 'ENOSPC', 'EDQUOT', 'EFBIG'];

export function createDiskMark(store: StoreProbe, host: Host): DiskMark {
  let sinceMs: number | undefined;
  const isFull = (error: unknown) => error instanceof Error && 'code' in error && FULL_CODES.includes(String(error.code));
  const probe = async () => {
    if (sinceMs === undefined) return;
    try {
      await store.probe();
      host.log.warn('disk-has-room', { fullForMs: host.clock.wallMs() - sinceMs });
      sinceMs = undefined;
    } catch (error) {
      if (!isFull(error)) host.log.error('store-probe-failed', { why: error instanceof Error ? error.message : String(error) });
    }
  };
  const stop = every(host.clock, PROBE_MS, () => void probe());
  return {
    note(error) {
      if (!isFull(error)) return false;
      if (sinceMs === undefined) {
        sinceMs = host.clock.wallMs();
        host.log.error('disk-full', { why: error instanceof Error ? error.message : String(error) });
      }
      return true;
    },
    fullSinceMs: () => sinceMs,
    stop,
  };
}
