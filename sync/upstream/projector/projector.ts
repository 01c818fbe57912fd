/**
 * The projector: takes raw batches in the order in which they came, opens them, and fills the tables that people ask. Runs
 * at its own pace beside ingest; where it stops it goes on, and `rebuild` makes everything again from the raw lines.
 */
import type { Host } from '../../../config/ports/host.ts';
import { readBatch } from '../../protocol/batch.ts';
import { inflateBatch } from '../ingest/ingest.ts';
import type { ProjectionStore, SealHeader, StoredBatch } from '../store/store.ts';
import { openSeal, projectBatch, type SealingSecrets, type SegmentKeys, sealIdsOf, sealsOf } from './project-batch.ts';

export interface Projector {
  /** Projects what waits now; returns the batches done. */
  drain(): Promise<number>;
  rebuild(onProgress?: (batches: number) => void): Promise<number>;
}

const TAKE = 10;
const KEYS_MAX = 10_000;

type OpenedKey = ReturnType<SegmentKeys>;

export function createProjector(store: ProjectionStore, secrets: SealingSecrets, host: Pick<Host, 'clock' | 'log'>): Projector {
  /** Opening a seal is the dear part; a kiosk's records of an hour share one. */
  const keys = new Map<string, Uint8Array>();

  const keyOf = async (id: string, own: readonly SealHeader[]): Promise<OpenedKey> => {
    const known = keys.get(id);
    if (known !== undefined) return known;
    const header = own.find(({ recordId }) => recordId === id) ?? (await store.findSeal(id));
    if (header === undefined) return 'seal-missing';
    const opened = openSeal(header, secrets);
    if (!opened.ok) return opened.reason;
    if (keys.size >= KEYS_MAX) keys.clear();
    keys.set(id, opened.value);
    return opened.value;
  };

  const project = async (stored: StoredBatch): Promise<void> => {
    const inflated = await inflateBatch(stored.body);
    const batch = inflated === undefined ? undefined : readBatch(inflated);
    // Ingest has read this very body: if it cannot be read now, the store is damaged.
    if (batch?.ok !== true) throw new Error(`batch ${stored.journalId} up to ${stored.lastSeq} cannot be read any more`);
    const own = sealsOf(batch.value, stored);
    const opened = new Map<string, OpenedKey>();
    for (const id of sealIdsOf(batch.value, stored)) opened.set(id, await keyOf(id, own));
    const rows = projectBatch(batch.value, stored, (id) => opened.get(id) ?? 'seal-missing');
    for (const { recordId, reason } of rows.unprojected) host.log.error('record-unprojected', { record: recordId, reason });
    await store.commitProjection({ ...rows, batch: stored, atMs: host.clock.wallMs() });
  };

  const drain = async (onProgress?: (batches: number) => void): Promise<number> => {
    let done = 0;
    for (;;) {
      const waiting = await store.unprojectedBatches(TAKE);
      for (const stored of waiting) await project(stored);
      done += waiting.length;
      if (waiting.length > 0) onProgress?.(done);
      if (waiting.length < TAKE) return done;
    }
  };

  return {
    drain: () => drain(),
    async rebuild(onProgress) {
      keys.clear();
      await store.resetProjection();
      return drain(onProgress);
    },
  };
}
