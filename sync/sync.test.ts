/** The promises between a kiosk's journal and upstream, with both for real: HTTP on loopback, SQLite on disk. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openTestCentre, projectedIds, type TestCentre, type TestKiosk } from '../fixtures/test-centre.ts';

const DRAIN_MS = 10_000;
let folder: string;
let centre: TestCentre;
const open: TestKiosk[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sync-'));
  centre = await openTestCentre(folder);
});

afterEach(async () => {
  for (const kiosk of open.splice(0)) await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

async function openKiosk(name: string, dataDir?: string, url?: string): Promise<TestKiosk> {
  const kiosk = await centre.openKiosk(name, dataDir, url);
  open.push(kiosk);
  return kiosk;
}

async function closeKiosk(kiosk: TestKiosk): Promise<void> {
  open.splice(open.indexOf(kiosk), 1);
  await kiosk.close();
}

/** Upstream set back to what its folder held at `copy`. */
async function restoreCentre(copy: string): Promise<void> {
  const port = Number(new URL(centre.upstream.url).port);
  await centre.close();
  rmSync(join(folder, 'upstream'), { recursive: true });
  cpSync(copy, join(folder, 'upstream'), { recursive: true });
  centre = await openTestCentre(folder, port);
}

describe('a record that is damaged on the disk', () => {
  it('lies in quarantine as it is, and the others go on behind it', async () => {
    const cutOff = await openKiosk('k1', undefined, 'http://127.0.0.1:9');
    const ids = cutOff.decide(60);
    await closeKiosk(cutOff);
    // The newest segment is checked at the start; an older one only when it is sent.
    const file = join(folder, 'k1/journal/000002.db');
    const database = new Database(file);
    const { seq, line } = z
      .object({ seq: z.number(), line: z.instanceof(Uint8Array) })
      .parse(database.prepare('SELECT seq, line FROM record ORDER BY seq LIMIT 1 OFFSET 7').get());
    const flipped = Buffer.from(line);
    flipped[flipped.length - 20] = (flipped[flipped.length - 20] ?? 0) ^ 1;
    database.prepare('UPDATE record SET line = ? WHERE seq = ?').run(flipped, seq);
    database.close();
    const kiosk = await openKiosk('k1');
    await expect.poll(() => kiosk.push.state().quarantined, { timeout: DRAIN_MS }).toBe(1);
    expect(await kiosk.push.drained(DRAIN_MS)).toBe(true);
    const damagedId = z.object({ id: z.string() }).parse(JSON.parse(Buffer.from(line).toString())).id;
    expect(await projectedIds(centre)).toEqual(ids.filter((id) => id !== damagedId).sort());
    expect(await centre.store.counts()).toMatchObject({ quarantined: 1, unprojected: 0 });
    expect((await centre.store.alarms(9)).map(({ code }) => code).sort()).toEqual(['record-damaged', 'record-lost']);
  });

  it('is taken in bounds', async () => {
    const kiosk = await openKiosk('k1');
    expect(await kiosk.push.drained(DRAIN_MS)).toBe(true);
    const item = (n: number, receivedAtMs: number) =>
      centre.store.quarantine({ kioskId: 'k1', journalId: 'a'.repeat(32), n, bytes: new Uint8Array(8_000), receivedAtMs });
    const taken = await Promise.all(Array.from({ length: 140 }, (_, index) => item(index + 1, 1_000)));
    expect(taken.filter(Boolean)).toHaveLength(131);
    expect(await item(200, 1_000 + 3_600_000)).toBe(true);
  });
});

