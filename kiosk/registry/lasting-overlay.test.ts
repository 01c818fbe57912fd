import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedHost, SIMULATED_START_MS, type SimulatedHost } from '../../fixtures/simulated-host.ts';
import type { FeedPage } from '../../sync/protocol/feed.ts';
import type { FeedCursor } from './feed-overlay.ts';
import { type LastingOverlay, openLastingOverlay } from './lasting-overlay.ts';

let folder = '';
let host: SimulatedHost;
let overlay: LastingOverlay;
const file = () => join(folder, 'feed.db');
const place = { sliceId: 'default', storeId: 'ab'.repeat(16), generation: 1, keyCheck: 'cd'.repeat(8) };
const start: FeedCursor = { ...place, seq: 5 };
const page = (after: number): FeedPage => ({
  ...place,
  ...{ version: 1, audience: 'k1', issuedAt: '2026-01-15T03:00:00Z', expires: '2099-01-01T00:00:00Z' },
  ...{ after, upTo: after, entries: [], more: false, sliceVersion: 1, requestDigest: '', nonce: '' },
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overlay-'));
  host = createSimulatedHost();
  overlay = openLastingOverlay(file(), false, host);
  overlay.startFrom(start, []);
});
afterEach(() => {
  overlay.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('what the feed has brought', () => {
  it.each<[string, () => void]>([
    ['damaged', () => writeFileSync(file(), 'x'.repeat(8192))],
    ['deleted', () => rmSync(file())],
  ])('and is %s at the start is begun anew, and nobody passes until the feed has said everything again', (_how, harm) => {
    expect(overlay.fault()).toBeUndefined();
    overlay.close();
    harm();
    for (const suffix of ['-wal', '-shm']) rmSync(file() + suffix, { force: true });
    overlay = openLastingOverlay(file(), true, host);
    overlay.startFrom(start, []);
    expect(overlay.fault()).toBe('feed-rebuilding');
    overlay.close();
    // A restart does not forget it.
    overlay = openLastingOverlay(file(), true, host);
    overlay.startFrom(start, []);
    expect(overlay.fault()).toBe('feed-rebuilding');
    overlay.apply(page(5), true);
    expect(overlay.fault()).toBeUndefined();
    expect(host.logged.some(({ event }) => event === 'feed-damaged')).toBe(true);
  });

  it('and is deleted while it is in use is begun anew, from the slice in use', () => {
    rmSync(file());
    expect(overlay.fault()).toBe('feed-damaged');
    expect(overlay.fault()).toBe('feed-rebuilding');
    expect(existsSync(file())).toBe(true);
    expect(overlay.cursor()).toEqual(start);
    // A slice that was built later holds all of it.
    overlay.startFrom({ ...start, seq: 9 }, [], SIMULATED_START_MS - 1);
    expect(overlay.fault()).toBe('feed-rebuilding');
    overlay.startFrom({ ...start, seq: 9 }, [], SIMULATED_START_MS + 1);
    expect(overlay.fault()).toBeUndefined();
  });
});
