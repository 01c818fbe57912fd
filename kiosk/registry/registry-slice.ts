/**
 * The registry slice on disk: read-only lookup by keyed hash. A slice is opened only when its manifest is signed by a slice
 * key of the keyring and the file is, byte for byte, the one that the manifest names.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../config/faults.ts';
import { type Database, openReadOnly } from '../../config/host/open-database.ts';
import { plainText, whyUnreadable } from '../../config/host/text-file.ts';
import { type FixedFile, holdFixedFile } from '../../config/host/watched-file.ts';
import { fromHex } from '../../sync/credential/bytes.ts';
import type { Claims } from '../../sync/credential/claims.ts';
import { OUTDATED_MANIFEST, openManifest, type SliceManifest, sliceKeyCheck, sliceRowKey, statuses } from '../../sync/protocol/slice.ts';
import { digestFile } from '../../sync/slice/slice-file.ts';
import type { SliceAnswer } from '../decision/decide.ts';
import { type FeedOverlay, noOverlay } from './feed-overlay.ts';

export interface RegistrySlice {
  readonly manifest: SliceManifest;
  /** Id of the key that signed the manifest. */
  readonly signer: string;
  /** The database that is open; it is never written to. */
  readonly file: string;
  /** The same file, held since before it was checked, and the SHA-256 (hex) that it was found to have. */
  readonly held: FixedFile;
  /** Where its row key was read. */
  readonly keyFile: string;
  readonly sha256: string;
  /** Whether the keys agree is for the registry to add. About 10 microseconds; throws Fault('slice-corrupt') where the file cannot be read any more. */
  lookup(claims: LookedUp): SliceAnswer;
  /** A lookup failed since it was opened. */
  hasFailed(): boolean;
  close(): void;
}

export type LookedUp = Pick<Claims, 'cti' | 'subject' | 'subjectKeyCheck'>;

/** What is newer than the slice. */
export type SliceOverlay = Pick<FeedOverlay, 'status' | 'revoked'>;

export interface SliceFiles {
  readonly database: string;
  readonly manifest: string;
  /** 64 hex digits, mode 0600. */
  readonly key: string;
}

const MMAP_BYTES = 1 << 30;
const KEY_FILE = /^[0-9a-f]{64}\n?$/;

const statusRow = z.object({ status: z.number(), from_day: z.number(), until_day: z.number().nullable() });

/** Opens and checks a slice: reads the whole file once. Throws a Fault that says what is wrong with it. */
export function openSlice(
  files: SliceFiles,
  sliceKeys: ReadonlyMap<string, Uint8Array>,
  overlay: SliceOverlay = noOverlay,
  verified?: string,
): RegistrySlice {
  const { manifest, signer, key, keyFile, database, isFetched, sha256 } = readBeside(files, sliceKeys);
  const held = hold(database);
  try {
    // The pull loop has checked what it wrote a moment ago: doing it again here would hold up a scan.
    const isKnown = verified === manifest.content && isFetched;
    if (!isKnown && digest(database) !== sha256) throw new Fault('slice-corrupt', `${database} is not the file that its manifest names.`);
    const slice = wrapDatabase(database, key, overlay);
    if (held.change() === undefined) {
      const close = () => {
        slice.close();
        held.close();
      };
      return { ...slice, close, manifest, signer, held, keyFile, sha256 };
    }
    slice.close();
    throw new Fault('slice-changed', `${database} was changed while it was opened.`);
  } catch (error) {
    held.close();
    throw error;
  }
}

/**
 * The open slice under the manifest as it lies there now, without a look at its rows: reading a large file again would hold
 * up a scan. Undefined where they are not the very bytes and the very key that are open; whether the open file is whole is
 * for its watch to say. Throws like openSlice.
 */
export function renewSlice(slice: RegistrySlice, files: SliceFiles, sliceKeys: ReadonlyMap<string, Uint8Array>): RegistrySlice | undefined {
  const { manifest, signer, keyFile, database, sha256 } = readBeside(files, sliceKeys);
  const { content, keyCheck, sliceId } = slice.manifest;
  const isSameFile = database === slice.file && sha256 === slice.sha256 && slice.held.change() === undefined;
  const isSameList = manifest.content === content && manifest.keyCheck === keyCheck && manifest.sliceId === sliceId;
  return isSameFile && isSameList && !slice.hasFailed() ? { ...slice, manifest, signer, keyFile } : undefined;
}

/** What belongs to a slice beside its rows: the manifest, the key, and where the rows are with the SHA-256 that they must have. */
function readBeside(files: SliceFiles, sliceKeys: ReadonlyMap<string, Uint8Array>) {
  const { manifest, signer } = readManifest(files.manifest, sliceKeys);
  const fetched = fetchedFiles(files.manifest, manifest);
  const keyFile = existsSync(fetched.key) ? fetched.key : files.key;
  const key = readKey(keyFile, manifest);
  const isFetched = existsSync(fetched.database);
  const database = isFetched ? fetched.database : files.database;
  const sha256 = isFetched ? readText(fetched.digest).trim() : manifest.snapshot.sha256;
  return { manifest, signer, key, keyFile, database, isFetched, sha256 };
}

