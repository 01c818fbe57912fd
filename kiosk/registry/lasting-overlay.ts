/**
 * The overlay of the feed as a cache that is rebuilt: a file that is damaged, or gone though there was one, is set aside and
 * begun anew. Until the feed has said everything again the holds in it are missing, so its fault keeps the lane closed.
 */
import { existsSync } from 'node:fs';
import { Fault, type FaultCode } from '../../config/faults.ts';
import { diskTrouble } from '../../config/host/disk-error.ts';
import { setDatabaseAside } from '../../config/host/private-file.ts';
import type { Host } from '../../config/ports/host.ts';
import { type FeedOverlay, type ListsOverlay, openFeedOverlay } from './feed-overlay.ts';

export interface LastingOverlay extends ListsOverlay {
  /** `feed-damaged` once, when the file was begun anew; then `feed-rebuilding` until it is whole. */
  fault(): FaultCode | undefined;
}

/** `wasMade`: there was such a file before. Throws Fault: disk-full, journal-unwritable. */
export function openLastingOverlay(file: string, wasMade: boolean, { clock, log }: Pick<Host, 'clock' | 'log'>): LastingOverlay {
  let started: Parameters<FeedOverlay['startFrom']> | undefined;
  let settled: Parameters<FeedOverlay['settleKills']> | undefined;
  let isDiscarded = false;

  const beginAnew = (): FeedOverlay => {
    const kept = setDatabaseAside(file);
    log.error('feed-damaged', { file, ...(kept !== undefined && { setAside: kept }) });
    const fresh = openFeedOverlay(file);
    fresh.markMissing(clock.wallMs());
    if (started !== undefined) fresh.startFrom(...started);
    if (settled !== undefined) fresh.settleKills(...settled);
    return fresh;
  };
  const open = (): FeedOverlay => {
    if (wasMade && !existsSync(file)) return beginAnew();
    try {
      return openFeedOverlay(file);
    } catch (error) {
      if (error instanceof Fault && error.code === 'feed-damaged') return beginAnew();
      throw error;
    }
  };

  /** A disk that refuses is a fault; what is in use stays so. */
  const guard = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      const trouble = diskTrouble(error);
      if (trouble === undefined) throw error;
      throw new Fault(trouble === 'full' ? 'disk-full' : 'journal-unwritable', file, { cause: error });
    }
  };

  let overlay = open();
  return {
    status: (key) => overlay.status(key),
    revoked: (cti) => overlay.revoked(cti),
    killed: () => overlay.killed(),
    cursor: () => overlay.cursor(),
    freshness: () => overlay.freshness(),
    apply: (page, isWhole) => guard(() => overlay.apply(page, isWhole)),
    startFrom(...given) {
      started = given;
      guard(() => overlay.startFrom(...given));
    },
    settleKills(...given) {
      settled = given;
      guard(() => overlay.settleKills(...given));
    },
    fault() {
      const fault = isDiscarded ? undefined : overlay.fault();
      if (fault !== 'feed-damaged') return fault;
      try {
        overlay.close();
        overlay = beginAnew();
      } catch (error) {
        if (!(error instanceof Fault) && diskTrouble(error) === undefined) throw error;
      }
      return fault;
    },
    discard() {
      isDiscarded = true;
      overlay.discard();
    },
    close: () => overlay.close(),
  };
}
