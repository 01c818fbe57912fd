/** A centre that was started on another store than its own: kiosks must go on stopping who is held, and say what is wrong. */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestCentre, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { authorityDay } from './protocol/authority-time.ts';
import type { RegistryChange } from './upstream/store/store.ts';

const WAIT = { timeout: 50_000, interval: 20 };
const PUBLISH_MS = 200;
const today = authorityDay(Date.now() / 1000);
const subjectOf = (byte: number) => new Uint8Array(12).fill(byte);
let folder: string;
let centre: TestCentre;
const open: SyncedKiosk[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wrong-store-'));
  centre = await openTestCentre(folder, 0, PUBLISH_MS);
});

afterEach(async () => {
  for (const kiosk of open.splice(0)) await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

async function hold(byte: number, urgent = false): Promise<void> {
  const change: RegistryChange = { kind: 'status', pseudonym: subjectOf(byte), status: 'F0', fromDay: today, untilDay: today + 14 };
  await centre.store.changeRegistry([change], urgent, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });
}

async function openKiosk(name: string): Promise<SyncedKiosk> {
  const kiosk = await centre.openSyncedKiosk(name);
  open.push(kiosk);
  await expect.poll(() => kiosk.registry.content() !== undefined && kiosk.overlay.freshness() !== undefined, WAIT).toBe(true);
  return kiosk;
}

/** The same keys and the same address, another store: `away` is where the one in use is put, `back` what takes its place. */
async function exchangeStore(away: string, back?: string): Promise<void> {
  const { port } = new URL(centre.upstream.url);
  await centre.close();
  renameSync(join(folder, 'upstream'), join(folder, away));
  if (back !== undefined) renameSync(join(folder, back), join(folder, 'upstream'));
  centre = await openTestCentre(folder, Number(port), PUBLISH_MS);
}

const statusOf = (kiosk: SyncedKiosk, byte: number) => kiosk.status(subjectOf(byte))?.status;

describe('a centre that was started on another store', () => {
  it('empties the list of no kiosk, of those that look for a newer one neither, and they go on with their own store', async () => {
    await hold(7);
    await centre.upstream.publish();
    const kiosks = [await openKiosk('k1'), await openKiosk('k2')];
    for (const kiosk of kiosks) expect(statusOf(kiosk, 7)).toBe('F0');
    const before = kiosks.map((kiosk) => kiosk.registry.content()?.slice.manifest.version);
    await exchangeStore('right');
    await centre.upstream.publish();
    // What a kiosk does that was told of a newer slice a moment before, or whose last try failed.
    for (const kiosk of kiosks) kiosk.sync.pull.wake();
    for (const kiosk of kiosks) await expect.poll(() => kiosk.sync.pull.failure(), WAIT).toContain('store-mismatch');
    for (const [index, kiosk] of kiosks.entries()) {
      expect(kiosk.sync.listsRefused()).toBe('store-mismatch');
      expect(statusOf(kiosk, 7)).toBe('F0');
      expect(kiosk.registry.content()?.slice.manifest.version).toBe(before[index]);
    }
    await exchangeStore('wrong', 'right');
    await hold(8, true);
    for (const kiosk of kiosks) await expect.poll(() => statusOf(kiosk, 8), WAIT).toBe('F0');
    for (const kiosk of kiosks) expect(statusOf(kiosk, 7)).toBe('F0');
  }, 180_000);

  it('is refused also after a restart without the certificate, because what was believed once is remembered', async () => {
    await hold(7);
    await centre.upstream.publish();
    const kiosk = await openKiosk('k1');
    expect(statusOf(kiosk, 7)).toBe('F0');
    open.pop();
    await kiosk.close();
    rmSync(join(folder, 'k1/keys/certificate.cose'));
    const second = await openKiosk('k1');
    await exchangeStore('right');
    second.sync.pull.wake();
    await expect.poll(() => second.sync.pull.failure(), WAIT).toContain('store-mismatch');
    expect(statusOf(second, 7)).toBe('F0');
  }, 120_000);
});
