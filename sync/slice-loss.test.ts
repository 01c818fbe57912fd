/** A registry that loses most of its holds: the centre publishes it after an operator's word only, and no kiosk takes it without. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { openTestCentre, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { authorityDay } from './protocol/authority-time.ts';
import type { Status } from './protocol/slice.ts';
import type { RegistryChange } from './upstream/store/store.ts';

const WAIT = { timeout: 50_000, interval: 50 };
const today = authorityDay(Date.now() / 1000);
const subjectOf = (byte: number) => new Uint8Array(12).fill(byte);
const SOME = [7, 8, 9, 10];
let folder: string;
let centre: TestCentre;
const open: SyncedKiosk[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'loss-'));
  centre = await openTestCentre(folder, 0, 200);
});
afterEach(async () => {
  for (const kiosk of open.splice(0)) await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

async function put(status: Status, bytes: readonly number[] = SOME): Promise<void> {
  const changes = bytes.map(
    (byte): RegistryChange => ({ kind: 'status', pseudonym: subjectOf(byte), status, fromDay: today, untilDay: undefined }),
  );
  await centre.store.changeRegistry(changes, false, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });
}
async function openKiosk(): Promise<SyncedKiosk> {
  const kiosk = await centre.openSyncedKiosk('k1');
  open.push(kiosk);
  return kiosk;
}
const statuses = (kiosk: SyncedKiosk) => SOME.map((byte) => kiosk.status(subjectOf(byte))?.status);
const alarms = async () => (await centre.store.alarms(9)).map(({ code }) => code);
const store = () => `sqlite:${join(folder, 'upstream', 'store.db')}`;
const publish = (...args: string[]) =>
  spawnSync(process.execPath, [builtPath('scripts/cli.ts'), 'registry', 'publish', '--store', store(), ...args], { encoding: 'utf8' });
const holds = Array(SOME.length).fill('F0');
const none = Array(SOME.length).fill('clear');

describe('a registry that loses all of its holds at once', () => {
  it('is not published before an operator has accepted it, then exactly once and on record, and the kiosk takes it', async () => {
    await put('F0');
    await centre.upstream.publish();
    const kiosk = await openKiosk();
    await expect.poll(() => statuses(kiosk), WAIT).toEqual(holds);
    const before = (await centre.store.publishedSlices('default', 1))[0]?.version;
    await put('clear');
    await expect.poll(alarms, WAIT).toContain('slice-loss');
    await centre.upstream.publish();
    expect((await centre.store.publishedSlices('default', 1))[0]?.version).toBe(before);
    expect(statuses(kiosk)).toEqual(holds);
    await expect.poll(async () => (await centre.store.sliceRefusals()).map(({ sliceId }) => sliceId), WAIT).toEqual(['default', 'hcmc']);
    const asked = publish();
    expect([asked.status, asked.stdout]).toEqual([1, expect.stringContaining('"sliceId":"default"')]);
    expect(publish('--accept-loss', '--actor', 'duty officer').status).toBe(0);
    expect(await centre.store.audit(1)).toMatchObject([{ actor: expect.stringContaining('duty officer'), action: 'accept-loss' }]);
    await expect.poll(async () => (await centre.store.publishedSlices('default', 1))[0]?.version, WAIT).toBeGreaterThan(before ?? 0);
    await expect.poll(() => centre.store.sliceRefusals(), WAIT).toEqual([]);
    expect(await centre.store.sliceAcceptance('default')).toBeUndefined();
    expect(publish().status).toBe(0);
    const ask = () => {
      kiosk.sync.pull.wake();
      return statuses(kiosk);
    };
    await expect.poll(ask, WAIT).toEqual(none);
  }, 180_000);

  it('is not taken by a kiosk of another store before, which goes on stopping who is held', async () => {
    await put('F0');
    await centre.upstream.publish();
    const kiosk = await openKiosk();
    await expect.poll(() => statuses(kiosk), WAIT).toEqual(holds);
    open.pop();
    await kiosk.close();
    // The centre is made anew and the kiosk enrolled there, before the people were brought in.
    const { port } = new URL(centre.upstream.url);
    await centre.close();
    renameSync(join(folder, 'upstream'), join(folder, 'old'));
    centre = await openTestCentre(folder, Number(port), 200);
    const again = await openKiosk();
    await expect.poll(() => again.sync.pull.failure(), WAIT).toContain('slice-loss');
    // What it knew is of a store that it no longer believes: closed, and not open without holds.
    expect(again.registry.content()).toBeUndefined();
    await put('F0');
    await expect.poll(() => statuses(again), WAIT).toEqual(holds);
  }, 180_000);
});

describe('a store that was set back to a backup', () => {
  it('is known by a kiosk that uses a newer slice of it: an alarm, and nothing is published before an operator has the word', async () => {
    await put('F0', [7]);
    await centre.upstream.publish();
    const kiosk = await openKiosk();
    await expect.poll(() => kiosk.status(subjectOf(7))?.status, WAIT).toBe('F0');
    const { port } = new URL(centre.upstream.url);
    await centre.close();
    cpSync(join(folder, 'upstream'), join(folder, 'backup'), { recursive: true });
    centre = await openTestCentre(folder, Number(port), 200);
    await put('F0', [8]);
    await centre.upstream.publish();
    const held = () => {
      kiosk.sync.pull.wake();
      return kiosk.status(subjectOf(8))?.status;
    };
    await expect.poll(held, WAIT).toBe('F0');
    await centre.close();
    rmSync(join(folder, 'upstream'), { recursive: true });
    renameSync(join(folder, 'backup'), join(folder, 'upstream'));
    centre = await openTestCentre(folder, Number(port), 200);
    const beat = () => {
      kiosk.sync.heartbeat.wake();
      return alarms();
    };
    await expect.poll(beat, WAIT).toContain('store-set-back');
    const published = async () => (await centre.store.publishedSlices('default', 1))[0]?.version ?? 0;
    const before = await published();
    await put('F1', [9]);
    await centre.upstream.publish();
    expect(await published()).toBe(before);
    kiosk.sync.pull.wake();
    expect(kiosk.status(subjectOf(8))?.status).toBe('F0');
    // The operator has brought in again what was missing.
    await put('F0', [8]);
    const asked = publish('--accept-loss');
    expect([asked.status, asked.stderr]).toEqual([1, expect.stringMatching(/set back to a backup.*k1: the kiosk .*--accept-set-back/)]);
    expect(publish('--accept-set-back').status).toBe(0);
    await expect.poll(published, WAIT).toBeGreaterThan(kiosk.registry.content()?.slice.manifest.version ?? 0);
    const ask = () => {
      kiosk.sync.pull.wake();
      return kiosk.status(subjectOf(9))?.status;
    };
    await expect.poll(ask, WAIT).toBe('F1');
    expect(kiosk.status(subjectOf(8))?.status).toBe('F0');
  }, 180_000);

  it('publishes at its start what the backup had not published, and no kiosk that has seen more takes it', async () => {
    await centre.close();
    // As seldom as an operator would have it: a backup then holds changes that no slice shows yet.
    centre = await openTestCentre(folder, 0, 3_600_000);
    const { port } = new URL(centre.upstream.url);
    await put('F0', [7]);
    await centre.upstream.publish();
    const kiosk = await openKiosk();
    await expect.poll(() => kiosk.status(subjectOf(7))?.status, WAIT).toBe('F0');
    await put('F1', [9]);
    await centre.close();
    cpSync(join(folder, 'upstream'), join(folder, 'backup'), { recursive: true });
    centre = await openTestCentre(folder, Number(port), 3_600_000);
    await put('F0', [8]);
    await centre.upstream.publish();
    const pulled = () => {
      kiosk.sync.pull.wake();
      return kiosk.status(subjectOf(8))?.status;
    };
    await expect.poll(pulled, WAIT).toBe('F0');
    // Its start and the word above published one slice each: the kiosk goes on to the second.
    const inUse = (await centre.store.publishedSlices('default', 1))[0]?.version ?? 0;
    const version = () => {
      kiosk.sync.pull.wake();
      return kiosk.registry.content()?.slice.manifest.version;
    };
    await expect.poll(version, WAIT).toBe(inUse);
    // Numbers run ahead of the clock where there is more than one publication a second, as only here.
    await expect.poll(() => Math.floor(Date.now() / 1000), WAIT).toBeGreaterThan(inUse);
    await centre.close();
    rmSync(join(folder, 'upstream'), { recursive: true });
    renameSync(join(folder, 'backup'), join(folder, 'upstream'));
    // At a port that the kiosk does not know: once it has told the centre what it has, nothing is published any more.
    centre = await openTestCentre(folder, 0, 3_600_000);
    await expect.poll(async () => (await centre.store.publishedSlices('default', 1))[0]?.version, WAIT).toBeGreaterThan(inUse);
    await centre.close();
    centre = await openTestCentre(folder, Number(port), 3_600_000);
    const refused = () => {
      kiosk.sync.pull.wake();
      return kiosk.sync.listsRefused();
    };
    await expect.poll(refused, WAIT).toBe('store-set-back');
    expect(kiosk.status(subjectOf(8))?.status).toBe('F0');
    const beat = () => {
      kiosk.sync.heartbeat.wake();
      return alarms();
    };
    await expect.poll(beat, WAIT).toContain('store-set-back');
    await put('F0', [8]);
    expect(publish('--accept-set-back').status).toBe(0);
    await centre.upstream.publish();
    const after = () => {
      kiosk.sync.pull.wake();
      return kiosk.status(subjectOf(9))?.status;
    };
    await expect.poll(after, WAIT).toBe('F1');
    expect(kiosk.status(subjectOf(8))?.status).toBe('F0');
    await expect.poll(() => kiosk.sync.listsRefused(), WAIT).toBeUndefined();
  }, 180_000);
});
