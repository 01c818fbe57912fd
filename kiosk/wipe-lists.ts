/** Removes what a kiosk knows of people: lists, their keys, and the key that made sense of earlier passes. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { peerFiles } from './other-lanes.ts';
import { wipePeers } from './peers/peers.ts';
import type { SliceFiles } from './registry/registry-slice.ts';

/** Nothing of it may be open any more, where the system minds. */
export function wipeLists(dataDir: string, slice: SliceFiles): void {
  const fetched = join(dirname(slice.manifest), 'slices');
  const feed = ['', '-wal', '-shm'].map((suffix) => join(dataDir, `feed.db${suffix}`));
  wipePeers(peerFiles(dataDir));
  for (const file of [fetched, slice.manifest, slice.database, slice.key, ...feed, join(dataDir, 'keys/reuse.key')]) {
    rmSync(file, { recursive: true, force: true });
  }
  // What was set aside as damaged knows people as well.
  const isAside = (name: string) => /^(feed|peers)\.db\.damaged-/.test(name);
  for (const name of existsSync(dataDir) ? readdirSync(dataDir) : []) if (isAside(name)) rmSync(join(dataDir, name), { force: true });
}
