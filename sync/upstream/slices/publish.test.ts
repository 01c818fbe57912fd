/** What is published, and when, by a clock that the test moves: real stores, real builds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedHost, type SimulatedHost } from '../../../fixtures/simulated-host.ts';
import { openTestStore } from '../../../fixtures/test-store.ts';
import { createSigner } from '../../credential/signer.ts';
import { authorityDay, authorityDayStartMs } from '../../protocol/authority-time.ts';
import type { RegistryChange, Store } from '../store/store.ts';
import { createPublisher, type Publisher } from './publish.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Midnight in Viet Nam. */
const MORNING_MS = authorityDayStartMs(Date.UTC(2026, 0, 15, 3));
const at = (hour: number, minute = 0) => MORNING_MS + (hour * 60 + minute) * MINUTE_MS;
const today = authorityDay(MORNING_MS / 1000);

let folder: string;
let store: Store;
let host: SimulatedHost;
let publisher: Publisher;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'publish-'));
  store = openTestStore(join(folder, 'store.db'));
  host = createSimulatedHost(1, at(8));
  publisher = openPublisher();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function openPublisher(): Publisher {
  const slices = join(folder, 'slices');
  const sliceKey = createSigner(new Uint8Array(32).fill(3));
  const keyring = () => ({ trust: new Map(), subjectKeyCheck: undefined });
  const scopes = [{ sliceId: 'default', regions: [] }];
  return createPublisher(store, { storeAddress: `sqlite:${join(folder, 'store.db')}`, folder: slices, sliceKey, scopes, keyring }, host);
}

const id = (length: number, number: number) => {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};
const change = (...changes: RegistryChange[]) =>
  store.changeRegistry(changes, false, { atMs: host.clock.wallMs(), actor: 'test', action: 'test', detail: '' });
const hold = (first: number, count: number, untilDay?: number) =>
  change(
    ...Array.from({ length: count }, (_, index): RegistryChange => {
      return { kind: 'status', pseudonym: id(12, first + index), status: 'F0', fromDay: today - 600, untilDay };
    }),
  );
const release = (first: number, count: number) =>
  change(
    ...Array.from({ length: count }, (_, index): RegistryChange => {
      return { kind: 'status', pseudonym: id(12, first + index), status: 'clear', fromDay: today, untilDay: undefined };
    }),
  );
const revoke = (first: number, count: number, expiresAtMs: number) =>
  change(
    ...Array.from({ length: count }, (_, index): RegistryChange => {
      return { kind: 'revoked', cti: id(8, first + index), expiresAt: expiresAtMs / 1000 };
    }),
  );
const refreshAt = (wallMs: number) => {
  host.setWallMs(wallMs);
  return publisher.refresh();
};
const newest = async () => (await store.publishedSlices('default', 1))[0];
const builds = () => host.logged.filter(({ event }) => event === 'slice-loss' || event === 'slice-published').length;

describe('revocations that expire as planned', () => {
  it('are no loss on their last day, stay in the slice to its end, and are gone on the next', async () => {
    await revoke(1, 3, at(10));
    await hold(1, 1);
    await publisher.refresh();
    const first = await newest();
    expect(first?.body.rows.revoked).toBe(3);
    await hold(2, 1);
    await refreshAt(at(10, 5));
    expect(await store.sliceRefusals()).toEqual([]);
    expect((await newest())?.version).toBeGreaterThan(first?.version ?? 0);
    expect((await newest())?.body.rows.revoked).toBe(3);
    await hold(3, 1);
    await refreshAt(at(24));
    expect(await store.sliceRefusals()).toEqual([]);
    expect((await newest())?.body.rows).toEqual({ status: 3, revoked: 0 });
  });
});

describe('a slice that was refused', () => {
  it('is judged again when the day changes, so that a loss which was planned for its end holds nothing back', async () => {
    await hold(1, 100, today);
    await hold(101, 20);
    await publisher.refresh();
    const first = (await newest())?.version;
    await release(1, 90);
    await refreshAt(at(9));
    await refreshAt(at(9, 10));
    expect(await store.sliceRefusals()).toMatchObject([{ reason: 'loss', atMs: at(9), to: { status: 30 } }]);
    expect(builds()).toBe(2);
    expect((await newest())?.version).toBe(first);
    // The others end too, and what is left was there before.
    await refreshAt(at(24, 1));
    expect(await store.sliceRefusals()).toEqual([]);
    expect((await newest())?.body.holds?.status).toEqual([{ untilDay: null, count: 20 }]);
  });

  it('is not published because the days go by, and its renewal is looked at on each of them', async () => {
    await hold(1, 100);
    await publisher.refresh();
    const first = (await newest())?.version;
    await release(1, 60);
    for (let day = 0; day < 7; day++) {
      await refreshAt(at(9) + day * DAY_MS);
      await refreshAt(at(10) + day * DAY_MS);
    }
    expect(await store.sliceRefusals()).toMatchObject([{ reason: 'loss', atMs: at(9) }]);
    expect((await newest())?.version).toBe(first);
    expect(builds()).toBe(1 + 7);
  });
});

describe('holds that have ended', () => {
  it('are not counted, however many there are of them', async () => {
    for (let day = 0; day < 500; day++) await hold(day * 4, 4, today - 501 + day);
    await hold(10_000, 12, today + 5);
    await publisher.refresh();
    const { body } = (await newest()) ?? {};
    expect(body?.holds?.status).toEqual([{ untilDay: today + 5, count: 12 }]);
    await release(10_000, 11);
    await refreshAt(at(9));
    expect(await store.sliceRefusals()).toMatchObject([{ from: { status: 12 }, to: { status: 1 } }]);
  });
});
