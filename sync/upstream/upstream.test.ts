/** The service itself, over real HTTP: who may ask, what is refused, what is kept; its document and its page. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import nacl from 'tweetnacl';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtPath } from '../../config/host/install-paths.ts';
import { nodeRandom } from '../../config/host/node-host.ts';
import { openTestCentre, projectedIds, quietHost, type TestCentre } from '../../fixtures/test-centre.ts';
import { ensureStore } from '../../fixtures/test-store.ts';
import { toHex } from '../credential/bytes.ts';
import { createSigner } from '../credential/signer.ts';
import { parseEnvelopes, parsePayload } from '../credential/statement.ts';
import { createUpstreamClient } from '../edge/upstream-client.ts';
import { type BatchHeader, journalStart, writeBatch } from '../protocol/batch.ts';
import { entryHash } from '../protocol/chain.ts';
import { certificateSchema } from '../protocol/enrolment.ts';
import { limits } from '../protocol/limits.ts';
import { receiptSchema } from '../protocol/receipt.ts';
import { recordId } from '../protocol/record-id.ts';
import type { JournalRecord } from '../protocol/records.ts';
import { signRequest } from '../protocol/request-signature.ts';
import { kioskRevocationSchema } from '../protocol/revocation.ts';
import { createProjector } from './projector/projector.ts';

let folder: string;
let centre: TestCentre;
const signer = createSigner(new Uint8Array(32).fill(9));
const sealing = nacl.box.keyPair.fromSecretKey(new Uint8Array(32).fill(8));
const ids = { kioskId: 'k1', checkpointId: 'c1', lane: '1' };
const journalId = 'ab'.repeat(16);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'upstream-'));
  centre = await openTestCentre(folder);
});
afterEach(async () => {
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly body?: Uint8Array;
  readonly keyId?: string;
  readonly key?: typeof signer;
  readonly tag?: 'checkpoint-kiosk' | 'checkpoint-enrolment';
}

async function ask(
  target: string,
  { method = 'POST', body = new Uint8Array(0), keyId = 'k1', key = signer, tag = 'checkpoint-kiosk' }: Asked = {},
) {
  const nonce = toHex(nodeRandom.bytes(16));
  const headers = { ...signRequest({ method, target, body }, { created: 1, nonce, keyId, tag }, key) };
  const answer = await fetch(centre.upstream.url + target, { method, headers, ...(method === 'POST' && { body: Buffer.from(body) }) });
  const text = await answer.text();
  const problem = answer.headers.get('content-type')?.startsWith('application/problem+json') === true ? JSON.parse(text) : undefined;
  return { status: answer.status, text, code: problem?.type.split(':').at(-1), headers: answer.headers };
}

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

async function enrol(change: object = {}, key = signer) {
  const token = await centre.upstream.desk.issueToken(ids, 60_000);
  return { token, answer: await enrolWith(token, change, key) };
}

async function enrolWith(token: string, change: object = {}, key = signer) {
  const request = { token, ...ids, signingKey: toHex(key.publicKey), sealingKey: toHex(sealing.publicKey), root: centre.root, ...change };
  return ask('/v1/enrolments', { body: text(request), key, tag: 'checkpoint-enrolment' });
}

function record(change: Partial<JournalRecord> = {}): JournalRecord {
  const at = new Date().toISOString();
  return {
    v: 1,
    id: recordId(Date.now(), nodeRandom.bytes(10)),
    kind: 'lane',
    ...ids,
    bootId: 'aa',
    eventTime: at,
    recordTime: at,
    monotonicMs: 1,
    clockState: 'unknown',
    clockOffsetMs: 0,
    laneState: 'open',
    ...change,
  };
}

function batch(lines: readonly Uint8Array[], change: Partial<BatchHeader> = {}, id = journalId) {
  let head = Buffer.from(change.prevHash ?? journalStart(id, signer.publicKey), 'hex') as Uint8Array;
  const prevHash = toHex(head);
  const firstSeq = change.firstSeq ?? 1;
  for (const [index, line] of lines.entries()) head = entryHash(Buffer.from(id, 'hex'), firstSeq + index, head, line);
  const header = {
    v: 1 as const,
    journalId: id,
    parent: null,
    kioskId: 'k1',
    count: lines.length,
    headHash: toHex(head),
    bootId: 'aa',
    firstSeq,
    prevHash,
  };
  return new Uint8Array(gzipSync(writeBatch({ ...header, ...change }, lines)));
}

function receiptOf(line: string) {
  const envelopes = parseEnvelopes(line);
  const receipt = envelopes.ok ? parsePayload(envelopes.value[0], receiptSchema) : envelopes;
  if (!receipt.ok) throw new Error(`${receipt.reason}: ${line}`);
  return receipt.value;
}

const target = `/v1/journals/${journalId}/batches`;

describe('enrolment', () => {
  it('certifies the keys that asked, once, and the same again for the same keys', async () => {
    const { token, answer } = await enrol();
    expect(answer.status).toBe(200);
    const envelopes = parseEnvelopes(answer.text);
    const certificate = envelopes.ok ? parsePayload(envelopes.value[0], certificateSchema) : undefined;
    expect(certificate).toMatchObject({ ok: true, value: { ...ids, signingKey: toHex(signer.publicKey), audience: 'k1' } });
    expect((await enrolWith(token)).text).toBe(answer.text);
  });

  it('refuses another key with a used token, and raises an alarm', async () => {
    const { token, answer } = await enrol();
    const other = createSigner(new Uint8Array(32).fill(10));
    expect(await enrolWith(token, {}, other)).toMatchObject({ status: 403, code: 'token-used' });
    expect(await centre.store.alarms(5)).toMatchObject([{ code: 'token-reuse', kioskId: 'k1' }]);
    expect((await enrolWith(token)).text).toBe(answer.text);
  });

  it.each([
    ['another kiosk', { kioskId: 'k2' }, 'token-mismatch'],
    ['another lane', { lane: '2' }, 'token-mismatch'],
    ['another root', { root: '00'.repeat(32) }, 'root-mismatch'],
    ['a sealing key of low order', { sealingKey: '00'.repeat(32) }, 'key-unacceptable'],
    ['an unknown token', { token: 'A'.repeat(43) }, 'token-unknown'],
    ['a key that did not sign', { signingKey: '11'.repeat(32) }, 'signature-invalid'],
    ['an unknown field', { more: 1 }, 'request-invalid'],
  ])('refuses %s', async (_name, change, code) => {
    expect((await enrol(change)).answer.code).toBe(code);
    expect(await centre.store.kiosks()).toEqual([]);
  });

  it('refuses an old token', async () => {
    const token = await centre.upstream.desk.issueToken(ids, -1);
    expect((await enrolWith(token)).code).toBe('token-expired');
  });
});

describe('batches', () => {
  beforeEach(async () => {
    expect((await enrol()).answer.status).toBe(200);
  });

  it('are acknowledged with the head of the chain, bound to the request', async () => {
    const body = batch([text(record()), text(record())]);
    const receipt = receiptOf((await ask(target, { body })).text);
    expect(receipt).toMatchObject({ outcome: 'acknowledged', n: 2, rejected: [], audience: 'k1', journalId });
    const again = receiptOf((await ask(target, { body })).text);
    expect(again).toMatchObject({ outcome: 'acknowledged', n: 2, head: receipt.head });
    expect(again.nonce).not.toBe(receipt.nonce);
    expect(again.requestDigest).toBe(receipt.requestDigest);
    expect((await centre.store.counts()).records).toBe(2);
  });

  it('take the new part of one that overlaps, and name a gap', async () => {
    const lines = [text(record()), text(record()), text(record())];
    const { head } = receiptOf((await ask(target, { body: batch(lines.slice(0, 2)) })).text);
    expect(receiptOf((await ask(target, { body: batch(lines) })).text)).toMatchObject({ outcome: 'acknowledged', n: 3 });
    expect(receiptOf((await ask(target, { body: batch(lines.slice(0, 1)) })).text)).toMatchObject({ outcome: 'acknowledged', n: 3 });
    const far = batch([text(record())], { firstSeq: 9, prevHash: head });
    expect(receiptOf((await ask(target, { body: far })).text)).toMatchObject({ outcome: 'gap', n: 3 });
    await centre.upstream.settle();
    expect(await centre.store.counts()).toMatchObject({ records: 3, batchesWaiting: 0 });
  });

  it('keep that the time was brought by hand, and refuse what says so otherwise', async () => {
    const set = { source: 'staff', before: 'unknown', shiftMs: 86_400_000 } as const;
    const { laneState: _, ...brought } = record({ kind: 'time', clockState: 'confirmed', time: set });
    const lines = [text(brought), text({ ...record({ kind: 'time' }), time: { ...set, source: 'guess' } })];
    expect(receiptOf((await ask(target, { body: batch(lines) })).text)).toMatchObject({
      n: 2,
      rejected: [{ n: 2, reason: 'line-schema' }],
    });
    await centre.upstream.settle();
    const events = new Database(join(folder, 'upstream', 'store.db'), { readonly: true }).prepare('SELECT kind, value FROM event').all();
    expect(events).toEqual([{ kind: 'time', value: 'staff unknown 86400000' }]);
  });

  it('of another history are a fork, with points of the own one', async () => {
    await ask(target, { body: batch([text(record())]) });
    const receipt = receiptOf((await ask(target, { body: batch([text(record()), text(record())]) })).text);
    expect(receipt).toMatchObject({ outcome: 'fork', n: 1 });
    expect(receipt.points.map(({ n }) => n)).toEqual([1, 0]);
  });

  it('go on behind records that nobody can read: those lie in quarantine, by number and reason', async () => {
    const one = record();
    const lines = [
      text(record()),
      new TextEncoder().encode('{"v":1,'),
      text({ ...record(), kind: 'unheard' }),
      text(record({ kioskId: 'k9' })),
      text(one),
      text({ ...one, laneState: 'closed' }),
      text(record()),
    ];
    const receipt = receiptOf((await ask(target, { body: batch(lines) })).text);
    expect(receipt).toMatchObject({ outcome: 'acknowledged', n: 7 });
    expect(receipt.rejected).toEqual([
      { n: 2, reason: 'line-json' },
      { n: 3, reason: 'line-schema' },
      { n: 4, reason: 'line-kiosk' },
      { n: 6, reason: 'id-conflict' },
    ]);
    await centre.upstream.settle();
    expect(await centre.store.counts()).toMatchObject({ records: 7, quarantined: 4, batchesWaiting: 0 });
    expect(await centre.store.alarms(5)).toMatchObject([{ code: 'id-conflict' }]);
  });

  it.each([
    ['no gzip', () => new Uint8Array(100), 'batch-encoding'],
    ['a gzip bomb', () => new Uint8Array(gzipSync(Buffer.alloc(64 << 20))), 'batch-encoding'],
    ['a wrong header', () => new Uint8Array(gzipSync('{"v":2}\n')), 'batch-header'],
    ['a wrong count', () => batch([text(record())], { count: 2 }), 'batch-count'],
    ['a long line', () => batch([new Uint8Array(limits.lineBytes + 1).fill(65)]), 'batch-line-length'],
    ['a wrong chain', () => batch([text(record())], { headHash: '00'.repeat(32) }), 'batch-chain'],
    ['another journal', () => batch([text(record())], {}, 'cd'.repeat(16)), 'batch-journal'],
    ['another kiosk', () => batch([text(record())], { kioskId: 'k2' }), 'batch-journal'],
    ['too many bytes', () => nodeRandom.bytes(limits.batchEncodedBytes + 1), 'body-too-large'],
  ])('are refused by name: %s', async (_name, body, code) => {
    expect((await ask(target, { body: body() })).code).toBe(code);
    expect((await centre.store.counts()).records).toBe(0);
  });

  it('of a stranger, with another key or a changed body are refused', async () => {
    const body = batch([text(record())]);
    expect(await ask(target, { body, keyId: 'k7' })).toMatchObject({ status: 403, code: 'kiosk-unknown' });
    expect(await ask(target, { body, key: createSigner(new Uint8Array(32).fill(1)) })).toMatchObject({
      status: 401,
      code: 'signature-invalid',
    });
    expect(await ask(target, { body, tag: 'checkpoint-enrolment' })).toMatchObject({ code: 'signature-form' });
    const unsigned = await fetch(centre.upstream.url + target, { method: 'POST', body: Buffer.from(body) });
    expect(await unsigned.json()).toMatchObject({ type: 'urn:checkpoint-kiosk:problem:signature-missing', status: 401 });
  });

  it('of a revoked kiosk are taken for thirty days and marked; anything else is answered by its end', async () => {
    await centre.store.revokeKiosk('k1', Date.now());
    expect((await ask(target, { body: batch([text(record())]) })).status).toBe(200);
    const answer = await ask('/v1/feed/default?after=0&generation=1&wait=0', { method: 'GET' });
    expect(answer.status).toBe(403);
    const envelopes = parseEnvelopes(answer.text);
    const end = envelopes.ok ? parsePayload(envelopes.value[0], kioskRevocationSchema) : envelopes;
    expect(end).toMatchObject({ ok: true, value: { kioskId: 'k1', signingKey: toHex(signer.publicKey) } });
  });

  it('of a kiosk that was revoked longer ago are refused', async () => {
    await centre.store.revokeKiosk('k1', Date.now() - 31 * 86_400_000);
    expect((await ask(target, { body: batch([text(record())]) })).status).toBe(403);
    expect((await centre.store.counts()).records).toBe(0);
  });

  it('of a journal that belongs to another kiosk are refused', async () => {
    const other = createSigner(new Uint8Array(32).fill(12));
    const token = await centre.upstream.desk.issueToken({ ...ids, kioskId: 'k2' }, 60_000);
    expect((await enrolWith(token, { kioskId: 'k2' }, other)).status).toBe(200);
    await ask(target, { body: batch([text(record())]) });
    const body = batch([text(record({ kioskId: 'k2' }))], { kioskId: 'k2' });
    expect(await ask(target, { body, keyId: 'k2', key: other })).toMatchObject({ code: 'batch-journal' });
    expect(await ask(`/v1/journals/${journalId}`, { method: 'GET', keyId: 'k2', key: other })).toMatchObject({ code: 'batch-journal' });
  });
});

describe('projection', () => {
  it('gives the same tables when it is made again from the raw lines', async () => {
    const kiosk = await centre.openKiosk('k1');
    kiosk.decide(120);
    expect(await kiosk.push.drained(10_000)).toBe(true);
    await kiosk.close();
    const before = await projectedIds(centre);
    const all = await centre.store.crossingsOf({});
    await createProjector(centre.store, centre.sealing, quietHost).rebuild();
    expect(await centre.store.crossingsOf({})).toEqual(all);
    expect(before).toHaveLength(120);
    expect(await centre.store.checkpoints(0)).toMatchObject([{ pass: 120 }]);
  });

  it('shows what it cannot open, and opens it once the key is there', async () => {
    const kiosk = await centre.openKiosk('k1');
    kiosk.decide(10);
    expect(await kiosk.push.drained(10_000)).toBe(true);
    await kiosk.close();
    await projectedIds(centre);
    await createProjector(centre.store, new Map(), quietHost).rebuild();
    expect(await centre.store.counts()).toMatchObject({ crossings: 0, unprojected: 10 });
    await createProjector(centre.store, centre.sealing, quietHost).rebuild();
    expect(await centre.store.counts()).toMatchObject({ crossings: 10, unprojected: 0 });
  });

  it('ends with retention', async () => {
    const kiosk = await centre.openKiosk('k1');
    kiosk.decide(10);
    expect(await kiosk.push.drained(10_000)).toBe(true);
    await projectedIds(centre);
    expect(await centre.store.prune(Date.now() + 60_000)).toBeGreaterThan(0);
    expect(await centre.store.counts()).toMatchObject({ crossings: 0, batchesWaiting: 0 });
    expect(await centre.store.checkpoints(0)).toEqual([]);
    // The journal goes on where it was.
    const [id] = kiosk.decide(1);
    expect(await kiosk.push.drained(10_000)).toBe(true);
    expect(await projectedIds(centre)).toEqual([id]);
    await kiosk.close();
  });
});

describe('the document', () => {
  it('names every route that is served, and no other', async () => {
    const document = z
      .object({
        openapi: z.literal('3.1.0'),
        paths: z.record(z.string(), z.record(z.string(), z.object({ responses: z.record(z.string(), z.unknown()) }))),
      })
      .parse(await (await fetch(`${centre.upstream.url}/v1/openapi.json`)).json());
    const [current] = await centre.store.publishedSlices('default', 1);
    const values: Record<string, string> = { journalId, sliceId: 'default', generation: '1', sha256: current?.body.snapshot.sha256 ?? '' };
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        // There are no changes to a first slice.
        if (path.includes('/deltas/')) continue;
        const target = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? name);
        const answer = await fetch(centre.upstream.url + target, {
          method: method.toUpperCase(),
          ...(method === 'post' && { body: '{}' }),
        });
        expect(answer.status, `${method} ${path}`).not.toBe(404);
        expect(Object.keys(operation.responses), `${method} ${path}`).toContain(String(answer.status));
      }
    }
    expect(Object.keys(document.paths)).toEqual([
      '/v1/enrolments',
      '/v1/journals/{journalId}',
      '/v1/journals/{journalId}/batches',
      '/v1/quarantine',
      '/v1/feed/{sliceId}',
      '/v1/slices/{sliceId}/keys/{generation}',
      '/v1/slices/{sliceId}/manifest',
      '/v1/slices/{sliceId}/snapshots/{sha256}',
      '/v1/slices/{sliceId}/deltas/{sha256}',
      '/v1/keyring',
      '/v1/policy',
      '/v1/heartbeats',
      '/v1/config',
      '/v1/peers',
      '/v1/registry/changes',
      '/v1/registry/audit',
      '/v1/time',
      '/time',
      '/v1/overview',
      '/',
      '/sign-in',
      '/sign-out',
    ]);
    expect((await fetch(`${centre.upstream.url}/v1/other`)).status).toBe(404);
  });
});

describe('a port that is taken', () => {
  it('ends the service with one sentence instead of leaving it half open', () => {
    const { folder: keys, keyring, root } = centre.kit.upstream;
    const args = ['--store', `sqlite:${join(folder, 'second.db')}`, '--keys', keys, '--keyring', keyring, '--root', root, '--allow-demo'];
    ensureStore(`sqlite:${join(folder, 'second.db')}`);
    const { port } = new URL(centre.upstream.url);
    const ended = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), 'upstream', ...args, '--port', port], { timeout: 20_000 });
    expect(ended.status).toBe(69);
    expect(ended.stderr.toString()).toContain('upstream-port-busy');
  }, 25_000);
});

describe('the page', () => {
  it('is for the operator only', async () => {
    const anonymous = await fetch(`${centre.upstream.url}/`);
    expect(anonymous.status).toBe(401);
    expect(await anonymous.text()).toContain('action="/sign-in"');
    const page = await fetch(`${centre.upstream.url}/`, { headers: { authorization: `Bearer ${centre.operatorToken}` } });
    expect(await page.text()).toContain('waiting to be opened');
    const overview = await fetch(`${centre.upstream.url}/v1/overview`, { headers: { authorization: `Bearer ${centre.operatorToken}` } });
    expect(await overview.json()).toMatchObject({ kiosks: [], counts: { records: 0 } });
    const wrong = await fetch(`${centre.upstream.url}/v1/overview`, { headers: { authorization: 'Bearer wrong' } });
    expect(wrong.status).toBe(401);
  });
});

describe('TLS', () => {
  it('is believed by its pinned key, whoever signed it, and by no other', async () => {
    const [key, certificate] = [join(folder, 'tls.key'), join(folder, 'tls.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
        ...['-subj', '/CN=centre', '-keyout', key, '-out', certificate],
      ],
      { stdio: 'ignore' },
    );
    const spki = new X509Certificate(readFileSync(certificate)).publicKey.export({ type: 'spki', format: 'der' });
    const pin = createHash('sha256').update(spki).digest('hex');
    let heard = 0;
    const server = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (_request, response) => {
      heard++;
      response.end('hello');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const send = async (pins: readonly string[]) => {
      const client = createUpstreamClient({ url, pins: () => pins, keyId: 'k1', signer }, quietHost);
      const reply = await client.send({ method: 'GET', target: '/x', timeoutMs: 5_000 });
      client.close();
      return reply;
    };
    expect(await send([pin])).toMatchObject({ kind: 'reply', status: 200, text: 'hello' });
    expect(await send(['00'.repeat(32)])).toMatchObject({ kind: 'failed', why: 'the certificate is not a pinned one' });
    expect(await send([])).toMatchObject({ kind: 'failed' });
    expect(heard).toBe(1);
    server.closeAllConnections();
    server.close();
  });
});
