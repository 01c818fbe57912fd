/** What is published, and when, by a clock that the test moves: real stores, real builds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedHost, type SimulatedHost } from '../../../fixtures/simulated-host.ts';
import { openTestStore } from '../../../fixtures/test-store.ts';
import { createSigner } from '../../credential/signer.ts';
import { authorityDay, authorityDayStartMs } from '../../protocol/authority-time.ts';
import type { KioskCaller } from '../http/route.ts';
import type { RegistryChange, Store } from '../store/store.ts';
import { createFeedHub } from './feed-hub.ts';
import { createPublisher, type Publisher } from './publish.ts';
import { sliceRoutes } from './routes.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Midnight in Viet Nam. */
const MORNING_MS = authorityDayStartMs(Date.UTC(2026, 0, 15, 3));
const at = (hour: number, minute = 0) => MORNING_MS + (hour * 60 + minute) * MINUTE_MS;
const today = authorityDay(MORNING_MS / 1000);

const signer = createSigner(new Uint8Array(32).fill(3));
let folder: string;
let store: Store;
let host: SimulatedHost;
let publisher: Publisher;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'publish-'));
  store = openTestStore(join(folder, 'store.db'));
  host = createSimulatedHost(1, at(8));
  publisher = openPublisher(store);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function openPublisher(store: Store): Publisher {
  const slices = join(folder, 'slices');
  const keyring = () => ({ trust: new Map(), subjectKeyCheck: undefined });
  const scopes = [{ sliceId: 'default', regions: [] }];
  return createPublisher(
    store,
    { storeAddress: `sqlite:${join(folder, 'store.db')}`, folder: slices, sliceKey: signer, scopes, keyring },
    host,
  );
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

const callerOf = (kioskId: string): KioskCaller => ({
  kiosk: {
    ...{ kioskId, checkpointId: 'c1', lane: '1', signingKey: '', sealingKey: '', certificate: '' },
    ...{ enrolledAtMs: 0, revokedAtMs: undefined, seenAtMs: undefined },
  },
  nonce: '00',
  createdS: 0,
});

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

const word = (status: number, setBack = false) => ({ sliceId: 'default', atMs: host.clock.wallMs(), to: { status, revoked: 0 }, setBack });
const accept = (...given: Parameters<typeof word>) =>
  store.acceptSlices([word(...given)], { atMs: host.clock.wallMs(), actor: 'test', action: 'test', detail: '' });

/** Twelve holds, of which one is left, and the refusal of that. */
async function loseHolds(): Promise<number | undefined> {
  await hold(1, 12);
  await publisher.refresh();
  await release(1, 11);
  await refreshAt(at(9));
  expect(await store.sliceRefusals()).toMatchObject([{ reason: 'loss' }]);
  return (await newest())?.version;
}

describe('a store that was set back', () => {
  it('is held back also where a loss was refused before, and a word for the loss alone publishes nothing', async () => {
    const before = await loseHolds();
    await accept(1);
    expect(await store.markSetBack(at(9, 1))).toBe(true);
    expect(await store.sliceRefusals()).toMatchObject([{ reason: 'set-back', from: { status: 12 }, to: { status: 1 } }]);
    await refreshAt(at(9, 2));
    expect((await newest())?.version).toBe(before);
    expect(await store.sliceAcceptance('default')).toBeUndefined();
    expect(host.logged.at(-1)).toMatchObject({ event: 'slice-word-dropped', fields: { reason: 'store-set-back' } });
    await accept(1, true);
    await refreshAt(at(9, 3));
    expect((await newest())?.body.acceptedLosses).toMatchObject([{ to: { status: 1 }, setBack: true }]);
    expect(await store.sliceRefusals()).toEqual([]);
    expect(await store.acceptedVersion()).toBe((await newest())?.version);
  });

  it('is held back where a kiosk says so while a slice is built', async () => {
    await hold(1, 12);
    await publisher.refresh();
    const before = (await newest())?.version;
    await hold(20, 1);
    const publishedVersions: Store['publishedVersions'] = async (...given) => {
      await store.markSetBack(host.clock.wallMs());
      return store.publishedVersions(...given);
    };
    await openPublisher({ ...store, publishedVersions }).refresh();
    expect((await newest())?.version).toBe(before);
    expect(await store.sliceRefusals()).toMatchObject([{ reason: 'set-back' }]);
  });

  it('raises the alarm of a kiosk that has an unknown entry, whatever was refused before', async () => {
    await loseHolds();
    const options = { store, slices: folder, hub: createFeedHub(store, host), feedKey: signer, sliceKey: signer };
    const routes = sliceRoutes({ ...options, keyringFile: '', policyFile: undefined, offlineVersions: () => ({ keyring: 1 }) }, host);
    const generation = (await store.sliceKey('default'))?.generation;
    const target = `/v1/feed/default?after=${at(9) - 5}&generation=${generation}&wait=0`;
    const route = routes.find(({ path }) => path === '/v1/feed/{sliceId}');
    const request = { method: 'GET', target, params: { sliceId: 'default' }, headers: {}, body: new Uint8Array(0), address: '' };
    if (route?.caller !== 'kiosk') throw new Error('the feed is for kiosks');
    for (const kioskId of ['k1', 'k2', 'k1']) await route.handle(request, callerOf(kioskId));
    const alarms = (await store.alarms(9)).filter(({ code }) => code === 'store-set-back');
    expect(alarms.map(({ kioskId, count }) => [kioskId, count]).sort()).toEqual([
      ['k1', 1],
      ['k2', 1],
    ]);
    expect(await store.sliceRefusals()).toMatchObject([{ reason: 'set-back' }]);
  });
});

describe("an operator's word", () => {
  it('that allows less than is lost is dropped by name, and the slice is not built again at each look', async () => {
    const before = await loseHolds();
    await accept(12);
    for (const minute of [1, 2, 3]) await refreshAt(at(9, minute));
    expect(builds()).toBe(3);
    expect((await newest())?.version).toBe(before);
    expect(await store.sliceAcceptance('default')).toBeUndefined();
    const dropped = host.logged.filter(({ event }) => event === 'slice-word-dropped');
    expect(dropped).toMatchObject([{ fields: { slice: 'default', reason: 'more-is-lost' } }]);
  });

  it('leaves its mark also where the centre itself finds no loss', async () => {
    await hold(1, 12);
    await publisher.refresh();
    await store.markSetBack(at(8, 1));
    await accept(12, true);
    await refreshAt(at(8, 2));
    expect((await newest())?.body.acceptedLosses).toMatchObject([{ to: { status: 12 }, setBack: true }]);
  });
});

it('a killed key has a refused slice judged once more, not at each look', async () => {
  await loseHolds();
  await change({ kind: 'key-killed', kid: id(4, 1) });
  for (const minute of [1, 2, 3]) await refreshAt(at(9, minute));
  expect(builds()).toBe(3);
});
