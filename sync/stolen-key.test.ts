/**
 * What somebody can do who has stolen a key that works at the centre, and sits on the line too: with a real centre, a kiosk's
 * real loops, and a proxy in between that answers with what the stolen key has signed. One test for each thing that it cannot do.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { parseConfig } from '../config/options/parse-config.ts';
import { type OpenLane, openLane } from '../fixtures/open-lane.ts';
import { createSimulatedHost } from '../fixtures/simulated-host.ts';
import { openTamperingProxy, type TamperingProxy } from '../fixtures/tampering-proxy.ts';
import { openTestCentre, projectedIds, quietHost, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { loadRemoteConfig, offerRemoteConfig } from '../kiosk/remote-config.ts';
import { fromHex, toHex } from './credential/bytes.ts';
import { type Claims, encodeClaims } from './credential/claims.ts';
import { signSign1 } from './credential/cose.ts';
import { writeCp1 } from './credential/credential.ts';
import { type KeyringBody, keyringSchema, rootFingerprint } from './credential/keyring-body.ts';
import { parseKeyringChain } from './credential/keyring-chain.ts';
import { createSigner, type Signer } from './credential/signer.ts';
import {
  openStatement,
  parseEnvelopes,
  parsePayload,
  type RoleName,
  type StatementHeader,
  signerRoles,
  signStatement,
  statementHeader,
} from './credential/statement.ts';
import { authorityDay } from './protocol/authority-time.ts';
import { readBatch } from './protocol/batch.ts';
import { type FeedEntry, type FeedPage, feedEntrySchema, feedPageSchema } from './protocol/feed.ts';
import { type HeartbeatReply, heartbeatReplySchema } from './protocol/heartbeat.ts';
import type { Policy } from './protocol/policy.ts';
import { type Receipt, requestDigest } from './protocol/receipt.ts';
import type { RemoteConfig } from './protocol/remote-config.ts';
import { readRequestSignature } from './protocol/request-signature.ts';
import { type SliceManifest, sliceManifestSchema, sliceRowKey } from './protocol/slice.ts';
import { revocationOf } from './upstream/fleet/rules.ts';
import { inflateBatch } from './upstream/ingest/ingest.ts';
import type { RegistryChange } from './upstream/store/store.ts';

const WAIT = { timeout: 20_000, interval: 20 };
const online = ['slice', 'feed', 'receipt', 'fleet', 'config'] as const satisfies readonly RoleName[];
const statementTypes = [
  'policy',
  'slice-manifest',
  'slice-key',
  'feed',
  'receipt',
  'enrolment',
  'heartbeat',
  'revocation',
  'config',
] as const;
/** What a thief makes for himself. */
const thief = {
  issuer: createSigner(new Uint8Array(32).fill(61)),
  root: createSigner(new Uint8Array(32).fill(62)),
  sealing: '09'.padEnd(64, '0'),
};
const hexOf = ({ publicKey }: Signer) => toHex(publicKey);

let folder: string;
let centre: TestCentre;
let proxy: TamperingProxy;
let kiosk: SyncedKiosk;
let lane: OpenLane;

/** Also before the tests of a group. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + WAIT.timeout; !(await condition()); ) {
    if (Date.now() > endMs) throw new Error(`not within ${WAIT.timeout} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, WAIT.interval));
  }
}

async function openAll(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'stolen-'));
  centre = await openTestCentre(folder);
  proxy = await openTamperingProxy(centre.upstream.url);
  kiosk = await centre.openSyncedKiosk('k1', proxy.url);
  await until(() => kiosk.registry.content() !== undefined && kiosk.overlay.freshness() !== undefined);
  lane = openLane(kiosk.registry, join(folder, 'lane'), createSimulatedHost(1, Date.now()));
}

async function closeAll(): Promise<void> {
  await lane.close();
  await kiosk.close();
  await proxy.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
}

function stolen(role: RoleName): Signer {
  return createSigner(fromHex(readFileSync(join(centre.kit.upstream.folder, `${role}.key`), 'utf8').trim()));
}

/** Answers a path with each of the texts, again and again, until the kiosk has asked for all of them. */
async function serve(path: string, texts: readonly string[]): Promise<void> {
  let served = 0;
  proxy.tamper = (asked, body) =>
    asked.startsWith(path) ? { status: 200, body: Buffer.from(texts[served++ % texts.length] ?? '') } : body;
  const ask = () => {
    kiosk.sync.pull.wake();
    return served;
  };
  // One more than there are: by then the last one was read.
  await until(() => ask() > texts.length);
  proxy.tamper = (_path, body) => body;
}

