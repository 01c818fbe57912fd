/**
 * Fetches a newer slice: manifest, row key, file. Each is checked before it is put in place; what is in use stays until the
 * manifest alone is replaced.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writePrivateFile } from '../../config/host/private-file.ts';
import { lookAtTextFile } from '../../config/host/text-file.ts';
import { fromHex, toHex } from '../credential/bytes.ts';
import type { Keyring } from '../credential/keyring.ts';
import { accept, type Outcome } from '../credential/outcome.ts';
import { openStatement, parseEnvelopes } from '../credential/statement.ts';
import { sliceKeySchema } from '../protocol/feed.ts';
import { openBox } from '../protocol/sealing.ts';
import { openManifest, type SliceManifest, sliceKeyCheck } from '../protocol/slice.ts';
import { type HeldSlice, refuseFork, refuseLoss } from '../protocol/slice-loss.ts';
import { type FetchOptions, fetchSliceFile, type SliceFile, type SliceInUse } from './fetch-slice-file.ts';
import { problemTitle } from './read-reply.ts';
import { failureText, type UpstreamClient } from './upstream-client.ts';

/** Where the kiosk keeps slices, as its registry reads them. */
export interface SliceInbox {
  inUse(): SliceInUse | undefined;
  /** A file of what is in use was changed or taken away: the same version is put in place once more. */
  isDamaged(): boolean;
  /** The store that this kiosk believes; undefined: the first that comes. */
  storeId(): string | undefined;
  /** The slice that was in use last: a newer one may not lose much of its holds. */
  lastUsed(): HeldSlice | undefined;
  /** The newest entry of the feed that this kiosk has. */
  heardSeq(): number | undefined;
  readonly manifestFile: string;
  filesFor(manifest: SliceManifest): { readonly folder: string; readonly key: string } & SliceFile;
  /** Look now. `verified`: content of a file that was checked a moment ago. */
  refresh(verified: string | undefined): void;
}

export interface PullSliceOptions extends FetchOptions {
  readonly kioskId: string;
  readonly sliceId: string;
  readonly sealingSecret: Uint8Array;
  readonly inbox: SliceInbox;
}

const REQUEST_MS = 20_000;
const KEY_TEXT = /^[0-9a-f]{64}$/;

const DAMAGED = 'lists: one that is in use was changed or taken away, and the centre has nothing that mends it';

/** True where a newer slice was put in place, or the same once more because a file was damaged; a sentence where that failed. */
export async function pullSlice(options: PullSliceOptions, keyring: Keyring): Promise<Outcome<boolean, string>> {
  const { client, sliceId, inbox } = options;
  const fetched = await fetchText(client, `/v1/slices/${sliceId}/manifest`);
  if (!fetched.ok) return fetched;
  const read = readManifest(fetched.value, sliceId, keyring);
  if (!read.ok) return read;
  const manifest = read.value;
  const foreign = foreignStore(manifest, inbox.storeId());
  if (foreign !== undefined) return failed(foreign);
  const inUse = inbox.inUse();
  // Each store counts for itself: the first slice of a new one is new.
  const isSameStore = inUse?.manifest.storeId === manifest.storeId;
  const isSame = isSameStore && manifest.version === inUse.manifest.version && manifest.content === inUse.manifest.content;
  const isRepair = isSame && inbox.isDamaged();
  if (isSameStore && manifest.version <= inUse.manifest.version && !isRepair) {
    const fork = manifest.version === inUse.manifest.version ? refuseFork(inUse.manifest, manifest) : undefined;
    if (fork !== undefined) return failed(fork);
    return inbox.isDamaged() ? failed(DAMAGED) : accept(false);
  }
  const loss = refuseFork(inbox.lastUsed(), manifest, inbox.heardSeq()) ?? refuseLoss(inbox.lastUsed(), manifest);
  if (loss !== undefined) return failed(loss);
  const files = inbox.filesFor(manifest);
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  if (!isKeyOf(manifest, files.key)) {
    const key = await fetchKey(options, manifest, keyring, files.key);
    if (!key.ok) return key;
  }
  const isThere = existsSync(files.database);
  if (!isThere) {
    const database = await fetchSliceFile(options, manifest, files, inUse);
    if (!database.ok) return database;
  }
  writePrivateFile(inbox.manifestFile, `${fetched.value}\n`);
  inbox.refresh(isThere ? undefined : manifest.content);
  const taken = inbox.inUse();
  if (taken?.manifest.version !== manifest.version) {
    // What lies there cannot be used: the next round fetches it again. Unless it is in use under an earlier manifest.
    if (taken?.file !== files.database) rmSync(files.database, { force: true });
    return failed('slice: the kiosk did not take it');
  }
  if (isRepair && inbox.isDamaged()) return failed(DAMAGED);
  removeOthers(files.folder, [files.database, files.digest, files.key]);
  return accept(true);
}

