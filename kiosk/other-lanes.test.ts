/** Two whole kiosks of one checkpoint, without screens, and a centre that names them to each other and then goes away. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nacl from 'tweetnacl';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeRandom } from '../config/host/node-host.ts';
import { loadOrCreateKey } from '../config/host/private-file.ts';
import { parseConfig } from '../config/options/parse-config.ts';
import { writeDemoClip } from '../fixtures/demo-clip.ts';
import { freePort } from '../fixtures/network-camera.ts';
import { parseMetrics } from '../fixtures/prometheus.ts';
import { openTestCentre, quietHost, type TestCentre } from '../fixtures/test-centre.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { readKeyring } from '../sync/credential/keyring.ts';
import { createSigner } from '../sync/credential/signer.ts';
import { parseEnvelopes, parsePayload, signStatement } from '../sync/credential/statement.ts';
import { enrolKiosk } from '../sync/edge/enrol-kiosk.ts';
import { createUpstreamClient } from '../sync/edge/upstream-client.ts';
import { policySchema } from '../sync/protocol/policy.ts';
import type { DecisionEvent } from './checkpoint.ts';
import { type Kiosk, openKiosk } from './main.ts';

const WAIT = { timeout: 40_000, interval: 20 };
let folder: string;
let centre: TestCentre;
let isCentreOpen: boolean;
const ports = new Map<string, number>();
const open: RunningKiosk[] = [];

interface RunningKiosk {
  readonly kiosk: Kiosk;
  readonly decided: DecisionEvent[];
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'other-lanes-'));
  centre = await openTestCentre(folder);
  isCentreOpen = true;
  widenWindow();
  for (const [name, lane] of [
    ['k1', '1'],
    ['k2', '2'],
  ] as const) {
    await enrol(name, lane);
    const port = await freePort();
    ports.set(name, port);
    await centre.store.setPeerAddress(name, `127.0.0.1:${port}`);
  }
});

afterEach(async () => {
  await closeAll();
  await closeCentre();
  rmSync(folder, { recursive: true, force: true });
});

async function closeAll(): Promise<void> {
  for (const { kiosk } of open.splice(0)) await kiosk.close();
}

async function closeCentre(): Promise<void> {
  if (isCentreOpen) await centre.close();
  isCentreOpen = false;
}

/** The demo's window is shorter than a restart on a busy machine. */
function widenWindow(): void {
  const file = join(centre.kit.folder, 'policy.cose');
  const envelopes = parseEnvelopes(readFileSync(file, 'utf8'));
  const policy = envelopes.ok ? parsePayload(envelopes.value[0], policySchema) : envelopes;
  if (!policy.ok) throw new Error(policy.reason);
  const release = loadOrCreateKey(join(centre.kit.folder, 'offline-keys/release.key'), nodeRandom);
  const wide = { ...policy.value, version: policy.value.version + 1, antiPassbackS: { default: 3_600, byClass: {} } };
  writeFileSync(file, `${signStatement('policy', wide, release)}\n`);
}

async function enrol(name: string, lane: string): Promise<void> {
  const dataDir = join(folder, name);
  mkdirSync(dataDir);
  const keyringFile = centre.kit.upstream.keyring;
  cpSync(keyringFile, join(dataDir, 'keyring.cose'));
  const keyring = readKeyring(readFileSync(keyringFile, 'utf8'), centre.root);
  if (!keyring.ok) throw new Error(keyring.reason);
  const signer = createSigner(loadOrCreateKey(join(dataDir, 'keys/kiosk.key'), nodeRandom));
  const sealing = nacl.box.keyPair.fromSecretKey(loadOrCreateKey(join(dataDir, 'keys/sealing.key'), nodeRandom));
  const ids = { kioskId: name, checkpointId: 'c1', lane };
  const token = await centre.upstream.desk.issueToken(ids, 60_000);
  const client = createUpstreamClient({ url: new URL(centre.upstream.url), pins: () => [], keyId: name, signer }, quietHost);
  const keys = { signingKey: toHex(signer.publicKey), sealingKey: toHex(sealing.publicKey) };
  const enrolled = await enrolKiosk(client, { token, ...ids, ...keys, root: centre.root }, keyring.value);
  client.close();
  if (!enrolled.ok) throw new Error(enrolled.reason);
}

const textOf = (name: string) => centre.kit.cases.find((person) => person.case === name)?.text ?? '';