const keyringFile = () => readFileSync(centre.kit.upstream.keyring, 'utf8');

/** A keyring that says what the thief wants, in every form in which his keys can sign it. */
function forgedKeyrings(key: Signer, change: Partial<KeyringBody>): string[] {
  const chain = parseKeyringChain(keyringFile());
  if (!chain.ok) throw new Error(chain.reason);
  const body = { ...chain.value[0].body, version: chain.value[0].body.version + 1_000, ...change };
  const lines = (keyring: KeyringBody, signers: readonly Signer[]) =>
    signers.map((signer) => `${signStatement('keyring', keyring, signer)}\n`).join('');
  const own = { ...body, roots: [hexOf(thief.root)] };
  return [
    lines(body, [key]),
    lines(body, [key, thief.root]),
    lines({ ...body, roots: [...body.roots, hexOf(key)] }, [key]),
    lines(own, [thief.root, key]),
    `${keyringFile()}\n${lines(body, [key])}`,
    `${keyringFile()}\n${lines(own, [thief.root, key])}`,
    `${keyringFile()}\n${lines(own, [thief.root, key])}\n${lines({ ...own, version: own.version + 1 }, [thief.root])}`,
  ];
}

function codeBy(signer: Signer, change: Partial<Claims> = {}): string {
  const nowS = Math.floor(Date.now() / 1000);
  const claims: Claims = {
    ...{ expiresAt: nowS + 3_600, notBefore: nowS - 60, cti: new Uint8Array(8).fill(5), class: 2 },
    ...{ subject: new Uint8Array(12).fill(6), areas: [79], purpose: 1, declaredAt: nowS - 60, ...change },
  };
  return writeCp1(signSign1(encodeClaims(claims), signer));
}

const textOf = (name: string) => centre.kit.cases.find((person) => person.case === name)?.text ?? '';

/** Header of a statement that is newer than all others. */
function header(audience: string): StatementHeader {
  const version = Math.floor(Date.now() / 1000) + 1_000;
  return { version, issuedAt: new Date().toISOString(), expires: new Date(Date.now() + 3_600_000).toISOString(), audience };
}

/** The worst that the key can say in its own kind of statement, and that is believed. */
async function speakFor(role: RoleName, key: Signer): Promise<void> {
  if (role === 'slice') {
    const manifest = await currentManifest();
    const forged = { ...manifest, ...header('*'), feedSeq: Number.MAX_SAFE_INTEGER, killedKeys: [], earlier: [] };
    await serve('/v1/slices/default/manifest', [signStatement('slice-manifest', forged, key)]);
    expect(kiosk.registry.content()?.slice.manifest.version).toBe(forged.version);
  } else if (role === 'feed') {
    const entries = [
      { kind: 'released' as const, cti: '05'.repeat(8) },
      { kind: 'status' as const, key: '06'.repeat(8), status: 'clear' as const, fromDay: 0, untilDay: null },
    ];
    await speakFeed(key, entries);
  } else if (role === 'fleet') {
    let served = 0;
    proxy.tamper = (path, body) => {
      if (!path.startsWith('/v1/heartbeats')) return body;
      const honest = payloadOf(body.toString(), heartbeatReplySchema);
      served++;
      const wanted = { keyring: 2 ** 40, policy: 2 ** 40, slice: 2 ** 40 };
      const commands = [{ id: '0197a000-0000-7000-8000-000000000001', kind: 'reopen-camera' as const }];
      const forged: HeartbeatReply = { ...honest, wanted, commands };
      return { status: 200, body: Buffer.from(signStatement('heartbeat', forged, key)) };
    };
    kiosk.sync.heartbeat.wake();
    await until(async () => served > 0 && (await centre.store.heartbeatOf('k1'))?.heartbeat.done.length === 1);
    proxy.tamper = (_path, body) => body;
  }
}