/**
 * Where the pull loop puts what it fetched: beside the manifest, under names that no two slices share. The manifest is then
 * the one file whose replacement switches from the old slice to the new.
 */
export function fetchedFiles(
  manifestFile: string,
  { content, sliceId, keyCheck }: Pick<SliceManifest, 'content' | 'sliceId' | 'keyCheck'>,
) {
  const folder = join(dirname(manifestFile), 'slices');
  // By the key's check value and not by its generation: a centre with a new store may give the number of another key.
  const name = `${sliceId}-${keyCheck}`;
  return {
    folder,
    database: join(folder, `${name}-${content}.db`),
    /** The file's own SHA-256, hex: a file that was merged here has another than the one at the centre. */
    digest: join(folder, `${name}-${content}.sha256`),
    key: join(folder, `${name}.key`),
  };
}

function readManifest(path: string, sliceKeys: ReadonlyMap<string, Uint8Array>): Pick<RegistrySlice, 'manifest' | 'signer'> {
  const opened = openManifest(readText(path), sliceKeys);
  if (opened.ok) return opened.value;
  throw new Fault(opened.reason === OUTDATED_MANIFEST ? 'slice-outdated' : 'slice-corrupt', `${path}: ${opened.reason}`);
}

/**
 * With another key every lookup finds nobody, and everybody passes: such a slice counts as absent. Throws
 * Fault('slice-key-mismatch') or Fault('slice-missing').
 */
export function readKey(path: string, { keyCheck, generation }: SliceManifest): Uint8Array {
  const text = readText(path);
  if (!KEY_FILE.test(text)) throw new Fault('slice-key-mismatch', `${path} is damaged: it does not hold 64 hex digits.`);
  const key = fromHex(text.trim());
  const found = sliceKeyCheck(key);
  if (found === keyCheck) return key;
  throw new Fault('slice-key-mismatch', `${path} holds key ${found}; the slice needs key ${keyCheck} (generation ${generation}).`);
}

function readText(path: string): string {
  try {
    return plainText(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Fault('slice-missing', whyUnreadable(path, error), { cause: error });
  }
}

function hold(path: string): FixedFile {
  try {
    return holdFixedFile(path);
  } catch (error) {
    throw new Fault('slice-missing', whyUnreadable(path, error), { cause: error });
  }
}

function digest(path: string): string {
  try {
    return digestFile(path).sha256;
  } catch (error) {
    throw new Fault('slice-missing', whyUnreadable(path, error), { cause: error });
  }
}

function wrapDatabase(
  path: string,
  key: Uint8Array,
  overlay: SliceOverlay,
): Pick<RegistrySlice, 'file' | 'lookup' | 'hasFailed' | 'close'> {
  try {
    const database = openReadOnly(path, MMAP_BYTES);
    const { findStatus, findRevoked } = prepareLookups(database);
    let hasFailed = false;
    return {
      file: path,
      hasFailed: () => hasFailed,
      lookup(claims) {
        try {
          const revoked = overlay.revoked(claims.cti) ?? findRevoked.get(claims.cti) !== undefined;
          const rowKey = sliceRowKey(key, claims.subject);
          const urgent = overlay.status(rowKey);
          if (urgent === undefined) return answer(revoked, findStatus.get(rowKey));
          const { status, fromDay, untilDay } = urgent;
          return { revoked, status, fromDay, untilDay: untilDay ?? undefined, otherSubjectKey: false };
        } catch (error) {
          hasFailed = true;
          throw new Fault('slice-corrupt', 'A lookup failed.', { cause: error });
        }
      },
      close: () => database.close(),
    };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('slice-corrupt', `${path} is not a registry slice.`, { cause: error });
  }
}

/** A file that is no slice is looked at every few seconds: it does not stay open each time. */
function prepareLookups(database: Database) {
  try {
    return {
      findStatus: database.prepare('SELECT status, from_day, until_day FROM status WHERE key = ?'),
      findRevoked: database.prepare('SELECT 1 FROM revoked WHERE cti = ?').pluck(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function answer(revoked: boolean, row: unknown): SliceAnswer {
  if (row === undefined) return { revoked, status: 'clear', fromDay: 0, untilDay: undefined, otherSubjectKey: false };
  const { status, from_day, until_day } = statusRow.parse(row);
  const name = statuses[status];
  // A status that this version does not know is held, not passed.
  return { revoked, status: name ?? 'hold', fromDay: from_day, untilDay: until_day ?? undefined, otherSubjectKey: false };
}