/** A kiosk whose camera shows these codes, one person after another, again and again. */
async function run(name: string, cases: readonly string[] = []): Promise<RunningKiosk> {
  const clip = join(folder, `${name}.y4m`);
  writeDemoClip({ file: clip, texts: cases.map(textOf), seed: 1 });
  const parsed = parseConfig(`${readFileSync(centre.kit.configFile, 'utf8')}camera.kind: replay\ncamera.source: ${clip}\n`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const dataDir = join(folder, name);
  const config = {
    ...parsed.config,
    ...{ kioskId: name, checkpointId: 'c1', lane: name.slice(1), dataDir },
    'keyring.file': join(dataDir, 'keyring.cose'),
    'policy.file': join(dataDir, 'policy.cose'),
    'slice.file': join(dataDir, 'slice.db'),
    'slice.manifestFile': join(dataDir, 'manifest.cose'),
    'slice.keyFile': join(dataDir, 'slice.key'),
    'upstream.url': centre.upstream.url,
    'upstream.reconnectSpreadMs': 0,
    'display.port': 0,
    'display.required': false,
    'peers.port': ports.get(name) ?? 0,
  };
  const decided: RunningKiosk['decided'] = [];
  const watcher = { onDecision: (event: DecisionEvent) => void decided.push(event) };
  const kiosk = await openKiosk({ config, configFile: centre.kit.configFile, allowDemo: true, loops: Infinity, watcher }, quietHost);
  const running = { kiosk, decided };
  open.push(running);
  return running;
}

const connected = ({ kiosk }: RunningKiosk) => expect.poll(() => kiosk.lanes?.state().connected, WAIT).toBe(1);
/** Lists, policy and the other lane are here, and the kiosk needs the centre no more. */
async function provision(): Promise<void> {
  const both = [await run('k1'), await run('k2')];
  for (const running of both) {
    await expect.poll(() => running.kiosk.checkpoint.fault(), WAIT).toBeUndefined();
    await connected(running);
  }
}
const reasonsOf = ({ decided }: RunningKiosk) => decided.map(({ decision }) => decision.reason);

describe('two kiosks of one checkpoint', () => {
  it('send a code to staff at lane 2 that passed at lane 1, without the centre', async () => {
    await provision();
    await closeAll();
    await closeCentre();
    const one = await run('k1', ['valid']);
    // Two others come first here, so that the code is seen after it has passed there.
    const two = await run('k2', ['expired', 'forged', 'valid']);
    await Promise.all([connected(one), connected(two)]);
    await expect.poll(() => reasonsOf(two).length, WAIT).toBeGreaterThanOrEqual(3);
    expect(reasonsOf(one)[0]).toBe('ok');
    expect(two.decided.slice(0, 3).map(({ decision }) => [decision.verdict, decision.reason])).toEqual([
      ['deny', 'expired'],
      ['deny', 'sig-invalid'],
      ['see-staff', 'used-elsewhere'],
    ]);
  }, 120_000);

  it('tell the centre how many other lanes they hear, and a monitoring system', async () => {
    await provision();
    await closeAll();
    const both = [await run('k1'), await run('k2')];
    await Promise.all(both.map(connected));
    both[0]?.kiosk.sync?.heartbeat.wake();
    await expect.poll(async () => (await centre.store.heartbeatOf('k1'))?.heartbeat.peers, WAIT).toEqual({ connected: 1, listed: 1 });
    const page = await fetch(`http://127.0.0.1:${both[0]?.kiosk.display.port}/metrics`);
    expect(parseMetrics(await page.text()).get('checkpoint_peers_connected')).toBe(1);
    expect((await centre.store.heartbeatOf('k1'))?.heartbeat.versions.peers).toBe((await centre.store.peerGroup('c1'))?.version);
  }, 120_000);

  it('report a code that passed at both while they were apart, once each, to the centre', async () => {
    await provision();
    await closeAll();
    const first = await run('k1', ['valid']);
    await expect.poll(() => reasonsOf(first)[0], WAIT).toBe('ok');
    const [mine] = first.decided;
    await closeAll();
    const second = await run('k2', ['valid']);
    await expect.poll(() => reasonsOf(second)[0], WAIT).toBe('ok');
    const [theirs] = second.decided;
    await closeAll();
    const reported = async () => {
      await centre.upstream.settle();
      const alarms = await centre.store.alarms(50);
      return alarms.filter(({ code }) => code === 'double-use').map(({ kioskId, detail, count }) => ({ kioskId, detail, count }));
    };
    const expected = [
      { kioskId: 'k1', detail: `crossing ${mine?.record.id} and one at k2`, count: 1 },
      { kioskId: 'k2', detail: `crossing ${theirs?.record.id} and one at k1`, count: 1 },
    ];
    let both = [await run('k1'), await run('k2')];
    const sorted = async () => (await reported()).sort((a, b) => (a.kioskId < b.kioskId ? -1 : 1));
    await expect.poll(sorted, WAIT).toEqual(expected);
    expect(both[0]?.kiosk.lanes?.state().doubleUses).toEqual([{ atMs: expect.any(Number), lane: '2' }]);
    // Once more, and nothing new is said.
    await closeAll();
    both = [await run('k1'), await run('k2')];
    await Promise.all(both.map(connected));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await sorted()).toEqual(expected);
  }, 180_000);

  it('no longer know each other once the centre has ended one of them', async () => {
    await provision();
    const [one, two] = open;
    const before = await centre.store.peerGroup('c1');
    await centre.store.revokeKiosk('k2', Date.now());
    const ask = () => {
      for (const running of [one, two]) running?.kiosk.sync?.pull.wake();
      return one?.kiosk.lanes?.state().listed;
    };
    await expect.poll(ask, { timeout: 40_000, interval: 200 }).toBe(0);
    const after = await centre.store.peerGroup('c1');
    expect(after?.generation).toBeGreaterThan(before?.generation ?? 0);
    expect(Buffer.from(after?.key ?? []).equals(Buffer.from(before?.key ?? []))).toBe(false);
    await expect.poll(() => two?.kiosk.checkpoint.fault(), WAIT).toBe('kiosk-revoked');
    for (const name of ['peers.cose', 'peers.db']) expect(existsSync(join(folder, 'k2', name)), name).toBe(false);
  }, 120_000);
});
