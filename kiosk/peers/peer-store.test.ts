import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromHex } from '../../sync/credential/bytes.ts';
import { isDoubleUse } from './double-use.ts';
import type { PassRow } from './peer-messages.ts';
import { type OwnPass, openPeerStore, type PeerStore } from './peer-store.ts';

const NOW_MS = 1_700_000_000_000;
const tag = (text: string) => Buffer.from(text.padEnd(16)).toString('hex');
const tagsOf = (name: string): [string, string] => [tag(`c ${name}`), tag(`s ${name}`)];
const keysOf = (name: string) => ({ credential: fromHex(tagsOf(name)[0]), subject: fromHex(tagsOf(name)[1]) });
const row = (counter: number, name: string, change: Partial<PassRow> = {}): PassRow => ({
  bootId: 'b1',
  counter,
  tags: tagsOf(name),
  passedAtMs: NOW_MS,
  windowMs: 60_000,
  expiresAtMs: NOW_MS + 60_000,
  ...change,
});
const own = (name: string, change: Partial<PassRow> = {}, maxUses?: number): OwnPass => {
  const { bootId: _boot, counter: _counter, ...rest } = row(1, name, change);
  return { row: rest, ref: `ref ${name}`, maxUses };
};

let folder: string;
let store: PeerStore;
const open = (bootId = 'own') => openPeerStore(join(folder, 'peers.db'), 'k1', bootId);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'peer-store-'));
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the store of passes', () => {
  it('keeps a row once, whatever is said of it later', () => {
    store.take('k2', [row(1, 'a')], 100);
    store.take('k2', [row(1, 'b'), row(1, 'a')], 100);
    expect(store.elsewhere(keysOf('a'), NOW_MS).uses).toBe(1);
    expect(store.elsewhere(keysOf('b'), NOW_MS).uses).toBe(0);
  });

  it('keeps no more of one lane than its share, and says how many it refused', () => {
    const rows = (from: number) => Array.from({ length: 50 }, (_, index) => row(from + index, `${from + index}`));
    expect(store.take('k2', rows(1), 80)).toBe(0);
    expect(store.take('k2', rows(51), 80)).toBe(20);
    expect(store.take('k2', rows(101), 80)).toBe(50);
    expect(store.take('k3', rows(1), 80)).toBe(0);
    store.prune(NOW_MS + 60_000);
    expect(store.take('k2', rows(201), 80)).toBe(0);
  });

  it('gives own rows in order, also those that come after everything before has expired', () => {
    for (const name of ['a', 'b', 'c']) store.addOwn(own(name));
    const all = store.ownAfter(0, 10, NOW_MS);
    expect(all.map(({ row: { bootId, counter } }) => [bootId, counter])).toEqual([
      ['own', 1],
      ['own', 2],
      ['own', 3],
    ]);
    const cursor = all.at(-1)?.id ?? 0;
    store.prune(NOW_MS + 60_000);
    store.addOwn(own('d', { expiresAtMs: NOW_MS + 120_000 }));
    expect(store.ownAfter(cursor, 10, NOW_MS).map(({ row: { counter } }) => counter)).toEqual([4]);
    store.close();
    store = open('next');
    store.addOwn(own('e'));
    expect(store.ownAfter(cursor, 10, NOW_MS).map(({ row: { bootId, counter } }) => [bootId, counter])).toEqual([
      ['own', 4],
      ['next', 1],
    ]);
    expect(store.ownId({ bootId: 'own', counter: 4 })).toBe(cursor + 1);
    expect(store.ownId({ bootId: 'other', counter: 4 })).toBe(0);
  });

  it('answers quickly about a person of whom a lane says the same twenty thousand times', () => {
    store.addOwn(own('a', { passedAtMs: NOW_MS - 500_000 }));
    const startMs = performance.now();
    for (let from = 1; from < 20_000; from += 50) {
      store.take(
        'k2',
        Array.from({ length: 50 }, (_, index) => row(from + index, 'a', { passedAtMs: NOW_MS - from - index })),
        60_000,
      );
    }
    // A page at a time, with everything that is looked for.
    expect((performance.now() - startMs) / 400).toBeLessThan(50);
    const askMs = performance.now();
    for (let round = 0; round < 20; round++) store.elsewhere(keysOf('a'), NOW_MS);
    expect((performance.now() - askMs) / 20).toBeLessThan(10);
    const addMs = performance.now();
    store.addOwn({ ...own('a'), ref: 'another' });
    expect(performance.now() - addMs).toBeLessThan(100);
    expect(store.unrecorded().map(({ ref }) => ref)).toEqual(['another']);
  });
});

