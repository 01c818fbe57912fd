/**
 * Publishes a slice: builds the file from the registry, names it by its hash, signs the manifest. The row key stays the same
 * within a generation, a week by default, so that a key that leaves with a stolen kiosk soon opens nothing new.
 */
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../../../config/host/private-file.ts';
import type { Host } from '../../../config/ports/host.ts';
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import type { SliceManifest } from '../../protocol/slice.ts';
import type { PublishedSlice, RegistryStore } from '../store/store.ts';
import { buildSlice } from './build-slice.ts';

export interface PublisherOptions {
  /** Folder of the snapshots. */
  readonly folder: string;
  readonly sliceKey: Signer;
}

export interface Publisher {
  /** Publishes if there is none yet, the registry has changed, or the manifest grows old. */
  refresh(sliceId: string): Promise<PublishedSlice>;
  /** The file of a snapshot, which may be absent. */
  fileOf(sha256: string): string;
}

const GENERATION_MS = 7 * 86_400_000;
const VALID_MS = 7 * 86_400_000;
/** A manifest is signed again this long before it would matter, also without a change. */
const RENEW_MS = 86_400_000;
/** Snapshots that kiosks may still be fetching. */
const KEEP_SNAPSHOTS = 3;

export function createPublisher(store: RegistryStore, { folder, sliceKey }: PublisherOptions, host: Host): Publisher {
  const fileOf = (sha256: string) => join(folder, `${sha256}.db`);

  const generationFor = async (sliceId: string, nowMs: number) => {
    const newest = await store.sliceKey(sliceId);
    if (newest !== undefined && nowMs - newest.createdAtMs < GENERATION_MS) return newest;
    const next = { generation: (newest?.generation ?? 0) + 1, key: host.random.bytes(32), createdAtMs: nowMs };
    await store.addSliceKey(sliceId, next.generation, next.key, nowMs);
    return next;
  };

  const publish = async (sliceId: string, previous: PublishedSlice | undefined): Promise<PublishedSlice> => {
    const nowMs = host.clock.wallMs();
    const revision = await store.registryRevision();
    const { generation, key } = await generationFor(sliceId, nowMs);
    const { status, revoked, feedSeq } = await store.exportRegistry(Math.floor(nowMs / 1000));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fresh = join(folder, `${sliceId}.new`);
    const { lengthBytes, sha256, rows, collisions } = buildSlice(fresh, key, status, revoked);
    if (collisions > 0) host.log.warn('slice-collisions', { slice: sliceId, collisions });
    renameSync(fresh, fileOf(sha256));
    syncFolder(folder);
    const version = Math.max((previous?.version ?? 0) + 1, Math.floor(nowMs / 1000));
    const manifest: SliceManifest = {
      version,
      issuedAt: new Date(nowMs).toISOString(),
      expires: new Date(nowMs + VALID_MS).toISOString(),
      audience: '*',
      sliceId,
      generation,
      lengthBytes,
      sha256,
      rows,
      feedSeq,
    };
    const line = signStatement('slice-manifest', manifest, sliceKey);
    const published = { sliceId, version, generation, sha256, lengthBytes, manifest: line, publishedAtMs: nowMs, revision };
    await store.publishSlice(published);
    kept.push(sha256);
    dropOld();
    host.log.info('slice-published', { slice: sliceId, version, generation, status: rows.status, revoked: rows.revoked });
    return published;
  };

  const kept: string[] = [];
  const dropOld = () => {
    const names = new Set(kept.slice(-KEEP_SNAPSHOTS).map((sha256) => `${sha256}.db`));
    // Those of earlier runs stay until this run has published enough of its own.
    if (names.size < KEEP_SNAPSHOTS) return;
    for (const name of readdirSync(folder)) if (/^[0-9a-f]{64}\.db$/.test(name) && !names.has(name)) rmSync(join(folder, name));
  };

  return {
    fileOf,
    async refresh(sliceId) {
      const current = await store.currentSlice(sliceId);
      const isOld = current !== undefined && host.clock.wallMs() - current.publishedAtMs > RENEW_MS;
      const isChanged = current?.revision !== (await store.registryRevision());
      return current === undefined || isOld || isChanged ? publish(sliceId, current) : current;
    },
  };
}
