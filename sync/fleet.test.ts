/** Heartbeats, commands, options and the end of a kiosk, with a whole kiosk (without a screen) and a real centre. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../config/options/parse-config.ts';
import { writeDemoClip } from '../fixtures/demo-clip.ts';
import { openTamperingProxy } from '../fixtures/tampering-proxy.ts';
import { openTestCentre, quietHost, type TestCentre } from '../fixtures/test-centre.ts';
import { type Kiosk, openKiosk } from '../kiosk/main.ts';
import { createSigner } from './credential/signer.ts';
import { revocationOf, truncation } from './upstream/fleet/rules.ts';
import { readOverview } from './upstream/overview/overview.ts';

const WAIT = { timeout: 15_000, interval: 50 };
const NAME = 'demo-kiosk';
let folder: string;
let dataDir: string;
let centre: TestCentre;
const open: Kiosk[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  centre = await openTestCentre(folder);
  dataDir = join(centre.kit.folder, 'data');
  const enrolled = await centre.openKiosk(NAME, dataDir);
  enrolled.decide(30);
  await enrolled.close();
  // Its lists come from the centre.
  rmSync(join(centre.kit.folder, 'slice.manifest.cose'));
  const clip = join(folder, 'empty.y4m');
  writeDemoClip({ file: clip, texts: [], seed: 1 });
  centre.kit.configure({
    'upstream.url': centre.upstream.url,
    'upstream.reconnectSpreadMs': 0,
    'camera.kind': 'replay',
    'camera.source': clip,
    'display.port': 0,
    'display.required': false,
  });
});

afterEach(async () => {
  for (const kiosk of open.splice(0)) await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

async function openWhole(url?: string): Promise<Kiosk> {
  const parsed = parseConfig(readFileSync(centre.kit.configFile, 'utf8'));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const config = { ...parsed.config, ...(url !== undefined && { 'upstream.url': url }) };
  const kiosk = await openKiosk({ config, configFile: centre.kit.configFile, allowDemo: true, loops: Infinity, watcher: {} }, quietHost);
  open.push(kiosk);
  return kiosk;
}

async function closeAll(): Promise<void> {
  for (const kiosk of open.splice(0)) await kiosk.close();
}

describe('a heartbeat', () => {
  it('says how the kiosk is', async () => {
    const kiosk = await openWhole();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBeUndefined();
    await closeAll();
    await openWhole();
    await expect.poll(async () => (await centre.store.heartbeatOf(NAME))?.heartbeat.versions.slice, WAIT).toBeGreaterThan(0);
    const report = await centre.store.heartbeatOf(NAME);
    expect(report?.heartbeat).toMatchObject({ screen: { connected: false }, camera: { restarts: 0 }, configRefused: [] });
    expect(report?.heartbeat.journal.n).toBeGreaterThan(30);
    expect(report?.heartbeat.disk.freeBytes).toBeGreaterThan(0);
  }, 30_000);

  it('brings a command, which is carried out once', async () => {
    const ids = ['0197a000-0000-7000-8000-000000000001', '0197a000-0000-7000-8000-000000000002'];
    for (const [index, id] of ids.entries()) {
      await centre.store.addCommand({ id, kioskId: NAME, kind: index === 0 ? 'restart-display' : 'diag', givenAtMs: Date.now() + index });
    }
    await openWhole();
    await expect.poll(async () => (await centre.store.commands(NAME, 5)).every(({ done }) => done?.ok), WAIT).toBe(true);
    const [diag] = await centre.store.commands(NAME, 5);
    expect(diag).toMatchObject({ id: ids[1], kind: 'diag' });
    expect(diag?.done?.detail).toContain('lane');
  }, 30_000);

  it('raises an alarm where records that were reported are gone', () => {
    const [a, b] = ['a'.repeat(32), 'b'.repeat(32)];
    const head = '0'.repeat(64);
    const before = { journalId: a, n: 10, head };
    const judge = (now: { journalId: string; n: number; head?: string; parentId?: string }, arrived = 0) =>
      truncation('k', before, { head, ...now }, { n: arrived })?.code;
    expect(judge({ journalId: a, n: 10 })).toBeUndefined();
    expect(judge({ journalId: a, n: 11, head: '1'.repeat(64) })).toBeUndefined();
    expect(judge({ journalId: a, n: 9 })).toBe('journal-truncated');
    expect(judge({ journalId: a, n: 10, head: '1'.repeat(64) })).toBe('journal-truncated');
    expect(judge({ journalId: b, n: 1 }, 9)).toBe('journal-truncated');
    expect(judge({ journalId: b, n: 1 }, 10)).toBeUndefined();
    expect(judge({ journalId: b, n: 1, parentId: a }, 9)).toBeUndefined();
  });
});

it('a page link that somebody used twice is an alarm at the centre, on its overview', async () => {
  const kiosk = await openWhole();
  const link = kiosk.display.enterUrl('supervisor');
  const enter = async () => (await fetch(link, { redirect: 'manual', headers: { connection: 'close' } })).status;
  expect(await enter()).toBe(302);
  expect(await enter()).toBeGreaterThanOrEqual(400);
  const alarms = async () => {
    await centre.upstream.settle();
    const parts = {
      clock: quietHost.clock,
      turnedAway: () => ({ operator: 0, enrolment: 0 }),
      linesDropped: () => 0,
      diskFullSinceMs: () => undefined,
    };
    return (await readOverview(centre.store, parts)).alarms.map(({ code, kioskId, count }) => ({ code, kioskId, count }));
  };
  await expect.poll(alarms, WAIT).toContainEqual({ code: 'page-link-reused', kioskId: NAME, count: 1 });
}, 30_000);

describe('options from afar', () => {
  it('are in force from the next start, and what is not for the centre to say is refused by name', async () => {
    const values = { 'journal.keepMs': 5_000, 'keyring.root': '0'.repeat(64), 'decode.frameMsMax': -1, 'no.such': 1 };
    await centre.store.putConfig('*', values, Date.now());
    await openWhole();
    await expect.poll(() => existsSync(join(dataDir, 'config.cose')), WAIT).toBe(true);
    await closeAll();
    const before = (await centre.store.heartbeatOf(NAME))?.atMs ?? 0;
    await openWhole();
    await expect.poll(async () => (await centre.store.heartbeatOf(NAME))?.atMs, WAIT).toBeGreaterThan(before);
    const { heartbeat } = (await centre.store.heartbeatOf(NAME)) ?? {};
    expect(heartbeat?.versions.config).toBe((await centre.store.configFor(NAME)).version);
    expect(heartbeat?.configRefused.map(({ key }) => key).sort()).toEqual(['decode.frameMsMax', 'keyring.root', 'no.such']);
  }, 30_000);

  it('are not taken from a file that was changed', async () => {
    await centre.store.putConfig(NAME, { 'log.level': 'debug' }, Date.now());
    await openWhole();
    const file = join(dataDir, 'config.cose');
    await expect.poll(() => existsSync(file), WAIT).toBe(true);
    await closeAll();
    const line = readFileSync(file, 'utf8');
    writeFileSync(file, `${line.slice(0, 200)}${line[200] === 'A' ? 'B' : 'A'}${line.slice(201)}`);
    const before = (await centre.store.heartbeatOf(NAME))?.atMs ?? 0;
    await openWhole();
    await expect.poll(async () => (await centre.store.heartbeatOf(NAME))?.atMs, WAIT).toBeGreaterThan(before);
    expect((await centre.store.heartbeatOf(NAME))?.heartbeat.versions.config).toBeUndefined();
  }, 30_000);
});

describe('a revoked kiosk', () => {
  it('closes its lane, forgets its lists, brings what it had recorded, and then its key', async () => {
    const first = await openWhole();
    await expect.poll(() => first.checkpoint.fault(), WAIT).toBeUndefined();
    await expect.poll(() => existsSync(join(centre.kit.folder, 'slices')), WAIT).toBe(true);
    // What it had recorded is there before its end is, however slow the machine.
    await expect
      .poll(async () => {
        await centre.upstream.settle();
        return (await centre.store.crossingsOf({ kioskId: NAME })).length;
      }, WAIT)
      .toBe(30);
    await closeAll();
    // What it records while nobody hears it.
    const cutOff = await centre.openKiosk(NAME, dataDir, 'http://127.0.0.1:9');
    const ids = cutOff.decide(25);
    await cutOff.close();
    expect(await centre.store.revokeKiosk(NAME, Date.now())).toBe(true);
    const kiosk = await openWhole();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBe('kiosk-revoked');
    expect(kiosk.registry.content()).toBeUndefined();
    await expect.poll(() => existsSync(join(dataDir, 'keys/kiosk.key')), WAIT).toBe(false);
    for (const gone of ['slices', 'slice.manifest.cose', 'slice.key', 'data/feed.db', 'data/keys/sealing.key']) {
      expect(existsSync(join(centre.kit.folder, gone)), gone).toBe(false);
    }
    await centre.upstream.settle();
    const crossings = await centre.store.crossingsOf({ kioskId: NAME });
    for (const id of ids) expect(crossings.find(({ recordId }) => recordId === id)?.afterRevocation).toBe(true);
    expect(crossings.filter(({ afterRevocation }) => !afterRevocation)).toHaveLength(30);
    await closeAll();
    await expect(openWhole()).rejects.toMatchObject({ code: 'kiosk-revoked' });
  }, 60_000);

  it('is not made by an answer that is not signed, nor by the end of another', async () => {
    const fleetKey = createSigner(
      new Uint8Array(Buffer.from(readFileSync(join(centre.kit.upstream.folder, 'fleet.key'), 'utf8').trim(), 'hex')),
    );
    const proxy = await openTamperingProxy(centre.upstream.url);
    try {
      const kiosk = await openWhole(proxy.url);
      await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBeUndefined();
      const enrolled = await centre.store.findKiosk(NAME);
      if (enrolled === undefined) throw new Error('not enrolled');
      const other = { ...enrolled, revokedAtMs: Date.now() };
      const answers = [
        'no kiosk',
        revocationOf({ ...other, signingKey: '1'.repeat(64) }, Date.now(), fleetKey),
        revocationOf({ ...other, kioskId: 'k2' }, Date.now(), fleetKey),
        revocationOf(other, Date.now(), createSigner(new Uint8Array(32).fill(5))),
      ];
      let number = 0;
      proxy.tamper = () => ({ status: 403, body: Buffer.from(answers[number++ % answers.length] ?? '') });
      for (let index = 0; index < 10; index++) kiosk.sync?.pull.wake();
      await expect.poll(() => number, { timeout: 30_000 }).toBeGreaterThan(4);
      expect(kiosk.checkpoint.fault()).toBeUndefined();
      expect(kiosk.registry.content()).toBeDefined();
      // The real one ends it.
      proxy.tamper = () => ({ status: 403, body: Buffer.from(revocationOf(other, Date.now(), fleetKey)) });
      await expect.poll(() => kiosk.checkpoint.fault(), { timeout: 60_000 }).toBe('kiosk-revoked');
    } finally {
      await closeAll();
      await proxy.close();
    }
  }, 120_000);

  it('is not enrolled again with the same key', async () => {
    await centre.store.revokeKiosk(NAME, Date.now());
    const known = await centre.store.findKiosk(NAME);
    if (known === undefined) throw new Error('not enrolled');
    const { kioskId, checkpointId, lane, signingKey, sealingKey } = known;
    const token = await centre.upstream.desk.issueToken({ kioskId, checkpointId, lane }, 60_000);
    const request = { token, kioskId, checkpointId, lane, signingKey, sealingKey, root: centre.root };
    expect(await centre.upstream.desk.enrol(request)).toEqual({ ok: false, reason: 'key-revoked' });
  });
});

describe('the registry over HTTP', () => {
  const post = (body: unknown, token = centre.operatorToken) =>
    fetch(`${centre.upstream.url}/v1/registry/changes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('takes holds and revocations by the rules of the command line, and writes down who', async () => {
    const changes = [
      { id: '079000000001', status: 'F0' },
      { plate: '59-C1 123.45', status: 'hold', region: 79 },
      { revoke: '00'.repeat(8) },
      { killKey: '01020304' },
    ];
    const answer = await post({ changes });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ changed: 4 });
    expect(await centre.store.feedAfter(0, 10)).toHaveLength(4);
    expect(await centre.store.killedKeys()).toEqual(['01020304']);
    expect((await centre.store.audit(1))[0]).toMatchObject({ actor: 'operator', action: 'api' });
  });

  it.each([
    ['nothing', {}],
    ['somebody else who does it', { actor: 'hotline', changes: [{ id: '079000000001', status: 'F0' }] }],
    [
      'a number that is no id',
      {
        changes: [
          { id: '079000000001', status: 'F0' },
          { id: '1', status: 'F0' },
        ],
      },
    ],
    ['a key id that is none', { changes: [{ killKey: 'KEY' }] }],
    ['an unknown status', { changes: [{ id: '079000000001', status: 'F9' }] }],
    ['a field that is not known', { changes: [{ id: '079000000001', status: 'F0', note: 'x' }] }],
  ])('refuses %s, and takes no part of it', async (_name, body) => {
    expect((await post(body)).status).toBe(400);
    expect(await centre.store.feedHead()).toBe(0);
  });

  it('asks who it is', async () => {
    expect((await post({ changes: [{ release: '00'.repeat(8) }] }, 'another-token-of-this-length')).status).toBe(401);
  });
});