describe('a double use', () => {
  it('is found whichever pass is stored last, by credential or by person', () => {
    store.addOwn(own('a'));
    store.take('k2', [row(1, 'a', { passedAtMs: NOW_MS + 1 })], 100);
    store.take('k3', [row(1, 'b', { tags: [tag('c other'), tag('s b')] })], 100);
    store.addOwn(own('b', { passedAtMs: NOW_MS + 2 }));
    const found = store.unrecorded().map(({ ref, other }) => [ref, other.kioskId]);
    expect(found.sort()).toEqual([
      ['ref a', 'k2'],
      ['ref b', 'k3'],
    ]);
    for (const one of store.unrecorded()) store.markRecorded(one);
    expect(store.unrecorded()).toEqual([]);
    expect(store.doubleUses(0, 10)).toHaveLength(2);
  });

  it('is one for each other lane, however often that lane says it', () => {
    store.addOwn(own('a'));
    store.take(
      'k2',
      Array.from({ length: 20 }, (_, index) => row(index + 1, 'a')),
      100,
    );
    store.take('k3', [row(1, 'a')], 100);
    expect(store.unrecorded().map(({ other }) => [other.kioskId, other.counter])).toHaveLength(2);
  });

  it('is none between two other lanes', () => {
    store.take('k2', [row(1, 'a')], 100);
    store.take('k3', [row(1, 'a')], 100);
    expect(store.unrecorded()).toEqual([]);
  });

  it('is forgotten once it is in the journal and both passes have expired, and not before', () => {
    store.addOwn(own('a'));
    store.take('k2', [row(1, 'a', { expiresAtMs: NOW_MS + 90_000 })], 100);
    store.prune(NOW_MS + 100_000);
    const [found] = store.unrecorded();
    if (found === undefined) throw new Error('forgotten');
    store.markRecorded(found);
    store.prune(NOW_MS + 80_000);
    expect(store.doubleUses(0, 10)).toHaveLength(1);
    store.prune(NOW_MS + 100_000);
    expect(store.doubleUses(0, 10)).toEqual([]);
  });

  const at = (passedAtMs: number, windowMs: number) => ({ passedAtMs, windowMs });
  const one = { isSameCredential: true, uses: 2, maxUses: undefined };
  it.each([
    ['within the window of the later one', at(0, 0), at(59, 60), one, true],
    ['at the end of the window', at(0, 0), at(60, 60), one, false],
    ['within the window of the earlier one alone', at(0, 600), at(60, 60), one, false],
    ['at the same moment, by either window', at(5, 0), at(5, 60), one, true],
    ['without a window', at(5, 0), at(5, 0), one, false],
    ['with more uses than allowed, long after', at(0, 0), at(9_999, 0), { ...one, maxUses: 1 }, true],
    ['with as many uses as allowed', at(0, 0), at(9_999, 0), { ...one, maxUses: 2 }, false],
    [
      'of one person with two credentials, whose uses are their own',
      at(0, 0),
      at(9_999, 0),
      { ...one, isSameCredential: false, maxUses: 1 },
      false,
    ],
  ])('is, or is not, a pass %s', (_what, a, b, known, expected) => {
    expect(isDoubleUse(a, b, known)).toBe(expected);
    expect(isDoubleUse(b, a, known)).toBe(expected);
  });
});
