/**
 * The overlay of the feed as a cache that is rebuilt: a file that is damaged, or gone though there was one, is set aside and
 * begun anew. Until the feed has said everything again the holds in it are missing, so its fault keeps the lane closed. So it
 * does while the disk lets none be begun: what is in memory is still read then, and nothing is written.
 */
import { existsSync, rmSync } from 'node:fs';
import { Fault, type FaultCode } from '../../config/faults.ts';
import { diskTrouble, errorText } from '../../config/host/disk-error.ts';
import { setDatabaseAside } from '../../config/host/private-file.ts';
import type { Host } from '../../config/ports/host.ts';
import { type FeedMemory, type Heard, hearing, NOTHING_HEARD, UNKNOWN_HEARD } from './feed-memory.ts';
import { type FeedOverlay, type ListsOverlay, openFeedOverlay } from './feed-overlay.ts';

export interface LastingOverlay extends ListsOverlay {
  /**
   * `feed-damaged` once, when the file was begun anew; then `feed-rebuilding` until it is whole. While the disk lets no file be
   * begun: what the disk says.
   */
  fault(): FaultCode | undefined;
}

const RETRY_MS = 2_000;

/** Throws Fault: disk-full, journal-unwritable, state-damaged. */
export function openLastingOverlay(file: string, memory: FeedMemory, { clock, log }: Pick<Host, 'clock' | 'log'>): LastingOverlay {
  let started: Parameters<FeedOverlay['startFrom']> | undefined;
  let settled: Parameters<FeedOverlay['settleKills']> | undefined;
  let isDiscarded = false;
  let isDamaged = false;
  /** The damaged one is out of the way: what lies there now is an attempt of this process. */
  let isSetAside = false;

  const makeRoom = (): void => {
    if (isSetAside) {
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
      return;
    }
    const kept = setDatabaseAside(file);
    isSetAside = true;
    log.error('feed-damaged', { file, ...(kept !== undefined && { setAside: kept }) });
  };
  const beginAnew = (): FeedOverlay => {
    const heard = memory.heard() ?? UNKNOWN_HEARD;
    // First: whoever finds the new file without its mark knows that it was begun anew.
    if (memory.heard() === undefined) memory.hear(heard);
    return guard(file, () => {
      makeRoom();
      const fresh = openFeedOverlay(file);
      try {
        fresh.markMissing(heard);
        if (started !== undefined) fresh.startFrom(...started);
        if (settled !== undefined) fresh.settleKills(...settled);
      } catch (error) {
        fresh.close();
        throw error;
      }
      isSetAside = false;
      isDamaged = false;
      return fresh;
    });
  };

  let overlay = openKept(file, memory, beginAnew);
  let refused: FaultCode | undefined;
  let retryAtMs = Number.NEGATIVE_INFINITY;

  /** A disk that refuses is a fault; what is in use stays so. */
  const write = (action: () => void): void => {
    if (refused !== undefined) throw new Fault(refused, file);
    try {
      guard(file, action);
    } catch (error) {
      if (error instanceof Fault && diskTrouble(error.cause) === 'damaged') isDamaged = true;
      throw error;
    }
  };
  const replace = (): FaultCode => {
    const nowMs = clock.monotonicMs();
    if (refused !== undefined && nowMs < retryAtMs) return refused;
    try {
      if (refused === undefined) guard(file, overlay.close);
      overlay = beginAnew();
      refused = undefined;
      return 'feed-damaged';
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.code !== refused) log.error(error.code, { detail: error.detail });
      refused = error.code;
      retryAtMs = nowMs + RETRY_MS;
      return refused;
    }
  };

  return {
    status: (key) => overlay.status(key),
    revoked: (cti) => overlay.revoked(cti),
    killed: () => overlay.killed(),
    cursor: () => overlay.cursor(),
    heardSeq: () => overlay.heardSeq(),
    freshness: () => overlay.freshness(),
    apply(page, isWhole) {
      write(() => {
        const heard = memory.heard() ?? UNKNOWN_HEARD;
        const next = page.entries.length === 0 ? heard : hearing(heard, page);
        // Before the page: what is lost with the file must not be more than is known here. Most pages bring nothing.
        if (next !== heard) memory.hear(next);
        const wasRebuilding = overlay.fault() === 'feed-rebuilding';
        overlay.apply(page, isWhole);
        if (wasRebuilding && overlay.fault() === undefined) memory.hear({ storeId: page.storeId, seq: page.upTo });
      });
    },
    startFrom(...given) {
      started = given;
      write(() => overlay.startFrom(...given));
    },
    settleKills(...given) {
      settled = given;
      write(() => overlay.settleKills(...given));
    },
    fault() {
      if (isDiscarded) return undefined;
      const fault = isDamaged ? 'feed-damaged' : overlay.fault();
      return refused !== undefined || fault === 'feed-damaged' ? replace() : fault;
    },
    discard() {
      isDiscarded = true;
      overlay.discard();
    },
    close: () => overlay.close(),
  };
}

/** The number up to which a kiosk that stands still has heard the feed; nothing is begun anew. Throws Fault. */
export function keptHeardSeq(file: string, memory: FeedMemory): number | undefined {
  const known = memory.heard()?.seq;
  if (!existsSync(file)) return known;
  try {
    const overlay = openFeedOverlay(file);
    try {
      return overlay.heardSeq();
    } finally {
      overlay.close();
    }
  } catch (error) {
    if (error instanceof Fault && error.code === 'feed-damaged') return known;
    throw error;
  }
}

function openKept(file: string, memory: FeedMemory, beginAnew: () => FeedOverlay): FeedOverlay {
  if (memory.wasMade() && !existsSync(file)) return beginAnew();
  let overlay: FeedOverlay;
  try {
    overlay = openFeedOverlay(file);
  } catch (error) {
    if (error instanceof Fault && error.code === 'feed-damaged') return beginAnew();
    throw error;
  }
  try {
    const heard = memory.heard();
    if (heard === undefined) memory.hear(heardIn(overlay));
    // Cut to nothing, or begun anew by a process that ended before it could mark it.
    else if (heard.seq > 0 && overlay.cursor() === undefined) guard(file, () => overlay.markMissing(heard));
    return overlay;
  } catch (error) {
    overlay.close();
    throw error;
  }
}

/** What an earlier version has heard. */
function heardIn(overlay: FeedOverlay): Heard {
  if (overlay.fault() !== undefined) return UNKNOWN_HEARD;
  const cursor = overlay.cursor();
  return cursor === undefined ? NOTHING_HEARD : { storeId: cursor.storeId, seq: cursor.seq };
}

function guard<Result>(file: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    const trouble = diskTrouble(error);
    if (trouble === undefined) throw error;
    throw new Fault(trouble === 'full' ? 'disk-full' : 'journal-unwritable', `${file}: ${errorText(error)}`, { cause: error });
  }
}