type Spoken = FeedEntry extends infer One ? (One extends FeedEntry ? Omit<One, 'seq' | 'prev'> : never) : never;

/** The feed as the thief wants it, in the next page; `last`: number of its last entry, such as one that nothing honest reaches. */
async function speakFeed(key: Signer, spoken: readonly Spoken[], last?: number): Promise<void> {
  let upTo: number | undefined;
  proxy.tamper = (path, body) => {
    if (!path.startsWith('/v1/feed/') || body.length === 0) return body;
    const honest = payloadOf(body.toString(), feedPageSchema);
    const end = last ?? honest.upTo;
    const number = (index: number) => (index < 0 ? honest.after : index === spoken.length - 1 ? end : honest.after + index + 1);
    const entries = spoken.map((entry, index) => feedEntrySchema.parse({ ...entry, seq: number(index), prev: number(index - 1) }));
    upTo = end;
    const forged: FeedPage = { ...honest, entries, upTo: end, more: false };
    return { status: 200, body: Buffer.from(signStatement('feed', forged, key)) };
  };
  // Something happens: the kiosk, which waits, is answered.
  await change({ kind: 'revoked', cti: noise(), expiresAt: 4_000_000_000 });
  await until(() => upTo !== undefined && kiosk.overlay.cursor()?.seq === upTo);
  proxy.tamper = (_path, body) => body;
}

let noises = 0;
const noise = () => new Uint8Array(8).fill(100 + noises++);
const change = (...changes: readonly RegistryChange[]) =>
  centre.store.changeRegistry(changes, true, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });

function payloadOf<Schema extends z.ZodType>(text: string, schema: Schema): z.infer<Schema> {
  const envelopes = parseEnvelopes(text);
  const payload = envelopes.ok ? parsePayload(envelopes.value[0], schema) : envelopes;
  if (!payload.ok) throw new Error(payload.reason);
  return payload.value;
}

async function currentManifest(): Promise<SliceManifest> {
  const [slice] = await centre.store.publishedSlices('default', 1);
  if (slice === undefined) throw new Error('no slice');
  return sliceManifestSchema.parse(slice.body);
}

