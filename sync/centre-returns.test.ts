/** A centre that is away for minutes and comes back, as a process of its own; the kiosk's clock is hurried meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeRandom } from '../config/host/node-host.ts';
import type { Host } from '../config/ports/host.ts';
import { silentLog } from '../config/ports/log.ts';
import { type CentreProcess, startCentreProcess } from '../fixtures/centre-process.ts';
import { createHurriedClock, type HurriedClock } from '../fixtures/hurried-clock.ts';
import { openTestCentre, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { authorityDay } from './protocol/authority-time.ts';
import { gradeCentre } from './protocol/evidence.ts';
import { openStore } from './upstream/store/open-store.ts';

const OUTAGE_MS = 600_000;
const WAIT = { timeout: 60_000, interval: 50 };
/** The span of the feed's next try, a try itself, and a busy machine. */
const BACK = { timeout: 30_000, interval: 50 };
const subject = new Uint8Array(12).fill(7);
let folder: string;
let clock: HurriedClock;
let enrolling: TestCentre;
let centre: CentreProcess;
let kiosk: SyncedKiosk;
let port: string;

/** Nobody is lucky: each loop waits as long as it may. */
const unlucky: Host['random'] = { bytes: (count) => (count === 4 ? new Uint8Array(4).fill(255) : nodeRandom.bytes(count)) };
const startCentre = () =>
  startCentreProcess(enrolling.kit, join(folder, 'upstream', 'store.db'), ['--port', port, '--policy', join(folder, 'kit', 'policy.cose')]);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'centre-returns-'));
  clock = createHurriedClock();
  enrolling = await openTestCentre(folder);
  ({ port } = new URL(enrolling.upstream.url));
  kiosk = await enrolling.openSyncedKiosk('k1', enrolling.upstream.url, { clock, random: unlucky, log: silentLog });
  await expect.poll(() => kiosk.registry.content()?.slice.manifest.version, WAIT).toBeDefined();
  await enrolling.close();
  centre = await startCentre();
}, 120_000);

afterEach(async () => {
  await kiosk.close();
  centre.stop();
  clock.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function hold(): Promise<void> {
  const store = openStore(`sqlite:${join(folder, 'upstream', 'store.db')}`);
  const day = authorityDay(Date.now() / 1000);
  await store.changeRegistry([{ kind: 'status', pseudonym: subject, status: 'F0', fromDay: day, untilDay: day + 14 }], true, {
    ...{ atMs: Date.now(), actor: 'test', action: 'test', detail: '' },
  });
  store.close();
}

const grade = () => gradeCentre({ ages: kiosk.sync.ages(), queue: { records: kiosk.sync.push.state().waiting, oldestAgeMs: undefined } });

it('brings a hold within seconds of the return of the centre, whichever loop is answered first', async () => {
  await expect.poll(() => kiosk.sync.feed.failure(), WAIT).toBeUndefined();
  centre.stop();
  kiosk.decide(3);
  await clock.pass(OUTAGE_MS);
  expect(kiosk.sync.feed.failure()).toBeDefined();
  expect(grade()).toBe('red');
  centre = await startCentre();
  const returnedAtMs = clock.monotonicMs();
  await hold();
  await expect.poll(() => kiosk.status(subject)?.status, BACK).toBe('F0');
  // Woken by the feed, those that would have waited for minutes more are back as well.
  const isBack = () => [kiosk.sync.push, kiosk.sync.heartbeat].map(({ lastSuccessAtMs }) => (lastSuccessAtMs() ?? 0) > returnedAtMs);
  await expect.poll(isBack, BACK).toEqual([true, true]);
  expect(kiosk.sync.push.state().waiting).toBe(0);
}, 240_000);
