import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openReadOnly } from '../../config/host/open-database.ts';
import { deltasFrom, type SliceManifest } from '../protocol/slice.ts';
import { createSliceFile, digestContent, mergeSlice, writeDelta } from './slice-file.ts';

let folder: string;
let number = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slice-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** First byte of the key to status and days; the other seven bytes are the same for all. */
type Rows = ReadonlyMap<number, readonly [status: number, fromDay: number, untilDay: number | undefined]>;
const keyOf = (first: number) => Uint8Array.of(first, 1, 2, 3, 4, 5, 6, 7);

function write(rows: Rows, revoked: ReadonlyMap<number, number> = new Map()): string {
  const file = join(folder, `${number++}.db`);
  createSliceFile(file, (sink) => {
    for (const [first, [status, from, until]] of rows) sink.status(keyOf(first), status, from, until);
    for (const [first, expiresAt] of revoked) sink.revoked(keyOf(first), expiresAt);
  });
  return file;
}

describe('a slice file', () => {
  it('keeps the more restrictive of two rows with one key', () => {
    const file = join(folder, 'x.db');
    const { collisions } = createSliceFile(file, (rows) => {
      rows.status(keyOf(1), 2, 5, undefined);
      rows.status(keyOf(1), 4, 6, 9);
      rows.status(keyOf(1), 3, 7, undefined);
    });
    expect(collisions).toBe(2);
    const database = openReadOnly(file, 0);
    expect(database.prepare('SELECT status, from_day, until_day FROM status').all()).toEqual([{ status: 4, from_day: 6, until_day: 9 }]);
    database.close();
  });

  it('has a digest of its rows, not of the order in which they came', () => {
    const rows: [number, [number, number, number | undefined]][] = [
      [1, [4, 1, 2]],
      [2, [3, 1, undefined]],
    ];
    const digest = digestContent(write(new Map(rows)));
    expect(digest.rows).toEqual({ status: 2, revoked: 0 });
    expect(digestContent(write(new Map(rows.toReversed())))).toEqual(digest);
  });

  it.each<[string, Rows, ReadonlyMap<number, number>]>([
    ['another status', new Map([[1, [3, 1, 2]]]), new Map([[5, 100]])],
    ['another first day', new Map([[1, [4, 2, 2]]]), new Map([[5, 100]])],
    ['no last day', new Map([[1, [4, 1, undefined]]]), new Map([[5, 100]])],
    ['another key', new Map([[2, [4, 1, 2]]]), new Map([[5, 100]])],
    ['another expiry', new Map([[1, [4, 1, 2]]]), new Map([[5, 101]])],
    ['no revocation', new Map([[1, [4, 1, 2]]]), new Map()],
  ])('has another digest with %s', (_name, rows, revoked) => {
    const digest = digestContent(write(new Map([[1, [4, 1, 2]]]), new Map([[5, 100]]))).content;
    expect(digestContent(write(rows, revoked)).content).not.toBe(digest);
  });
});

describe('changes', () => {
  const arbitraryRows = fc
    .array(
      fc.tuple(
        fc.integer({ min: 0, max: 255 }),
        fc.tuple(
          fc.integer({ min: 0, max: 6 }),
          fc.integer({ min: -9, max: 9 }),
          fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
        ),
      ),
      { maxLength: 40 },
    )
    .map((pairs): Rows => new Map(pairs));
  const arbitraryRevoked = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 0xffff_ffff })), { maxLength: 20 })
    .map((pairs): ReadonlyMap<number, number> => new Map(pairs));

  it('lead from any slice over any other to any third', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(arbitraryRows, arbitraryRevoked), { minLength: 2, maxLength: 4 }), (versions) => {
        const files = versions.map(([rows, revoked]) => write(rows, revoked));
        const deltas = files.slice(1).map((next, index) => {
          const delta = join(folder, `${number++}.delta`);
          writeDelta(delta, files[index] ?? '', next);
          return delta;
        });
        const merged = join(folder, `${number++}.db`);
        mergeSlice(merged, files[0] ?? '', deltas, () => undefined);
        expect(digestContent(merged)).toEqual(digestContent(files.at(-1) ?? ''));
      }),
      { numRuns: 40 },
    );
  });

  it('are counted, and nothing where nothing changed', () => {
    const rows: Rows = new Map([
      [1, [4, 1, 2]],
      [2, [3, 1, undefined]],
    ]);
    const next: Rows = new Map([
      [1, [4, 1, 3]],
      [255, [3, 1, undefined]],
    ]);
    expect(writeDelta(join(folder, 'a'), write(rows), write(rows))).toBe(0);
    expect(writeDelta(join(folder, 'b'), write(rows, new Map([[3, 9]])), write(next))).toBe(4);
  });
});

describe('the way from one content to another', () => {
  const hash = (letter: string) => letter.repeat(64);
  const delta = (from: string, to: string, lengthBytes = 10) => ({ from: hash(from), to: hash(to), sha256: hash('0'), lengthBytes });
  const manifest = (deltas: SliceManifest['deltas'], content = 'd') => ({
    content: hash(content),
    deltas,
    snapshot: { sha256: hash('1'), lengthBytes: 100 },
  });
  const path = (from: string | undefined, deltas: SliceManifest['deltas'], content?: string) =>
    deltasFrom(from === undefined ? undefined : hash(from), manifest(deltas, content))?.map((one) => one.from[0]);
  const chain = [delta('a', 'b'), delta('b', 'c'), delta('c', 'd')];

  it('is the part of the chain behind the content in use', () => {
    expect(path('a', chain)).toEqual(['a', 'b', 'c']);
    expect(path('c', chain)).toEqual(['c']);
    expect(path('d', chain)).toEqual([]);
  });

  it('is the snapshot for a content that no change begins with, and for a chain with a hole', () => {
    expect(path('e', chain)).toBeUndefined();
    expect(path(undefined, chain)).toBeUndefined();
    expect(path('a', [delta('a', 'b'), delta('c', 'd')])).toBeUndefined();
    expect(path('a', [delta('a', 'b')])).toBeUndefined();
  });

  it('is the snapshot where the changes are longer than half of it', () => {
    expect(path('a', [delta('a', 'd', 50)])).toEqual(['a']);
    expect(path('a', [delta('a', 'd', 51)])).toBeUndefined();
  });

  it('begins at the last time that the content was the one in use', () => {
    const back = [delta('a', 'b'), delta('b', 'a'), delta('a', 'd')];
    expect(path('a', back)).toEqual(['a']);
  });
});