describe('crossings', () => {
  it('arrive once, opened, in several batches and segments', async () => {
    const kiosk = await openKiosk('k1');
    const ids = kiosk.decide(1_200);
    expect(await kiosk.push.drained(DRAIN_MS)).toBe(true);
    expect(await projectedIds(centre)).toEqual([...ids].sort());
    const [first] = await centre.store.crossingsOf({ kioskId: 'k1' });
    expect(first).toMatchObject({ verdict: 'pass', reason: 'ok', class: 2, kid: '01020304', checkpointId: 'c1', direction: 'in' });
    expect(await centre.store.crossingsOf({ subject: first?.subject })).toContainEqual(first);
    const [checkpoint] = await centre.store.checkpoints(0);
    expect(checkpoint).toMatchObject({ checkpointId: 'c1', pass: 1_200, deny: 0, seeStaff: 0 });
    expect(await centre.store.counts()).toMatchObject({ quarantined: 0, unprojected: 0, batchesWaiting: 0 });
  });

  it('of several kiosks do not touch each other', async () => {
    const kiosks = await Promise.all(['k1', 'k2', 'k3'].map((name) => openKiosk(name)));
    const ids = kiosks.flatMap((kiosk) => kiosk.decide(60));
    for (const kiosk of kiosks) expect(await kiosk.push.drained(DRAIN_MS)).toBe(true);
    expect((await projectedIds(centre)).sort()).toEqual(ids.sort());
  });

  it('come again after a restart only where they had not arrived', async () => {
    const before = await openKiosk('k1');
    const ids = before.decide(30);
    expect(await before.push.drained(DRAIN_MS)).toBe(true);
    await closeKiosk(before);
    const after = await openKiosk('k1');
    ids.push(...after.decide(30));
    expect(await after.push.drained(DRAIN_MS)).toBe(true);
    expect(await projectedIds(centre)).toEqual([...ids].sort());
    expect(await centre.store.alarms(10)).toEqual([]);
  });

  it('are sent again, and stored once, when upstream is set back to a backup', async () => {
    const kiosk = await openKiosk('k1');
    const ids = kiosk.decide(50);
    expect(await kiosk.push.drained(DRAIN_MS)).toBe(true);
    await centre.upstream.settle();
    const copy = join(folder, 'backup');
    cpSync(join(folder, 'upstream'), copy, { recursive: true });
    ids.push(...kiosk.decide(50));
    expect(await kiosk.push.drained(DRAIN_MS)).toBe(true);
    await restoreCentre(copy);
    ids.push(...kiosk.decide(1));
    expect(await waitFor(async () => (await projectedIds(centre)).length === ids.length)).toBe(true);
    expect(await projectedIds(centre)).toEqual([...ids].sort());
  });

  it('go on in a new journal, none lost and none twice, when the kiosk is set back to a backup', async () => {
    const before = await openKiosk('k1');
    const ids = before.decide(50);
    expect(await before.push.drained(DRAIN_MS)).toBe(true);
    await closeKiosk(before);
    const copy = join(folder, 'k1-backup');
    cpSync(join(folder, 'k1'), copy, { recursive: true });
    const later = await openKiosk('k1');
    ids.push(...later.decide(25));
    expect(await later.push.drained(DRAIN_MS)).toBe(true);
    await closeKiosk(later);
    const restored = await openKiosk('k1', copy);
    const journalId = restored.journal.journalId();
    ids.push(...restored.decide(40));
    expect(await restored.push.drained(DRAIN_MS)).toBe(true);
    expect(restored.journal.journalId()).not.toBe(journalId);
    expect(restored.journal.parent()).toMatchObject({ journalId });
    expect(await projectedIds(centre)).toEqual([...ids].sort());
    expect((await centre.store.alarms(10)).map(({ code }) => code)).not.toContain('id-conflict');
  });

  it('of two machines with one identity all arrive, and the double identity is an alarm', async () => {
    const original = await openKiosk('k1');
    const ids = original.decide(30);
    expect(await original.push.drained(DRAIN_MS)).toBe(true);
    const copy = join(folder, 'k1-clone');
    cpSync(join(folder, 'k1'), copy, { recursive: true });
    const clone = await openKiosk('k1', copy);
    ids.push(...clone.decide(10));
    expect(await clone.push.drained(DRAIN_MS)).toBe(true);
    ids.push(...original.decide(10));
    expect(await original.push.drained(DRAIN_MS)).toBe(true);
    ids.push(...clone.decide(10));
    expect(await clone.push.drained(DRAIN_MS)).toBe(true);
    expect((await projectedIds(centre)).sort()).toEqual(ids.sort());
    const codes = (await centre.store.alarms(10)).map(({ code }) => code);
    expect(codes).toContain('journal-fork');
    expect(codes).toContain('duplicate-identity');
  });

  it('that neither side has any more are named as lost, on record and by an alarm', async () => {
    const copy = join(folder, 'empty');
    cpSync(join(folder, 'upstream'), copy, { recursive: true });
    const before = await openKiosk('k1');
    before.decide(65);
    expect(await before.push.drained(DRAIN_MS)).toBe(true);
    const journalId = before.journal.journalId();
    expect(before.journal.prune(before.journal.lastSeq(), -1)).toBe(3);
    const gone = before.journal.firstSeq();
    await closeKiosk(before);
    await restoreCentre(copy);
    const after = await openKiosk('k1');
    after.decide(1);
    expect(await after.push.drained(DRAIN_MS)).toBe(true);
    await centre.upstream.settle();
    expect(await centre.store.alarms(10)).toMatchObject([{ code: 'record-lost', detail: `journal ${journalId} records 1 to ${gone}` }]);
    expect(after.journal.journalId()).not.toBe(journalId);
  });
});