describe.each(online)('a stolen %s key', (role) => {
  let key: Signer;
  let before: string | undefined;
  beforeAll(async () => {
    await openAll();
    key = stolen(role);
    before = kiosk.registry.keyring()?.digest;
    expect(before).toBeDefined();
    await speakFor(role, key);
  });
  afterAll(closeAll);

  it('creates no issuer', async () => {
    const issuer = { key: hexOf(thief.issuer), status: 'active' as const, classes: [2] };
    await serve('/v1/keyring', forgedKeyrings(key, { issuers: [issuer] }));
    await serve('/v1/keyring', forgedKeyrings(key, { issuers: [{ ...issuer, key: hexOf(key) }] }));
    expect(kiosk.registry.keyring()?.digest).toBe(before);
    expect(await lane.hold(codeBy(thief.issuer))).toBe('deny kid-unknown');
    expect(await lane.hold(codeBy(key))).toBe('deny kid-unknown');
  });

  it('passes no code that an issuer has not signed', async () => {
    expect(await lane.hold(textOf('bank'))).toBe('see-staff prefix-unknown');
    expect(await lane.hold(textOf('forged'))).toBe('deny sig-invalid');
    expect(await lane.hold('CP1:')).toMatch(/^deny /);
    expect(await lane.hold(codeBy(key))).toBe('deny kid-unknown');
    expect(await lane.hold(textOf('expired'))).toBe('deny expired');
    // What an issuer has signed passes beside it: the lane is open.
    expect(await lane.hold(textOf('valid'))).toMatch(/^(pass ok|deny kid-revoked)$/);
  });

  it('widens no policy', async () => {
    const policy = kiosk.registry.content()?.policy;
    if (policy === undefined) throw new Error('no policy');
    const wide: Policy = {
      ...policy,
      version: policy.version + 1_000,
      passOnUnknownClock: true,
      antiPassbackS: { default: 0, byClass: {} },
    };
    await serve('/v1/policy', [signStatement('policy', wide, key), signStatement('policy', wide, thief.root)]);
    expect(kiosk.registry.content()?.policy).toEqual(policy);
  });

  it('changes no sealing key', async () => {
    const sealing = kiosk.registry.keyring()?.sealingKey;
    await serve('/v1/keyring', forgedKeyrings(key, { sealing: thief.sealing }));
    expect(kiosk.registry.keyring()?.digest).toBe(before);
    expect(kiosk.registry.keyring()?.sealingKey).toEqual(sealing);
    expect(kiosk.registry.content()?.keyring.sealingKey).toEqual(sealing);
  });

  it('changes no root', async () => {
    const roots = kiosk.registry.keyring()?.anchor.roots;
    await serve('/v1/keyring', forgedKeyrings(key, { roots: [hexOf(thief.root)] }));
    await serve('/v1/keyring', forgedKeyrings(key, { roots: [...(roots ?? []), hexOf(thief.root)] }));
    expect(kiosk.registry.keyring()?.digest).toBe(before);
    expect(kiosk.registry.keyring()?.anchor.roots).toEqual(roots);
    // By the options, neither: what is about trust is not for the centre to set.
    const values = {
      ...{ 'keyring.root': rootFingerprint(thief.root.publicKey), 'keyring.file': '/tmp/k', 'policy.file': '/tmp/p', dataDir: '/tmp' },
      ...{ 'slice.file': '/tmp/s', 'slice.manifestFile': '/tmp/m', 'slice.keyFile': '/tmp/y', 'upstream.url': 'http://127.0.0.1:9' },
    };
    const file = join(folder, 'stolen-config.cose');
    const keyring = kiosk.registry.keyring();
    if (keyring === undefined) throw new Error('no keyring');
    const forged: RemoteConfig = { ...header('k1'), values };
    const isTaken = offerRemoteConfig(file, keyring, 'k1', `${signStatement('config', forged, key)}\n`);
    expect(isTaken).toBe(role === 'config');
    const local = parseConfig(`${readFileSync(centre.kit.configFile, 'utf8')}camera.kind: replay\ncamera.source: none\n`);
    if (!local.ok) throw new Error(local.problems[0].key);
    const loaded = loadRemoteConfig({ ...local.config, kioskId: 'k1' }, { file, keyring: centre.kit.upstream.keyring }, quietHost);
    expect(loaded.config).toEqual({ ...local.config, kioskId: 'k1' });
    expect(loaded.refused.map(({ key: name }) => name).sort()).toEqual(role === 'config' ? Object.keys(values).sort() : []);
  });

  it('signs no statement but of its own kinds', () => {
    const roles = kiosk.registry.keyring()?.roles;
    if (roles === undefined) throw new Error('no keyring');
    for (const type of statementTypes) {
      const signer = signerRoles[type];
      const envelopes = parseEnvelopes(signStatement(type, header('*'), key));
      if (!envelopes.ok) throw new Error(envelopes.reason);
      const opened = openStatement(envelopes.value[0], type, roles[signer], statementHeader);
      expect(opened.ok ? 'ok' : opened.reason, type).toBe(signer === role ? 'ok' : 'statement-signer');
    }
  });
});

