/** What a long outage costs, on a simulated clock, and stored decisions made again; both against the real service. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeRandom } from '../config/host/node-host.ts';
import { admitKiosk } from '../fixtures/centre-process.ts';
import { createMemoryJournal } from '../fixtures/memory-journal.ts';
import { createSimulatedHost } from '../fixtures/simulated-host.ts';
import { openTestCentre, quietHost, type TestCentre } from '../fixtures/test-centre.ts';
import { replay } from '../kiosk/decision/replay.ts';
import { type Keyring, readKeyring } from './credential/keyring.ts';
import { createSigner } from './credential/signer.ts';
import { openStatement, parseEnvelopes } from './credential/statement.ts';
import { startPushLoop } from './edge/push-loop.ts';
import { createUpstreamClient, type UpstreamClient } from './edge/upstream-client.ts';
import { policySchema } from './protocol/policy.ts';
import { storedDecisions } from './upstream/projector/open-batch.ts';

const RECORDS = 10_000;
const DAY_MS = 86_400_000;
let folder: string;
let centre: TestCentre;
let keyring: Keyring;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outage-'));
  centre = await openTestCentre(folder);
  const read = readKeyring(readFileSync(centre.kit.upstream.keyring, 'utf8'), centre.root);
  if (!read.ok) throw new Error(read.reason);
  keyring = read.value;
});

afterEach(async () => {
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

async function openLoop(host: typeof quietHost, wrap: (client: UpstreamClient) => UpstreamClient) {
  const signer = createSigner(nodeRandom.bytes(32));
  await admitKiosk(centre.store, 'k1', signer);
  const { sealingKey, roles } = keyring;
  const journal = createMemoryJournal({ kioskId: 'k1', kioskKey: signer.publicKey, sealingKey, records: RECORDS }, nodeRandom);
  // Requests have real time-outs, whatever the loop takes for now.
  const client = createUpstreamClient({ url: new URL(centre.upstream.url), pins: () => [], keyId: 'k1', signer }, quietHost);
  const mark = { read: () => undefined, write: () => undefined };
  const options = {
    journal,
    mark,
    kioskId: 'k1',
    bootId: 'aa',
    receiptKeys: () => roles.receipt,
    sealingKey: () => sealingKey,
    reconnectSpreadMs: 60_000,
  };
  return { push: startPushLoop({ ...options, client: wrap(client) }, host), close: client.close };
}

it('a day without a centre costs a few hundred tries, and ends minutes after it is back', async () => {
  const host = createSimulatedHost(3);
  let isUp = false;
  let tries = 0;
  let inFlight = 0;
  const { push, close } = await openLoop(host, (client) => ({
    ...client,
    async send(request) {
      tries++;
      if (!isUp) return { kind: 'failed', why: 'no route', timedOut: false };
      inFlight++;
      try {
        return await client.send(request);
      } finally {
        inFlight--;
      }
    },
  }));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let passedMs = 0; passedMs < DAY_MS; passedMs += 10_000) {
    host.advance(10_000);
    await turn();
  }
  expect(push.state()).toMatchObject({ acknowledged: 0, failure: 'no route' });
  // Full jitter up to five minutes: half of that on average.
  expect(tries).toBeGreaterThan(DAY_MS / 300_000);
  expect(tries).toBeLessThan((2 * DAY_MS) / 150_000);
  isUp = true;
  const backAtMs = host.clock.monotonicMs();
  while (push.state().waiting > 0) {
    // The network is real: while it is at work the simulated clock stands.
    if (inFlight === 0) host.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const tookMs = host.clock.monotonicMs() - backAtMs;
  // The last pause of the outage, the spread of those who come back, and the queue itself.
  expect(tookMs).toBeLessThan(300_000 + 60_000 + 120_000);
  const stopped = push.stop();
  host.advance(1_000);
  await stopped;
  close();
  await centre.upstream.settle();
  expect((await centre.store.counts()).crossings).toBe(RECORDS);
}, 120_000);

it('ten thousand stored decisions come out the same when they are made again', async () => {
  const { push, close } = await openLoop(quietHost, (client) => client);
  expect(await push.drained(60_000)).toBe(true);
  await push.stop();
  close();
  const envelopes = parseEnvelopes(readFileSync(join(centre.kit.folder, 'policy.cose'), 'utf8'));
  const policy = envelopes.ok ? openStatement(envelopes.value[0], 'policy', keyring.roles.release, policySchema) : envelopes;
  if (!policy.ok) throw new Error(policy.reason);
  let same = 0;
  for await (const { record, decision } of storedDecisions(centre.store, centre.sealing)) {
    if (!decision.ok) throw new Error(decision.reason);
    const again = replay(decision.value, record.clockState, policy.value);
    if (again?.verdict === decision.value.verdict && again.reason === decision.value.reason) same++;
  }
  expect(same).toBe(RECORDS);
}, 120_000);
