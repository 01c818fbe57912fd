/**
 * Brings the file of a slice to its place: what has changed since the slice in use, merged in a worker, or else the whole
 * snapshot. Either way the slice in use is not touched, and the new file gets its name when it is whole, right and on disk.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { syncFolder, writePrivateFile } from '../../config/host/private-file.ts';
import { runInWorker } from '../../config/host/worker.ts';
import type { Log } from '../../config/ports/log.ts';
import { accept, type Outcome } from '../credential/outcome.ts';
import { deltasFrom, type SliceManifest } from '../protocol/slice.ts';
import { failureText, type UpstreamClient } from './upstream-client.ts';

export interface SliceFile {
  readonly database: string;
  /** SHA-256 of the database, hex. */
  readonly digest: string;
}

export interface SliceInUse {
  readonly manifest: SliceManifest;
  readonly file: string;
}

export interface FetchOptions {
  readonly client: UpstreamClient;
  readonly bytesMax: number;
  readonly log: Log;
}

const MERGE_HEAP_MIB_MAX = 256;
/** So much may wait for the disk at once: a crossing's own commit waits behind it. */
const SYNC_BYTES = 1 << 20;
const mergedSchema = z.object({ content: z.string(), sha256: z.string() });

/** A sentence where it failed. */
export async function fetchSliceFile(
  options: FetchOptions,
  manifest: SliceManifest,
  place: SliceFile,
  inUse: SliceInUse | undefined,
): Promise<Outcome<true, string>> {
  const { lengthBytes } = manifest.snapshot;
  const { bavail, bsize } = statfsSync(dirname(place.database));
  if (lengthBytes > options.bytesMax) return failed(`slice: ${lengthBytes} bytes are more than allowed`);
  if (lengthBytes * 2 > bavail * bsize) return failed(`slice: no room for ${lengthBytes} bytes`);
  const isSameKey = inUse?.manifest.sliceId === manifest.sliceId && inUse.manifest.keyCheck === manifest.keyCheck;
  const chain = isSameKey ? deltasFrom(inUse.manifest.content, manifest) : undefined;
  if (inUse !== undefined && chain !== undefined) {
    const merged = await mergeChanges(options, manifest, chain, place, inUse.file);
    if (merged.ok) return merged;
    // Whatever is wrong with them, the snapshot is whole.
    options.log.warn('delta-failed', { why: merged.reason });
  }
  return fetchSnapshot(options, manifest, place);
}

async function mergeChanges(
  { client, log }: FetchOptions,
  { sliceId, content }: SliceManifest,
  chain: SliceManifest['deltas'],
  place: SliceFile,
  base: string,
): Promise<Outcome<true, string>> {
  const part = `${place.database}.merging`;
  const files: string[] = [];
  try {
    for (const { sha256, lengthBytes } of chain) {
      const file = join(dirname(place.database), `${sha256}.delta`);
      const fetched = await downloadFile(client, `/v1/slices/${sliceId}/deltas/${sha256}`, { file, sha256, lengthBytes });
      if (!fetched.ok) return failed(`delta: ${fetched.reason}`);
      files.push(file);
    }
    const job = { file: part, base, deltas: files };
    const merged = mergedSchema.parse(
      await runInWorker({ source: 'sync/edge/merge-worker.ts', data: job, heapMiBMax: MERGE_HEAP_MIB_MAX }),
    );
    if (merged.content !== content) return failed('what came of the changes is not what the manifest names');
    finish(part, place, merged.sha256);
    log.info('delta-applied', { slice: sliceId, deltas: chain.length, bytes: chain.reduce((sum, delta) => sum + delta.lengthBytes, 0) });
    return accept(true);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  } finally {
    for (const file of [...files, part]) rmSync(file, { force: true });
  }
}

async function fetchSnapshot(
  { client }: FetchOptions,
  { sliceId, snapshot }: SliceManifest,
  place: SliceFile,
): Promise<Outcome<true, string>> {
  const part = `${place.database}.part`;
  const fetched = await downloadFile(client, `/v1/slices/${sliceId}/snapshots/${snapshot.sha256}`, { ...snapshot, file: part });
  if (!fetched.ok) return failed(`slice: ${fetched.reason}`);
  finish(part, place, snapshot.sha256);
  return accept(true);
}

/** The digest first: a file under its name has one. */
function finish(part: string, { database, digest }: SliceFile, sha256: string): void {
  writePrivateFile(digest, `${sha256}\n`);
  renameSync(part, database);
  syncFolder(dirname(database));
}

/** Goes on where an earlier attempt was cut off. The file is whole, right and on disk when this says so; else it is not there, or a beginning. */
async function downloadFile(
  client: UpstreamClient,
  target: string,
  { file, sha256, lengthBytes }: { readonly file: string; readonly sha256: string; readonly lengthBytes: number },
): Promise<Outcome<true, string>> {
  const present = existsSync(file) ? statSync(file).size : 0;
  const from = present < lengthBytes ? present : 0;
  let hash = await hashOf(file, from);
  let position = from;
  let syncedAt = from;
  const handle = await open(file, from > 0 ? 'r+' : 'w', 0o600);
  let isRight = false;
  try {
    const reply = await client.download(
      target,
      { from, lengthBytes },
      {
        restart() {
          hash = createHash('sha256');
          position = 0;
        },
        async chunk(chunk) {
          hash.update(chunk);
          await handle.write(chunk, 0, chunk.length, position);
          position += chunk.length;
          if (position - syncedAt < SYNC_BYTES) return;
          syncedAt = position;
          await handle.sync();
        },
      },
    );
    if (reply.kind === 'failed') return failed(failureText(reply));
    isRight = position === lengthBytes && hash.digest('hex') === sha256;
    if (isRight) await handle.sync();
  } finally {
    await handle.close();
    // A wrong beginning must not spoil the next attempt.
    if (!isRight && position >= lengthBytes) rmSync(file, { force: true });
  }
  return isRight ? accept(true) : failed('it is not the file that its manifest names');
}

async function hashOf(file: string, lengthBytes: number) {
  const hash = createHash('sha256');
  if (lengthBytes > 0) for await (const chunk of createReadStream(file, { end: lengthBytes - 1 })) hash.update(chunk);
  return hash;
}

function failed(reason: string): { ok: false; reason: string } {
  return { ok: false, reason };
}
