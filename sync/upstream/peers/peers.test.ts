/** What the centre tells the lanes of a checkpoint of each other, over real HTTP and a real store. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeRandom } from '../../../config/host/node-host.ts';
import { loadOrCreateKey } from '../../../config/host/private-file.ts';
import { openTestCentre, quietHost, type TestCentre } from '../../../fixtures/test-centre.ts';
import { toHex } from '../../credential/bytes.ts';
import { readKeyring } from '../../credential/keyring.ts';
import { createSigner, type Signer } from '../../credential/signer.ts';
import { openStatement, parseEnvelopes } from '../../credential/statement.ts';
import { createUpstreamClient } from '../../edge/upstream-client.ts';
import { PEERS_MAX, type PeersStatement, parsePeerAddress, peersSchema } from '../../protocol/peers.ts';
import { openBox } from '../../protocol/sealing.ts';
import type { PeerMember } from '../store/store.ts';
import { nextGroup } from './rules.ts';

describe('the group of a checkpoint', () => {
  const member = (kioskId: string, change: Partial<PeerMember> = {}): PeerMember => ({
    kioskId,
    lane: '1',
    address: 'a:1',
    signingKey: kioskId.repeat(2),
    sealingKey: 's',
    ...change,
  });
  const [first, second] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const two = nextGroup(undefined, 'c1', [member('a'), member('b')], { key: first, atMs: 5_000_000 });

  it('is none where nobody has an address', () => {
    expect(nextGroup(undefined, 'c1', [], { key: first, atMs: 5_000 })).toBeUndefined();
  });

  it('stays the same one while nothing changes', () => {
    expect(nextGroup(two, 'c1', [member('a'), member('b')], { key: second, atMs: 9_000_000 })).toBe(two);
  });

  it.each([
    ['somebody joins', [member('a'), member('b'), member('c')]],
    ['an address changes', [member('a'), member('b', { address: 'b:2' })]],
  ])('keeps its key and has a newer version when %s', (_what, members) => {
    const next = nextGroup(two, 'c1', members, { key: second, atMs: 1_000 });
    expect(next).toMatchObject({ generation: 5_000, key: first, version: 5_001, members });
  });

  it.each([
    ['somebody leaves', [member('a')]],
    ['somebody has another key', [member('a'), member('b', { signingKey: 'x' })]],
    ['everybody leaves', []],
  ])('has another key when %s', (_what, members) => {
    const next = nextGroup(two, 'c1', members, { key: second, atMs: 9_000_000 });
    expect(next).toMatchObject({ generation: 9_000, key: second, version: 9_000, members });
  });
});

describe('an address', () => {
  it.each([
    ['192.168.1.21:8745', { host: '192.168.1.21', port: 8745 }],
    ['gate-7.lan:1', { host: 'gate-7.lan', port: 1 }],
    ['[fd00::21]:65535', { host: 'fd00::21', port: 65_535 }],
  ])('is %s', (text, expected) => {
    expect(parsePeerAddress(text)).toEqual(expected);
  });
  it.each(['gate-7', 'gate-7:', ':80', 'a:0', 'a:65536', 'a:080', 'http://a:1', 'a/b:1', 'a@b:1', '::1:80', 'a b:1', '-a:1'])(
    'is not %s',
    (text) => {
      expect(parsePeerAddress(text)).toBeUndefined();
    },
  );
});

describe('what a kiosk is told', () => {
  let folder: string;
  let centre: TestCentre;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'peers-centre-'));
    centre = await openTestCentre(folder);
    for (const name of ['k1', 'k2', 'k3']) await (await centre.openKiosk(name)).close();
  });
  afterEach(async () => {
    await centre.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const keyOf = (name: string, file: string) => loadOrCreateKey(join(folder, name, 'keys', file), nodeRandom);
  async function ask(name: string, signer: Signer = createSigner(keyOf(name, 'kiosk.key'))) {
    const client = createUpstreamClient({ url: new URL(centre.upstream.url), pins: () => [], keyId: name, signer }, quietHost);
    const reply = await client.send({ method: 'GET', target: '/v1/peers', timeoutMs: 5_000 });
    client.close();
    if (reply.kind === 'failed') throw new Error(reply.why);
    return reply;
  }
  async function listOf(name: string): Promise<PeersStatement> {
    const keyring = readKeyring(readFileSync(centre.kit.upstream.keyring, 'utf8'), centre.root);
    const envelopes = parseEnvelopes((await ask(name)).text);
    if (!keyring.ok || !envelopes.ok) throw new Error('no statement');
    const list = openStatement(envelopes.value[0], 'peers', keyring.value.roles.config, peersSchema);
    if (!list.ok) throw new Error(list.reason);
    return list.value;
  }
  const open = (name: string, { box = '' }: PeersStatement) =>
    openBox(new Uint8Array(Buffer.from(box, 'base64url')), keyOf(name, 'sealing.key'));

  it('is nothing where no lane has an address', async () => {
    expect(await ask('k1')).toMatchObject({ status: 204, text: '' });
  });

  it('names the other lanes, and seals one key to each', async () => {
    for (const [index, name] of ['k1', 'k2', 'k3'].entries()) await centre.store.setPeerAddress(name, `10.0.0.${index}:8745`);
    const [one, two] = [await listOf('k1'), await listOf('k2')];
    expect(one.peers.map(({ kioskId, address }) => [kioskId, address])).toEqual([
      ['k2', '10.0.0.1:8745'],
      ['k3', '10.0.0.2:8745'],
    ]);
    expect(one.peers[0]?.signingKey).toBe(toHex(createSigner(keyOf('k2', 'kiosk.key')).publicKey));
    const key = open('k1', one);
    expect(key.ok && key.value).toHaveLength(32);
    expect(open('k2', two)).toEqual(key);
    expect(open('k2', one).ok).toBe(false);
    expect(two).toMatchObject({ version: one.version, generation: one.generation, checkpointId: 'c1', audience: 'k2' });
  });

  it('is nobody, and no key, for one that has no address itself', async () => {
    for (const name of ['k1', 'k2']) await centre.store.setPeerAddress(name, '10.0.0.1:8745');
    const list = await listOf('k3');
    expect(list.peers).toEqual([]);
    expect(list.box).toBeUndefined();
  });

  it('changes key and version when a lane is revoked, and the revoked one learns nothing', async () => {
    for (const name of ['k1', 'k2', 'k3']) await centre.store.setPeerAddress(name, '10.0.0.1:8745');
    const before = await listOf('k1');
    await centre.store.revokeKiosk('k3', Date.now());
    const after = await listOf('k1');
    expect(after).toMatchObject({ peers: [{ kioskId: 'k2' }] });
    expect(after.generation).toBeGreaterThan(before.generation);
    expect(after.version).toBeGreaterThan(before.version);
    expect(open('k1', after)).not.toEqual(open('k1', before));
    expect((await ask('k3')).status).toBe(403);
  });

  it('is told to an enrolled kiosk alone, over its signature', async () => {
    await centre.store.setPeerAddress('k1', '10.0.0.1:8745');
    expect((await ask('k1', createSigner(new Uint8Array(32).fill(3)))).status).toBe(401);
    expect((await ask('k9', createSigner(new Uint8Array(32).fill(3)))).status).toBe(403);
    expect((await fetch(`${centre.upstream.url}/v1/peers`)).status).toBe(401);
  });

  it('stands in the description of the API', async () => {
    const document = await (await fetch(`${centre.upstream.url}/v1/openapi.json`)).json();
    expect(document).toMatchObject({ paths: { '/v1/peers': { get: { operationId: 'readPeers', security: [{ kioskSignature: [] }] } } } });
  });

  it('names no more lanes than a statement may', () => {
    const peer = (index: number) => ({ kioskId: `k${index}`, lane: '1', address: 'a:1', signingKey: '0'.repeat(64) });
    const list = (count: number) => ({
      version: 1,
      issuedAt: '2026-01-01T00:00:00Z',
      expires: '2026-02-01T00:00:00Z',
      audience: 'k',
      checkpointId: 'c1',
      generation: 1,
      peers: Array.from({ length: count }, (_, index) => peer(index)),
      box: 'A',
    });
    expect(peersSchema.safeParse(list(PEERS_MAX)).success).toBe(true);
    expect(peersSchema.safeParse(list(PEERS_MAX + 1)).success).toBe(false);
    expect(peersSchema.safeParse({ ...list(2), box: undefined }).success).toBe(false);
    expect(peersSchema.safeParse({ ...list(2), peers: [peer(1), peer(1)] }).success).toBe(false);
  });
});
