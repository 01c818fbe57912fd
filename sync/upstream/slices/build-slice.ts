/**
 * Builds a registry slice: the SQLite file that a kiosk looks people and codes up in, from rows of the registry. Row keys
 * are keyed hashes; where two subjects fall on one key the more restrictive row wins, and the result says how often.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { openWritable } from '../../../config/host/open-database.ts';
import { toHex } from '../../credential/bytes.ts';
import { SLICE_TABLES, type SliceManifest, type Status, sliceRowKey, statuses } from '../../protocol/slice.ts';

export interface StatusRow {
  /** 12 bytes. */
  readonly pseudonym: Uint8Array;
  readonly status: Status;
  /** Days since 1970-01-01 in the authority's time zone, both inclusive; undefined: no end known. */
  readonly fromDay: number;
  readonly untilDay: number | undefined;
}

export interface RevokedRow {
  readonly cti: Uint8Array;
  /** Unix seconds: after its expiry a credential needs no revocation. */
  readonly expiresAt: number;
}

export interface BuiltSlice extends Pick<SliceManifest, 'lengthBytes' | 'sha256' | 'rows'> {
  /** Subjects whose row key belonged to another already. */
  readonly collisions: number;
}

/** Writes `file` anew. The manifest that vouches for it is signed by the caller. */
export function buildSlice(file: string, key: Uint8Array, status: readonly StatusRow[], revoked: readonly RevokedRow[]): BuiltSlice {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
  const { merged, collisions } = mergeRows(key, status);
  const database = openWritable(file);
  try {
    database.transaction(() => {
      database.exec(SLICE_TABLES);
      const insert = database.prepare('INSERT INTO status (key, status, from_day, until_day) VALUES (?, ?, ?, ?)');
      for (const [hex, row] of merged) insert.run(Buffer.from(hex, 'hex'), statuses.indexOf(row.status), row.fromDay, row.untilDay ?? null);
      const insertRevoked = database.prepare('INSERT OR REPLACE INTO revoked (cti, expires_at) VALUES (?, ?)');
      for (const row of revoked) insertRevoked.run(row.cti, row.expiresAt);
    })();
    // A kiosk opens the file read-only: it must need no log beside it.
    database.pragma('journal_mode = DELETE');
  } finally {
    database.close();
  }
  const bytes = readFileSync(file);
  const rows = { status: merged.size, revoked: new Set(revoked.map(({ cti }) => toHex(cti))).size };
  return { lengthBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), rows, collisions };
}

function mergeRows(key: Uint8Array, rows: readonly StatusRow[]) {
  const merged = new Map<string, StatusRow>();
  let collisions = 0;
  for (const row of rows) {
    const rowKey = toHex(sliceRowKey(key, row.pseudonym));
    const earlier = merged.get(rowKey);
    if (earlier !== undefined && toHex(earlier.pseudonym) !== toHex(row.pseudonym)) collisions++;
    if (earlier === undefined || statuses.indexOf(row.status) > statuses.indexOf(earlier.status)) merged.set(rowKey, row);
  }
  return { merged: new Map([...merged].sort(([a], [b]) => (a < b ? -1 : 1))), collisions };
}
