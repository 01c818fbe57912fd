/**
 * The projector: takes raw batches in the order in which they came, opens them, and fills the tables that people ask. Runs
 * at its own pace beside ingest; where it stops it goes on, and `rebuild` makes everything again from the raw lines.
 */
import type { Host } from '../../../config/ports/host.ts';
import type { ProjectionStore, StoredBatch } from '../store/store.ts';
import { openBatch, segmentKeyCache } from './open-batch.ts';
import { projectBatch, type SealingSecrets } from './project-batch.ts';

export interface Projector {
  /** Projects what waits now; returns the batches done. */
  drain(): Promise<number>;
  rebuild(onProgress?: (batches: number) => void): Promise<number>;
}

const TAKE = 10;

export function createProjector(store: ProjectionStore, secrets: SealingSecrets, host: Pick<Host, 'clock' | 'log'>): Projector {
  const keyOf = segmentKeyCache(store, secrets);

  const project = async (stored: StoredBatch): Promise<void> => {
    const { batch, keys } = await openBatch(stored, keyOf);
    const rows = projectBatch(batch, stored, keys);
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
      await store.resetProjection();
      return drain(onProgress);
    },
  };
}
