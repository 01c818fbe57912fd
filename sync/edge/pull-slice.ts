/**
 * Fetches what a kiosk believes from outside: keyring, policy, slice. Each is checked before it is put in place; the slice
 * is downloaded beside the one in use, hashed as it arrives, and taken over by replacing its manifest alone.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncFolder, writePrivateFile } from '../../config/host/private-file.ts';
import { toHex } from '../credential/bytes.ts';
import type { Keyring } from '../credential/keyring.ts';
import { accept, type Outcome } from '../credential/outcome.ts';
import { openStatement, parseEnvelopes } from '../credential/statement.ts';
import { sliceKeySchema } from '../protocol/feed.ts';
import { openBox } from '../protocol/sealing.ts';
import { type SliceManifest, sliceManifestSchema } from '../protocol/slice.ts';
import { problemTitle } from './read-reply.ts';
import type { UpstreamClient } from './upstream-client.ts';

/** Where the kiosk keeps slices, as its registry reads them. */
export interface SliceInbox {
  /** Version of the slice in use. */
  version(): number | undefined;
  readonly manifestFile: string;
  filesFor(manifest: SliceManifest): { readonly folder: string; readonly database: string; readonly key: string };
  /** Look now; the file of this hash was verified a moment ago. */
  refresh(sha256: string): void;
}

export interface PullSliceOptions {
  readonly client: UpstreamClient;
  readonly kioskId: string;
  readonly sliceId: string;
  readonly sealingSecret: Uint8Array;
  readonly inbox: SliceInbox;
  readonly bytesMax: number;
}

const REQUEST_MS = 20_000;

/** True where a newer slice was put in place; a sentence where that failed. */
export async function pullSlice(options: PullSliceOptions, keyring: Keyring): Promise<Outcome<boolean, string>> {
  const { client, sliceId, inbox } = options;
  const fetched = await fetchText(client, `/v1/slices/${sliceId}/manifest`);
  if (!fetched.ok) return fetched;
  const envelopes = parseEnvelopes(fetched.value);
  if (!envelopes.ok) return failed(`manifest: ${envelopes.reason}`);
  const opened = openStatement(envelopes.value[0], 'slice-manifest', keyring.roles.slice, sliceManifestSchema);
  if (!opened.ok) return failed(`manifest: ${opened.reason}`);
  const manifest = opened.value;
  if (manifest.sliceId !== sliceId) return failed(`manifest: it is for slice ${manifest.sliceId}`);
  if (manifest.version <= (inbox.version() ?? 0)) return accept(false);
  const files = inbox.filesFor(manifest);
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  if (!existsSync(files.key)) {
    const key = await fetchKey(options, manifest, keyring, files.key);
    if (!key.ok) return key;
  }
  if (!existsSync(files.database)) {
    const database = await fetchDatabase(options, manifest, files.database);
    if (!database.ok) return database;
  }
  writePrivateFile(inbox.manifestFile, `${fetched.value}\n`);
  inbox.refresh(manifest.sha256);
  if (inbox.version() === manifest.version) removeOthers(files.folder, [files.database, files.key]);
  return accept(true);
}

async function fetchKey(
  { client, kioskId, sliceId, sealingSecret }: PullSliceOptions,
  { generation }: SliceManifest,
  keyring: Keyring,
  file: string,
): Promise<Outcome<true, string>> {
  const fetched = await fetchText(client, `/v1/slices/${sliceId}/keys/${generation}`);
  if (!fetched.ok) return fetched;
  const envelopes = parseEnvelopes(fetched.value);
  if (!envelopes.ok) return failed(`slice key: ${envelopes.reason}`);
  const opened = openStatement(envelopes.value[0], 'slice-key', keyring.roles.slice, sliceKeySchema);
  if (!opened.ok) return failed(`slice key: ${opened.reason}`);
  const { audience, sliceId: named, generation: keyed, box } = opened.value;
  if (audience !== kioskId || named !== sliceId || keyed !== generation) return failed('slice key: it is another one than asked for');
  const key = openBox(new Uint8Array(Buffer.from(box, 'base64url')), sealingSecret);
  if (!key.ok || key.value.length !== 32) return failed('slice key: it is not sealed to this kiosk');
  writePrivateFile(file, `${toHex(key.value)}\n`);
  return accept(true);
}

/** Hashed as it is written; under its name only once it is whole, right and on disk. */
async function fetchDatabase(
  { client, sliceId, bytesMax }: PullSliceOptions,
  { sha256, lengthBytes }: SliceManifest,
  file: string,
): Promise<Outcome<true, string>> {
  const { bavail, bsize } = statfsSync(dirname(file));
  if (lengthBytes > bytesMax) return failed(`slice: ${lengthBytes} bytes are more than allowed`);
  if (lengthBytes * 2 > bavail * bsize) return failed(`slice: no room for ${lengthBytes} bytes`);
  const part = `${file}.part`;
  const hash = createHash('sha256');
  const handle = openSync(part, 'w', 0o600);
  try {
    const reply = await client.download(`/v1/slices/${sliceId}/snapshots/${sha256}`, lengthBytes, (chunk) => {
      hash.update(chunk);
      writeSync(handle, chunk);
    });
    if (reply.kind === 'failed') return failed(`slice: ${reply.why}`);
    if (reply.bytes !== lengthBytes || hash.digest('hex') !== sha256) return failed('slice: it is not the one that its manifest names');
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(part, file);
  syncFolder(dirname(file));
  return accept(true);
}

/** What no manifest names any more. A file that is still open under Windows stays until the next time. */
function removeOthers(folder: string, keep: readonly string[]): void {
  const names = new Set(keep.map((file) => basename(file)));
  for (const name of readdirSync(folder)) {
    if (names.has(name) || !/\.(db|key|part)$/.test(name)) continue;
    try {
      rmSync(join(folder, name), { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}

/** The body of an answer with status 200. */
export async function fetchText(client: UpstreamClient, target: string): Promise<Outcome<string, string>> {
  const reply = await client.send({ method: 'GET', target, timeoutMs: REQUEST_MS });
  if (reply.kind === 'failed') return failed(reply.why);
  if (reply.status !== 200) return failed(`HTTP ${reply.status}: ${problemTitle(reply.text) ?? 'no signed answer'}`);
  return accept(reply.text.trimEnd());
}

function failed(reason: string): { ok: false; reason: string } {
  return { ok: false, reason };
}
