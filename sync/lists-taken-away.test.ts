/** Lists that a running kiosk with a line loses on its own disk: closed at once, fetched anew, open again, and still the same lists. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type OpenLane, openLane } from '../fixtures/open-lane.ts';
import { createSimulatedHost, type SimulatedHost } from '../fixtures/simulated-host.ts';
import { openTestCentre, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { readCredential } from './credential/credential.ts';
import { authorityDay } from './protocol/authority-time.ts';

const WAIT = { timeout: 60_000, interval: 50 };
let folder: string;
let centre: TestCentre;
let kiosk: SyncedKiosk;
let lane: OpenLane;
let host: SimulatedHost;
/** A code of somebody whom the slice holds. */
let held: string;
let shown: string | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lists-gone-'));
  centre = await openTestCentre(folder, 0, 200);
  kiosk = await centre.openSyncedKiosk('k1');
  await expect.poll(() => kiosk.registry.content() !== undefined, WAIT).toBe(true);
  held = centre.kit.cases.find((person) => person.case === 'valid')?.text ?? '';
  const read = readCredential(held, { trust: kiosk.registry.content()?.trust() ?? new Map(), now: Math.floor(Date.now() / 1000) });
  if (!read.ok) throw new Error(read.reason);
  const { subject } = read.value.claims;
  const fromDay = authorityDay(Date.now() / 1000);
  const change = { kind: 'status', pseudonym: subject, status: 'F0', fromDay, untilDay: fromDay + 14 } as const;
  await centre.store.changeRegistry([change], false, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });
  await expect
    .poll(() => {
      kiosk.sync.pull.wake();
      return kiosk.status(subject)?.status;
    }, WAIT)
    .toBe('F0');
  // The rounds that were asked for are over: the next would come in an hour.
  let last: number | undefined;
  const isIdle = () => {
    const before = last;
    last = kiosk.sync.pull.lastSuccessAtMs();
    return last !== undefined && before === last;
  };
  await expect.poll(isIdle, { timeout: 30_000, interval: 1_000 }).toBe(true);
  host = createSimulatedHost(1, Date.now());
  lane = openLane(kiosk.registry, join(folder, 'lane'), host);
  host.advance(1_000);
  expect(lane.fault()).toBeUndefined();
  shown = await lane.hold(held);
  expect(shown).toBe('see-staff status-hold');
}, 90_000);

afterEach(async () => {
  await lane.close();
  await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Of the slice as it was fetched: there is one of each. */
const inSlices = (end: string) => {
  const slices = join(folder, 'k1/slices');
  return join(slices, readdirSync(slices).find((name) => name.endsWith(end)) ?? 'none');
};
const files: readonly (readonly [string, () => string])[] = [
  ['slice', () => inSlices('.db')],
  ['row key', () => inSlices('.key')],
  ['manifest', () => join(folder, 'k1/manifest.cose')],
  ['keyring', () => join(folder, 'k1/keyring.cose')],
  ['policy', () => join(folder, 'k1/policy.cose')],
];
const harms: readonly (readonly [string, (file: string) => void])[] = [
  ['is taken away', (file) => rmSync(file)],
  ['is overwritten in place', (file) => writeFileSync(file, 'nothing')],
];

it.each(files.flatMap(([name, path]) => harms.map(([what, harm]) => [name, what, path, harm] as const)))(
  'a %s that %s closes the lane, is fetched anew, and the held person is stopped as before',
  async (_name, _what, path, harm) => {
    const file = path();
    const whole = readFileSync(file);
    harm(file);
    host.advance(1_000);
    expect(['slice-changed', 'list-changed']).toContain(lane.fault());
    expect(await lane.hold(held)).toBeUndefined();
    await expect
      .poll(() => {
        host.advance(300);
        return existsSync(file) ? (lane.fault() ?? 'open') : 'missing';
      }, WAIT)
      .toBe('open');
    expect(readFileSync(file).equals(whole)).toBe(true);
    expect(await lane.hold(held)).toBe(shown);
    // Nothing goes on failing, and nothing is fetched over and over.
    await expect.poll(() => kiosk.sync.pull.failure(), WAIT).toBeUndefined();
  },
  150_000,
);

it('a newer slice that is pulled closes no lane', async () => {
  const before = kiosk.registry.content()?.slice.manifest.version ?? 0;
  const pseudonym = new Uint8Array(12).fill(7);
  const change = { kind: 'status', pseudonym, status: 'F0', fromDay: 0, untilDay: undefined } as const;
  await centre.store.changeRegistry([change], false, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });
  const faults = new Set<string | undefined>();
  await expect
    .poll(
      () => {
        kiosk.sync.pull.wake();
        faults.add(kiosk.registry.changed());
        return kiosk.registry.content()?.slice.manifest.version ?? 0;
      },
      { ...WAIT, interval: 5 },
    )
    .toBeGreaterThan(before);
  // The file of the one before is removed meanwhile.
  for (let look = 0; look < 100; look++) {
    faults.add(kiosk.registry.changed());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect([...faults]).toEqual([undefined]);
  expect(await lane.hold(held)).toBe(shown);
}, 120_000);