async function fetchKey(
  { client, kioskId, sliceId, sealingSecret }: PullSliceOptions,
  manifest: SliceManifest,
  keyring: Keyring,
  file: string,
): Promise<Outcome<true, string>> {
  const fetched = await fetchText(client, `/v1/slices/${sliceId}/keys/${manifest.generation}`);
  if (!fetched.ok) return fetched;
  return takeSliceKey(fetched.value, { kioskId, sealingSecret, manifest }, keyring, file);
}

/** Whether `file` holds the very row key that the slice was made with. */
export function isKeyOf({ keyCheck }: SliceManifest, file: string): boolean {
  const { text = '' } = { text: undefined, ...lookAtTextFile(file) };
  const hex = text.trim();
  return KEY_TEXT.test(hex) && sliceKeyCheck(fromHex(hex)) === keyCheck;
}

export interface KeyWanted extends Pick<PullSliceOptions, 'kioskId' | 'sealingSecret'> {
  /** The key must be the one that this slice was made with. */
  readonly manifest: SliceManifest;
}

/** Writes the row key to `file` where the statement is signed, sealed for this kiosk, and the key is the slice's own. */
export function takeSliceKey(
  text: string,
  { kioskId, sealingSecret, manifest: { sliceId, generation, keyCheck } }: KeyWanted,
  keyring: Keyring,
  file: string,
): Outcome<true, string> {
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) return failed(`slice key: ${envelopes.reason}`);
  const opened = openStatement(envelopes.value[0], 'slice-key', keyring.roles.slice, sliceKeySchema);
  if (!opened.ok) return failed(`slice key: ${opened.reason}`);
  const { audience, sliceId: named, generation: keyed, box } = opened.value;
  if (audience !== kioskId || named !== sliceId || keyed !== generation) return failed('slice key: it is another one than asked for');
  const key = openBox(new Uint8Array(Buffer.from(box, 'base64url')), sealingSecret);
  if (!key.ok || key.value.length !== 32) return failed('slice key: it is not sealed to this kiosk');
  if (sliceKeyCheck(key.value) !== keyCheck) return failed('slice-key-mismatch: the centre gave another key than that of its slice');
  writePrivateFile(file, `${toHex(key.value)}\n`);
  return accept(true);
}

/** A sentence where the slice is of another store than the one that is believed; undefined where it may be taken. */
export function foreignStore({ storeId }: Pick<SliceManifest, 'storeId'>, trusted: string | undefined): string | undefined {
  if (trusted === undefined || trusted === storeId) return undefined;
  return `store-mismatch: the slice is of store ${storeId}, and this kiosk is enrolled with ${trusted}`;
}

/** A manifest that is signed, and for this slice. */
export function readManifest(text: string, sliceId: string, keyring: Keyring): Outcome<SliceManifest, string> {
  const opened = openManifest(text, keyring.roles.slice);
  if (!opened.ok) return failed(`manifest: ${opened.reason}`);
  const { manifest } = opened.value;
  if (manifest.sliceId !== sliceId) return failed(`manifest: it is for slice ${manifest.sliceId}`);
  const [{ subjectKeyCheck: stated = 'none' }, pinned] = [manifest, keyring.subjectKeyCheck];
  // Put in place it would close the lane at the next start.
  if (pinned === undefined || stated === pinned) return accept(manifest);
  return failed(`manifest: it states the subject key ${stated}, and the keyring pins ${pinned}`);
}

/** What no manifest names any more. A file that is still open under Windows stays until the next time. */
function removeOthers(folder: string, keep: readonly string[]): void {
  const names = new Set(keep.map((file) => basename(file)));
  for (const name of readdirSync(folder)) {
    if (names.has(name) || !/\.(db|key|sha256|part|merging|delta)$/.test(name)) continue;
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
  if (reply.kind === 'failed') return failed(failureText(reply));
  if (reply.status !== 200) return failed(`HTTP ${reply.status}: ${problemTitle(reply.text) ?? 'no signed answer'}`);
  return accept(reply.text.trimEnd());
}

function failed(reason: string): { ok: false; reason: string } {
  return { ok: false, reason };
}
