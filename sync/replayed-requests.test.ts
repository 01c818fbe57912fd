/** Signed requests of a kiosk that somebody sends again: taken once, whatever the centre has forgotten meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeRandom } from '../config/host/node-host.ts';
import { admitKiosk } from '../fixtures/centre-process.ts';
import { openTamperingProxy } from '../fixtures/tampering-proxy.ts';
import { openTestCentre, type TestCentre } from '../fixtures/test-centre.ts';
import { createSigner } from './credential/signer.ts';
import type { Heartbeat } from './protocol/heartbeat.ts';
import { signRequest } from './protocol/request-signature.ts';
import { staleness } from './upstream/fleet/rules.ts';
import { createSightings } from './upstream/http/sightings.ts';

const WAIT = { timeout: 30_000, interval: 50 };
const NAME = 'k1';
const JOURNAL = 'a'.repeat(32);
const signer = createSigner(new Uint8Array(32).fill(5));
let folder: string;
let centre: TestCentre;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'replayed-'));
  centre = await openTestCentre(folder);
});

afterEach(async () => {
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Sent {
  readonly target: string;
  readonly body: Uint8Array;
  readonly headers: Record<string, string>;
}

const nowS = () => Math.floor(Date.now() / 1000);

function signed(target: string, body: Uint8Array, createdS = nowS()): Sent {
  const nonce = Buffer.from(nodeRandom.bytes(16)).toString('base64url');
  const headers = signRequest({ method: 'POST', target, body }, { created: createdS, nonce, keyId: NAME, tag: 'checkpoint-kiosk' }, signer);
  return { target, body, headers: { ...headers, 'content-type': 'application/octet-stream' } };
}

function heartbeat(n: number, createdS = nowS(), more: Partial<Heartbeat> = {}): Sent {
  const said: Heartbeat = {
    journal: { journalId: JOURNAL, n, head: n.toString(16).padStart(64, '0') },
    versions: { program: 'test' },
    ...{ queue: { waiting: 0, quarantined: 0 }, camera: { state: 'live', frameRateHz: 0, restarts: 0 } },
    ...{ screen: { connected: false, unpainted: 0 }, clock: { state: 'trusted', offsetMs: 0 }, disk: { freeBytes: 0 } },
    ...{ counts: { pass: 0, deny: 0, seeStaff: 0 }, configRefused: [], done: [], ...more },
  };
  return signed('/v1/heartbeats', new TextEncoder().encode(JSON.stringify(said)), createdS);
}

async function post({ target, body, headers }: Sent): Promise<number> {
  return (
    await fetch(`${centre.upstream.url}${target}`, {
      method: 'POST',
      headers: { ...headers, connection: 'close' },
      body: Buffer.from(body),
    })
  ).status;
}

const alarms = async () => (await centre.store.alarms(50)).map(({ code, count }) => `${code} ${count}`);
const said = async () => (await centre.store.heartbeatOf(NAME))?.heartbeat;

describe('a heartbeat that is sent again', () => {
  beforeEach(() => admitKiosk(centre.store, NAME, signer));

  it('is refused, raises no alarm and leaves what the kiosk said last', async () => {
    const [first, second] = [heartbeat(10), heartbeat(20, nowS(), { fault: 'camera-black' })];
    expect([await post(first), await post(second)]).toEqual([200, 200]);
    expect([await post(first), await post(second)]).toEqual([409, 409]);
    expect(await alarms()).toEqual([]);
    expect(await said()).toMatchObject({ journal: { n: 20 }, fault: 'camera-black' });
  });

  it('is refused by its date where its nonce is forgotten, also on a quiet lane', async () => {
    const old = heartbeat(10, nowS() - 3_600);
    expect(await post(old)).toBe(200);
    for (let times = 0; times < 70; times++) expect(await post(heartbeat(10))).toBe(200);
    expect(await post(old)).toBe(409);
  });

  it('is refused by a centre that was started anew', async () => {
    const [first, second] = [heartbeat(10), heartbeat(20)];
    expect([await post(first), await post(second)]).toEqual([200, 200]);
    const { port } = new URL(centre.upstream.url);
    await centre.close();
    centre = await openTestCentre(folder, Number(port));
    expect([await post(first), await post(second)]).toEqual([409, 409]);
    expect(await post(heartbeat(21))).toBe(200);
    expect(await alarms()).toEqual([]);
  });

  it('is told from a true loss of records', async () => {
    expect([await post(heartbeat(20, nowS() - 60)), await post(heartbeat(10))]).toEqual([200, 200]);
    expect(await alarms()).toEqual(['journal-truncated 1']);
  });
});

describe('the order of heartbeats', () => {
  const now = Date.UTC(2026, 5, 1);
  const at = (n: number, seconds: number, more: object = {}) => ({
    ...{ nonce: `n${n}${seconds}`, createdS: now / 1000 + seconds },
    journal: { journalId: JOURNAL, n, head: String(n).padStart(64, '0'), ...more },
  });
  const judge = (next: ReturnType<typeof at>, before = at(20, -60)) =>
    staleness(next, { taken: { createdS: before.createdS, nonces: [before.nonce] }, journal: before.journal }, now);

  it('lets a kiosk with a wrong clock be heard, by what it has recorded since', () => {
    expect(judge(at(21, -86_400_000))).toBeUndefined();
    expect(judge(at(1, -86_400, { journalId: 'b'.repeat(32), parentId: JOURNAL }))).toBeUndefined();
    expect(judge(at(20, 86_400))).toBeUndefined();
  });

  it('takes no older date without newer records', () => {
    expect(judge(at(20, -61))).toBe('request-stale');
    expect(judge(at(19, -61))).toBe('request-stale');
    expect(judge(at(19, 86_400))).toBe('request-stale');
    expect(judge(at(1, -61, { journalId: 'b'.repeat(32) }))).toBe('request-stale');
    expect(judge(at(20, -60))).toBe('request-repeated');
  });

  it('lets a kiosk that lost records say so, by its date', () => {
    expect(judge(at(5, 0))).toBeUndefined();
    expect(judge(at(1, 0, { journalId: 'b'.repeat(32) }))).toBeUndefined();
  });
});

it('a damaged record that is sent again is kept and told once', async () => {
  await admitKiosk(centre.store, NAME, signer);
  const sent = signed(`/v1/quarantine?journal=${JOURNAL}&n=5`, new Uint8Array(100).fill(3));
  expect([await post(sent), await post(sent)]).toEqual([200, 200]);
  expect(await alarms()).toEqual(['record-damaged 1']);
});

it('a batch that is sent again changes nothing', async () => {
  const proxy = await openTamperingProxy(centre.upstream.url);
  const kept: Sent[] = [];
  proxy.hear = (target, headers, body) => {
    if (target.endsWith('/batches')) kept.push({ target, headers, body });
  };
  const kiosk = await centre.openKiosk(NAME, join(folder, NAME), proxy.url);
  kiosk.decide(30);
  await expect.poll(() => kiosk.push.state().waiting, WAIT).toBe(0);
  await kiosk.close();
  await centre.upstream.settle();
  const counts = await centre.store.counts();
  expect(kept.length).toBeGreaterThan(0);
  for (const sent of [...kept, ...kept]) expect(await post(sent)).toBe(200);
  await centre.upstream.settle();
  expect(await centre.store.counts()).toEqual(counts);
  expect(await alarms()).toEqual([]);
  await proxy.close();
}, 60_000);

it('a question that is sent again shows nobody that the kiosk is there', () => {
  const sightings = createSightings();
  const nowMs = Date.UTC(2026, 5, 1);
  const kiosk = {
    ...{ kioskId: NAME, checkpointId: 'c1', lane: '1', signingKey: '', sealingKey: '', certificate: '' },
    ...{ enrolledAtMs: 0, revokedAtMs: undefined, seenAtMs: undefined },
  };
  const ask = (createdMs: number, atMs: number) => sightings.isNew({ kiosk, nonce: 'n', createdS: createdMs / 1000 }, atMs);
  expect(ask(nowMs, nowMs)).toBe(true);
  expect(ask(nowMs, nowMs + 120_000)).toBe(false);
  expect(ask(nowMs + 120_000, nowMs + 120_000)).toBe(true);
  expect(ask(nowMs - 86_400_000, nowMs + 240_000)).toBe(false);
  expect(createSightings().isNew({ kiosk, nonce: 'n', createdS: nowMs / 1000 }, nowMs + 3_600_000)).toBe(false);
});