describe('what a stolen key can do, and where it ends', () => {
  const subject = new Uint8Array(12).fill(6);
  const today = authorityDay(Date.now() / 1000);
  const held: RegistryChange = { kind: 'status', pseudonym: subject, status: 'F0', fromDay: today, untilDay: undefined };
  const rowKey = async () => {
    const key = await centre.store.sliceKey('default');
    return toHex(sliceRowKey(key?.key ?? new Uint8Array(32), subject));
  };
  beforeEach(openAll);
  afterEach(closeAll);

  /** A new keyring, signed by the root: as it is, but for one role. */
  async function replaceRole(role: RoleName): Promise<void> {
    const body = payloadOf(keyringFile(), keyringSchema);
    const root = fromHex(readFileSync(join(centre.kit.folder, 'offline-keys/root.key'), 'utf8').trim());
    const roles = { ...body.roles, [role]: [hexOf(createSigner(new Uint8Array(32).fill(70)))] };
    const next: KeyringBody = { ...body, roles, version: body.version + 10 };
    await serve('/v1/keyring', [signStatement('keyring', next, root)]);
    expect(kiosk.registry.keyring()?.version).toBe(body.version + 10);
  }

  it('feed: invents and hides holds, until a keyring drops the key', async () => {
    const key = stolen('feed');
    const status = { fromDay: today, untilDay: null };
    await speakFeed(key, [{ kind: 'status', key: await rowKey(), status: 'F0', ...status }]);
    expect(kiosk.status(subject)?.status).toBe('F0');
    // Numbered so high that nothing honest comes after it: the kiosk is deaf to the feed, and no slice reaches the entry.
    await speakFeed(key, [{ kind: 'status', key: await rowKey(), status: 'clear', ...status }], Number.MAX_SAFE_INTEGER - 1);
    await change(held);
    await centre.upstream.publish();
    const version = (await currentManifest()).version;
    const pull = () => {
      kiosk.sync.pull.wake();
      return kiosk.registry.content()?.slice.manifest.version;
    };
    await expect.poll(pull, WAIT).toBe(version);
    expect(kiosk.status(subject)?.status).toBe('clear');
    await replaceRole('feed');
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
    expect(kiosk.overlay.cursor()?.seq).toBeLessThan(Number.MAX_SAFE_INTEGER - 1);
  }, 60_000);

  it('feed: kills the keys of issuers, which only a keyring mends, and brings none back', async () => {
    const key = stolen('feed');
    const [kid = ''] = [...(kiosk.registry.keyring()?.trust.keys() ?? [])];
    await speakFeed(key, [{ kind: 'key-killed', kid }]);
    expect(await lane.hold(textOf('valid'))).toBe('deny kid-revoked');
    await speakFeed(key, [{ kind: 'released', cti: '05'.repeat(8) }]);
    expect(await lane.hold(textOf('valid'))).toBe('deny kid-revoked');
    // The keys that sign lists are out of its reach.
    const roles = Object.values(kiosk.registry.keyring()?.roles ?? {}).flatMap((keys) => [...keys.keys()]);
    await speakFeed(
      key,
      roles.map((one) => ({ kind: 'key-killed', kid: one })),
    );
    expect(kiosk.registry.content()).toBeDefined();
    await change(held);
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
  }, 60_000);

  it('feed: calls a slice fresh no longer than its manifest is valid', async () => {
    const content = kiosk.registry.content();
    if (content === undefined) throw new Error('no content');
    const expiresAtMs = Date.parse(content.slice.manifest.expires);
    const far = { keyring: { ...content.keyring, expiresAtMs: Infinity }, policy: { ...content.policy, expires: '2999-01-01T00:00:00Z' } };
    const host = createSimulatedHost(1, expiresAtMs - 60_000);
    // Each page says: this slice is the current one, as of now.
    const now = () => host.clock.wallMs();
    const believed = { ...content, ...far, freshAtMs: now, dataFreshAtMs: () => ({ statuses: now(), revocations: now(), keys: now() }) };
    const honest = openLane({ ...kiosk.registry, content: () => ({ ...content, ...far }) }, join(folder, 'honest-lane'), host);
    const misled = openLane({ ...kiosk.registry, content: () => believed }, join(folder, 'misled-lane'), host);
    expect([honest.fault(), misled.fault()]).toEqual(['slice-stale', undefined]);
    host.advance(60_000);
    expect(misled.fault()).toBe('slice-stale');
    await honest.close();
    await misled.close();
  });

  it('slice: signs an old slice anew and so hides holds and revocations, but no killed key, until a keyring drops the key', async () => {
    const key = stolen('slice');
    const before = await currentManifest();
    const [kid = ''] = [...(kiosk.registry.keyring()?.trust.keys() ?? [])];
    await change(held, { kind: 'key-killed', kid: fromHex(kid) });
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
    const old = { ...before, ...header('*'), feedSeq: Number.MAX_SAFE_INTEGER, deltas: [], earlier: [] };
    await serve('/v1/slices/default/manifest', [signStatement('slice-manifest', old, key)]);
    expect(kiosk.registry.content()?.slice.manifest.version).toBe(old.version);
    // It is as fresh as it says: nothing but the keyring ends this.
    expect(kiosk.status(subject)?.status).toBe('clear');
    expect(kiosk.registry.content()?.freshAtMs()).toBeGreaterThan(Date.now() - 60_000);
    expect(await lane.hold(textOf('valid'))).toBe('deny kid-revoked');
    await replaceRole('slice');
    expect(kiosk.registry.content()).toBeUndefined();
    expect(kiosk.registry.fault()).toBe('slice-corrupt');
  }, 60_000);

  it('receipt: swallows crossings, which the kiosk keeps and sends when it hears the centre again', async () => {
    const swallowing = await openFalseReceiver(stolen('receipt'));
    const misled = await centre.openKiosk('k2', undefined, swallowing.url);
    const ids = misled.decide(30);
    expect(await misled.push.drained(10_000)).toBe(true);
    expect(await projectedIds(centre)).toEqual([]);
    expect(misled.journal.firstSeq()).toBe(0);
    await misled.close();
    await swallowing.close();
    const heard = await centre.openKiosk('k2');
    expect(await heard.push.drained(10_000)).toBe(true);
    expect(await projectedIds(centre)).toEqual(ids.sort());
    await heard.close();
  }, 60_000);

  it('fleet: ends a kiosk, and the lane is closed', async () => {
    const enrolled = await centre.store.findKiosk('k1');
    if (enrolled === undefined) throw new Error('not enrolled');
    const end = revocationOf({ ...enrolled, revokedAtMs: Date.now() }, Date.now(), stolen('fleet'));
    proxy.tamper = () => ({ status: 403, body: Buffer.from(end) });
    kiosk.sync.pull.wake();
    await expect.poll(() => kiosk.registry.content(), WAIT).toBeUndefined();
    expect(await lane.hold(textOf('valid'))).toBeUndefined();
  }, 60_000);
});

/** Says `acknowledged` to every batch, signed by the stolen key and bound to the request, and keeps nothing. */
async function openFalseReceiver(key: Signer): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const body = new Uint8Array(Buffer.concat(chunks));
      const [method, target] = [request.method ?? '', request.url ?? ''];
      const parameters = readRequestSignature(request.headers, body);
      const inflated = method === 'POST' ? await inflateBatch(body) : undefined;
      const batch = inflated === undefined ? undefined : readBatch(inflated);
      const head = batch?.ok === true ? batch.value.header : undefined;
      const receipt: Receipt = {
        ...header('k2'),
        journalId: /[0-9a-f]{32}/.exec(target)?.[0] ?? '',
        ...(head === undefined
          ? { outcome: 'unknown-journal', n: 0, head: '0'.repeat(64) }
          : { outcome: 'acknowledged', n: head.firstSeq + head.count - 1, head: head.headHash }),
        ...{ rejected: [], points: [] },
        requestDigest: requestDigest(method, target, body),
        nonce: parameters.ok ? parameters.value.nonce : '',
      };
      response.end(`${signStatement('receipt', receipt, key)}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
