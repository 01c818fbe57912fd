import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../config/faults.ts';
import { openWritable } from '../../config/host/open-database.ts';
import { createSimulatedHost, type SimulatedHost } from '../../fixtures/simulated-host.ts';
import { orDiskFailure } from '../../sync/edge/loop-tools.ts';
import type { FeedPage } from '../../sync/protocol/feed.ts';
import { createFeedMemory } from './feed-memory.ts';
import { type FeedCursor, openFeedOverlay } from './feed-overlay.ts';
import { keptHeardSeq, type LastingOverlay, openLastingOverlay } from './lasting-overlay.ts';

let folder = '';
let host: SimulatedHost;
let overlay: LastingOverlay;
let state: Map<string, unknown>;
const file = () => join(folder, 'feed.db');
const memory = () => createFeedMemory({ get: (name) => state.get(name), set: (name, value) => void state.set(name, value) });
const open = () => openLastingOverlay(file(), memory(), host);
const place = { sliceId: 'default', storeId: 'ab'.repeat(16), generation: 1, keyCheck: 'cd'.repeat(8) };
const start: FeedCursor = { ...place, seq: 5 };
const key = 'ef'.repeat(8);
const keyBytes = new Uint8Array(8).fill(0xef);
const page = (after: number, upTo = after): FeedPage => ({
  ...place,
  ...{ version: 1, audience: 'k1', issuedAt: '2026-01-15T03:00:00Z', expires: '2099-01-01T00:00:00Z' },
  ...{ after, upTo, more: false, sliceVersion: 1, requestDigest: '', nonce: '' },
  entries: upTo === after ? [] : [{ seq: upTo, prev: after, kind: 'status', key, status: 'F0', fromDay: 0, untilDay: null }],
});
const remove = () => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file() + suffix, { force: true });
};
const faultOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return undefined;
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overlay-'));
  host = createSimulatedHost();
  state = new Map();
  overlay = open();
  overlay.startFrom(start, []);
});
afterEach(() => {
  overlay.close();
  rmSync(folder, { recursive: true, force: true });
});

const harms: readonly (readonly [string, () => void])[] = [
  ['damaged', () => writeFileSync(file(), 'x'.repeat(8192))],
  ['deleted', () => undefined],
  ['cut to nothing', () => writeFileSync(file(), '')],
];

describe('what the feed has brought', () => {
  it.each(harms)('and is %s at the start is begun anew, and nobody passes until the feed has said everything again', (_how, harm) => {
    overlay.apply(page(5, 7), true);
    expect(overlay.fault()).toBeUndefined();
    overlay.close();
    remove();
    harm();
    overlay = open();
    overlay.startFrom(start, []);
    expect(overlay.fault()).toBe('feed-rebuilding');
    overlay.close();
    // A restart does not forget it.
    overlay = open();
    overlay.startFrom(start, []);
    expect(overlay.fault()).toBe('feed-rebuilding');
    overlay.apply(page(5, 7), true);
    expect(overlay.fault()).toBeUndefined();
    expect(overlay.status(keyBytes)?.status).toBe('F0');
  });

  it('and is lost stays missing beside a slice that does not hold it, whatever the clock of this machine says', () => {
    overlay.apply(page(5, 7), true);
    overlay.close();
    remove();
    host.setWallMs(Date.UTC(2020, 0, 1));
    overlay = open();
    for (const seq of [5, 6]) {
      overlay.startFrom({ ...start, seq }, []);
      expect(overlay.fault()).toBe('feed-rebuilding');
    }
    expect(overlay.heardSeq()).toBe(7);
    host.setWallMs(Date.UTC(2090, 0, 1));
    overlay.startFrom({ ...start, seq: 7 }, []);
    expect(overlay.fault()).toBeUndefined();
  });

  it('and is deleted while it is in use is begun anew, from the slice in use', () => {
    overlay.apply(page(5, 7), true);
    host.setWallMs(Date.UTC(2020, 0, 1));
    rmSync(file());
    expect(overlay.fault()).toBe('feed-damaged');
    expect(overlay.fault()).toBe('feed-rebuilding');
    expect(existsSync(file())).toBe(true);
    expect(overlay.cursor()).toEqual(start);
    overlay.startFrom({ ...start, seq: 6 }, []);
    expect(overlay.fault()).toBe('feed-rebuilding');
    // A slice that was built later holds all of it.
    overlay.startFrom({ ...start, seq: 9 }, []);
    expect(overlay.fault()).toBeUndefined();
  });

  it('and is lost is not missing where the slice in use holds it all: a kiosk that never had a line opens again', () => {
    overlay.close();
    remove();
    overlay = open();
    overlay.startFrom(start, []);
    expect(overlay.fault()).toBeUndefined();
  });

  it('and is lost with an unknown number comes back with the feed alone', () => {
    overlay.apply(page(5, 7), true);
    overlay.close();
    remove();
    // As an earlier version left it.
    state.clear();
    state.set('feed.made', true);
    overlay = open();
    overlay.startFrom({ ...start, seq: 9_000 }, []);
    expect(overlay.fault()).toBe('feed-rebuilding');
    overlay.apply(page(9_000), true);
    expect(overlay.fault()).toBeUndefined();
    expect(memory().heard()).toEqual({ storeId: place.storeId, seq: 9_000 });
  });

  it('by an earlier version is known from its file', () => {
    overlay.apply(page(5, 7), true);
    overlay.close();
    state.clear();
    state.set('feed.made', true);
    overlay = open();
    expect(overlay.fault()).toBeUndefined();
    expect(memory().heard()).toEqual({ storeId: place.storeId, seq: 7 });
  });

  it('and is missing since a time that an earlier version took from the clock comes back with the feed alone', () => {
    overlay.close();
    const kept = openFeedOverlay(file());
    kept.markMissing({ storeId: null, seq: 0 });
    kept.close();
    const database = openWritable(file());
    database.prepare("UPDATE state SET body = ? WHERE name = 'missing'").run(JSON.stringify(Date.UTC(2020, 0, 1)));
    database.close();
    overlay = open();
    overlay.startFrom({ ...start, seq: 9_000 }, []);
    expect(overlay.fault()).toBe('feed-rebuilding');
  });

  it('is kept by its number before the page, and a page that brings nothing costs no write', () => {
    let writes = 0;
    overlay.close();
    const counted = {
      get: (name: string) => state.get(name),
      set(name: string, value: unknown) {
        writes++;
        state.set(name, value);
      },
    };
    overlay = openLastingOverlay(file(), createFeedMemory(counted), host);
    for (let count = 0; count < 10; count++) overlay.apply(page(5), true);
    expect(writes).toBe(0);
    overlay.apply(page(5, 7), true);
    expect(writes).toBe(1);
    expect(keptHeardSeq(file(), memory())).toBe(7);
  });
});

