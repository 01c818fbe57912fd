/**
 * Builds a registry slice from the store, and the changes since the one before: the file that a kiosk looks people and codes
 * up in. Row keys are keyed hashes. Runs in a worker with a connection of its own: ten million rows take minutes.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../../../config/host/private-file.ts';
import { authorityDay } from '../../protocol/authority-time.ts';
import { type SliceManifest, sliceManifestSchema, sliceRowKey, statuses } from '../../protocol/slice.ts';
import { createSliceFile, digestContent, digestFile, writeDelta } from '../../slice/slice-file.ts';
import type { RegistryStore } from '../store/store.ts';

export interface BuildJob {
  readonly sliceId: string;
  /** Of these everybody; of all others whoever is not clear. */
  readonly regions: readonly number[];
  /** Row key, 32 bytes. */
  readonly key: Uint8Array;
  /** Unix seconds: revocations whose last day is over are left out, statuses like them stay and are not counted. */
  readonly nowS: number;
  readonly folder: string;
  /** The slice before, of the same generation. */
  readonly base: Pick<SliceManifest, 'content' | 'snapshot'> | undefined;
}

const manifestShape = sliceManifestSchema.shape;
export const builtSliceSchema = z.object({
  content: manifestShape.content,
  rows: manifestShape.rows,
  holds: manifestShape.holds,
  feedSeq: z.number(),
  snapshot: manifestShape.snapshot,
  /** From the slice before to this one, where both are known and differ. */
  delta: manifestShape.deltas.unwrap().element.optional(),
  /** Revision of the registry that it shows. */
  revision: z.number(),
  /** Subjects whose row key belonged to another already; the more restrictive row is in it. */
  collisions: z.number(),
});
export type BuiltSlice = z.infer<typeof builtSliceSchema>;

export const snapshotFile = (folder: string, sha256: string) => join(folder, `${sha256}.db`);
export const deltaFile = (folder: string, sha256: string) => join(folder, `${sha256}.delta`);

/** Files are named by their hash, on disk when this returns. */
export async function buildSlice(store: RegistryStore, job: BuildJob): Promise<BuiltSlice> {
  const { sliceId, folder, base, key } = job;
  const fresh = join(folder, `${sliceId}.new`);
  const { collisions, moment } = createSliceFile(fresh, (rows) =>
    store.exportRegistry(job.nowS, job.regions, {
      status: ({ pseudonym, status, fromDay, untilDay }) =>
        rows.status(sliceRowKey(key, pseudonym), statuses.indexOf(status), fromDay, untilDay),
      revoked: ({ cti, expiresAt }) => rows.revoked(cti, expiresAt),
    }),
  );
  const { content, rows, holds } = digestContent(fresh, undefined, authorityDay(job.nowS));
  const snapshot = digestFile(fresh);
  const delta = base === undefined || base.content === content ? undefined : changesSince(folder, base, { sliceId, content, fresh });
  renameSync(fresh, snapshotFile(folder, snapshot.sha256));
  syncFolder(folder);
  return { content, rows, holds, snapshot, delta, collisions, ...moment };
}

function changesSince(
  folder: string,
  base: Pick<SliceManifest, 'content' | 'snapshot'>,
  { sliceId, content, fresh }: { readonly sliceId: string; readonly content: string; readonly fresh: string },
): BuiltSlice['delta'] {
  const before = snapshotFile(folder, base.snapshot.sha256);
  if (!existsSync(before)) return undefined;
  const changes = join(folder, `${sliceId}.changes`);
  writeDelta(changes, before, fresh);
  const delta = { from: base.content, to: content, ...digestFile(changes) };
  renameSync(changes, deltaFile(folder, delta.sha256));
  return delta;
}

/** Removes half-made files of builds that were cut off. */
export function removeLeftovers(folder: string, sliceId: string): void {
  for (const name of ['new', 'changes']) rmSync(join(folder, `${sliceId}.${name}`), { force: true });
}
