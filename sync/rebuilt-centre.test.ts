/** A centre whose store was made anew beside the same keys: kiosks that knew the one before must still stop who is held. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestCentre, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { authorityDay } from './protocol/authority-time.ts';
import type { RegistryChange } from './upstream/store/store.ts';

const WAIT = { timeout: 50_000, interval: 20 };
const today = authorityDay(Date.now() / 1000);
const f0Of = (byte: number): RegistryChange => ({
  kind: 'status',
  pseudonym: new Uint8Array(12).fill(byte),
  status: 'F0',
  fromDay: today,
  untilDay: today + 14,
});
const subject = new Uint8Array(12).fill(7);
let folder: string;
let centre: TestCentre;
const open: SyncedKiosk[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rebuilt-'));
  centre = await openTestCentre(folder, 0, 200);
});

afterEach(async () => {
  for (const kiosk of open.splice(0)) await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

const hold = (...bytes: readonly number[]) =>
  centre.store.changeRegistry(bytes.map(f0Of), false, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });

async function openKiosk(): Promise<SyncedKiosk> {
  const kiosk = await centre.openSyncedKiosk('k1');
  open.push(kiosk);
  return kiosk;
}

async function closeKiosks(): Promise<void> {
  for (const kiosk of open.splice(0)) await kiosk.close();
}

/** The same keys, the same people, a new store. */
async function rebuild(): Promise<void> {
  const { port } = new URL(centre.upstream.url);
  await centre.close();
  rmSync(join(folder, 'upstream'), { recursive: true });
  centre = await openTestCentre(folder, Number(port), 200);
  await hold(7);
  await centre.upstream.publish();
}

describe('a centre whose store was made anew', () => {
  it('gives no generation of a row key twice, so that who is held is found in its first slice', async () => {
    await hold(7);
    const kiosk = await openKiosk();
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
    const before = kiosk.registry.content()?.slice.manifest;
    await closeKiosks();
    await rebuild();
    const again = await openKiosk();
    const seen = new Set<string | undefined>();
    const version = () => {
      if (again.registry.content() !== undefined) seen.add(again.status(subject)?.status);
      return again.registry.content()?.slice.manifest.version ?? 0;
    };
    await expect.poll(version, WAIT).toBeGreaterThan(before?.version ?? 0);
    expect(again.status(subject)?.status).toBe('F0');
    expect([...seen]).toEqual(['F0']);
    expect(again.registry.content()?.slice.manifest.generation).toBeGreaterThan(before?.generation ?? 0);
  }, 120_000);
});

describe('a row key that is not the one of the slice', () => {
  it('closes the lane, and is fetched anew', async () => {
    await hold(7);
    const kiosk = await openKiosk();
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
    await closeKiosks();
    const slices = join(folder, 'k1/slices');
    const key = readdirSync(slices).find((name) => name.endsWith('.key')) ?? '';
    writeFileSync(join(slices, key), `${'5a'.repeat(32)}\n`);
    const again = await openKiosk();
    expect(again.registry.content()).toBeUndefined();
    expect(again.registry.fault()).toBe('slice-key-mismatch');
    await expect.poll(() => again.status(subject)?.status, WAIT).toBe('F0');
    expect(again.registry.fault()).toBeUndefined();
  }, 120_000);
});