describe('a feed that cannot be begun anew', () => {
  const away = () => `${folder}.away`;
  const takeDisk = () => {
    renameSync(folder, away());
    writeFileSync(folder, 'no folder');
  };
  const giveDisk = () => {
    rmSync(folder);
    renameSync(away(), folder);
  };

  it('keeps the lane closed by the name of the disk, refuses each page as a fault, and comes back with the disk', async () => {
    overlay.apply(page(5, 7), true);
    remove();
    takeDisk();
    for (let look = 0; look < 3; look++) expect(overlay.fault()).toBe('journal-unwritable');
    // Those who were held are still known, and the feed loop goes on.
    expect(overlay.status(keyBytes)?.status).toBe('F0');
    expect(overlay.heardSeq()).toBe(7);
    expect(faultOf(() => overlay.apply(page(7, 8), true))).toBe('journal-unwritable');
    expect(await orDiskFailure(async () => void overlay.apply(page(7, 8), true))).toBeDefined();
    expect(faultOf(() => overlay.startFrom({ ...start, seq: 6 }, []))).toBe('journal-unwritable');
    expect(faultOf(() => overlay.settleKills([], new Map()))).toBe('journal-unwritable');
    giveDisk();
    // At a bounded pace.
    expect(overlay.fault()).toBe('journal-unwritable');
    host.advance(2_000);
    expect(overlay.fault()).toBe('feed-damaged');
    expect(overlay.fault()).toBe('feed-rebuilding');
    // From the slice that came meanwhile.
    expect(overlay.cursor()?.seq).toBe(6);
    overlay.apply(page(6, 8), true);
    expect(overlay.fault()).toBeUndefined();
    expect(overlay.status(keyBytes)?.status).toBe('F0');
  });

  it('leaves one damaged file as evidence, however often it was tried', () => {
    overlay.apply(page(5, 7), true);
    overlay.close();
    const failing = { ...host.log, error: (event: string) => void (event === 'feed-damaged' && takeDisk()) };
    overlay = openLastingOverlay(file(), memory(), { clock: host.clock, log: failing });
    renameSync(file(), `${file()}.old`);
    writeFileSync(file(), 'x');
    expect(overlay.fault()).toBe('journal-unwritable');
    giveDisk();
    // What an attempt left that came half way.
    writeFileSync(file(), '');
    host.advance(2_000);
    expect(overlay.fault()).toBe('feed-damaged');
    expect(overlay.fault()).toBe('feed-rebuilding');
    const aside = readdirSync(folder).filter(
      (name) => name.startsWith('feed.db.damaged-') && !name.includes('-wal') && !name.includes('-shm'),
    );
    expect(aside).toEqual(['feed.db.damaged-1']);
  });
});