describe('a hostile way', () => {
  let proxy: Server;
  let served: { status: number; body: string };
  let asked = 0;

  beforeEach(async () => {
    asked = 0;
    proxy = createServer((request, response) => {
      asked++;
      request.resume().on('end', () => response.writeHead(served.status, { 'content-type': 'application/json' }).end(served.body));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  it.each([200, 204, 301, 400, 401, 403, 404, 409, 413, 500, 503])('that answers %i moves nothing', async (status) => {
    served = { status, body: status === 204 ? '' : '{"outcome":"acknowledged","n":1000000,"revoked":true}' };
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const kiosk = await openKiosk('k1', undefined, url);
    const journalId = kiosk.journal.journalId();
    kiosk.decide(3);
    expect(await waitFor(async () => asked >= 2)).toBe(true);
    expect(kiosk.push.state()).toMatchObject({ acknowledged: 0, waiting: 4 });
    expect(kiosk.push.state().failure).toContain(String(status));
    expect(kiosk.journal.journalId()).toBe(journalId);
  });

  it('that repeats an old receipt, or one for another kiosk, moves nothing', async () => {
    const recorded: string[] = [];
    const direct = centre.upstream.url;
    const recorder = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const { host: _host, connection: _connection, ...headers } = request.headers;
        const answer = await fetch(direct + request.url, {
          method: request.method ?? 'GET',
          headers: headers as Record<string, string>,
          ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
        });
        recorded.push(await answer.text());
        response.writeHead(answer.status).end(recorded.at(-1));
      });
    });
    await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve));
    const first = await openKiosk('k1', undefined, `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`);
    first.decide(5);
    expect(await first.push.drained(DRAIN_MS)).toBe(true);
    await closeKiosk(first);
    recorder.closeAllConnections();
    recorder.close();
    for (const [name, body] of [
      ['k1', recorded[0]],
      ['k1', recorded.at(-1)],
      ['k2', recorded.at(-1)],
    ] as const) {
      served = { status: 200, body: body ?? '' };
      asked = 0;
      const kiosk = await openKiosk(name, undefined, `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
      kiosk.decide(2);
      expect(await waitFor(async () => asked >= 1 && kiosk.push.state().failure !== undefined)).toBe(true);
      expect(kiosk.push.state()).toMatchObject({ acknowledged: 0 });
      await closeKiosk(kiosk);
    }
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 400; tries++) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return false;
}
