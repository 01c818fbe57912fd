/** Who a kiosk is, by its certificate: at the start of the whole kiosk, for its commands, and before it is enrolled. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/options/parse-config.ts';
import { writeDemoClip } from '../../fixtures/demo-clip.ts';
import { openTamperingProxy } from '../../fixtures/tampering-proxy.ts';
import { openTestCentre, quietHost, type TestCentre } from '../../fixtures/test-centre.ts';
import { setupProblems } from '../../scripts/config-setup.ts';
import { enrolWith } from '../../scripts/enrol.ts';
import { problemBody } from '../../sync/protocol/problem.ts';
import { type Kiosk, openKiosk } from '../main.ts';

const WAIT = { timeout: 30_000, interval: 50 };
const NAME = 'demo-kiosk';
let folder: string;
let dataDir: string;
let centre: TestCentre;
const open: Kiosk[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'identity-'));
  centre = await openTestCentre(folder);
  dataDir = join(centre.kit.folder, 'data');
  const clip = join(folder, 'empty.y4m');
  writeDemoClip({ file: clip, texts: [], seed: 1 });
  centre.kit.configure({
    ...{ 'upstream.url': centre.upstream.url, 'upstream.reconnectSpreadMs': 0, 'display.port': 0, 'display.required': false },
    ...{ 'camera.kind': 'replay', 'camera.source': clip },
  });
});

afterEach(async () => {
  for (const kiosk of open.splice(0)) await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

type Place = Readonly<Record<string, string>>;

function configOf(place: Place = {}) {
  const parsed = parseConfig(readFileSync(centre.kit.configFile, 'utf8'));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return { ...parsed.config, ...place };
}

async function start(place: Place = {}): Promise<Kiosk> {
  const options = { config: configOf(place), configFile: centre.kit.configFile, allowDemo: true, loops: Infinity, watcher: {} };
  const kiosk = await openKiosk(options, quietHost);
  open.push(kiosk);
  return kiosk;
}

async function enrol(place: Place = {}): Promise<void> {
  const config = configOf(place);
  const { kioskId, checkpointId, lane } = config;
  const token = await centre.upstream.desk.issueToken({ kioskId, checkpointId, lane }, 60_000);
  await enrolWith(config, centre.kit.configFile, token, quietHost);
}

describe('a configuration that differs from the certificate', () => {
  it.each([
    ['kioskId', { kioskId: 'gate-9' }],
    ['checkpointId', { checkpointId: 'other' }],
    ['lane', { lane: '3' }],
  ])('opens nothing and names both: %s', async (name, place: Place) => {
    await enrol();
    const before = existsSync(join(dataDir, 'journal'));
    await expect(start(place)).rejects.toMatchObject({ code: 'identity-mismatch', detail: expect.stringContaining(place[name] ?? '?') });
    expect(existsSync(join(dataDir, 'journal'))).toBe(before);
    const found = setupProblems({ config: configOf(place), lines: new Map(), path: (given) => join(centre.kit.folder, given) });
    expect(found.map((problem) => problem.found).join()).toContain(`(certificate)`);
  });

  it('is mended by the centre alone: a token of the new place, and the kiosk goes on there', async () => {
    await enrol();
    const first = await start();
    await expect.poll(() => first.checkpoint.fault(), WAIT).toBeUndefined();
    await expect.poll(() => first.sync?.push.state().waiting, WAIT).toBe(0);
    for (const kiosk of open.splice(0)) await kiosk.close();
    const moved = { checkpointId: 'gate-9', lane: '3' };
    await enrol(moved);
    await expect(start()).rejects.toMatchObject({ code: 'identity-mismatch' });
    const second = await start(moved);
    await expect.poll(() => second.checkpoint.fault(), WAIT).toBeUndefined();
    await expect.poll(() => second.sync?.push.state().waiting, WAIT).toBe(0);
    expect(await centre.store.findKiosk(NAME)).toMatchObject(moved);
  }, 90_000);
});

describe('a certificate', () => {
  it.each([
    ['that is damaged', (text: string) => `${text.slice(0, 200)}${text[200] === 'A' ? 'B' : 'A'}${text.slice(201)}`],
    ['that is none', () => 'hello'],
  ])('%s opens nothing', async (_what, damage) => {
    await enrol();
    const file = join(dataDir, 'keys/certificate.cose');
    writeFileSync(file, damage(readFileSync(file, 'utf8')));
    await expect(start()).rejects.toMatchObject({ code: 'certificate-invalid' });
  });

  it('of another key opens nothing', async () => {
    await enrol();
    writeFileSync(join(dataDir, 'keys/kiosk.key'), `${'07'.repeat(32)}\n`);
    await expect(start()).rejects.toMatchObject({ code: 'certificate-invalid' });
  });
});

/** In place of a file: neither can be read by anybody, whoever runs the kiosk. */
const unreadable: readonly (readonly [string, (file: string) => void])[] = [
  ['a folder lies there', (file) => mkdirSync(file)],
  ['its bytes are no text', (file) => writeFileSync(file, Buffer.from([0xc3, 0x28, 0xff]))],
];

describe.each(unreadable)('what cannot be read, because %s,', (_why, harm) => {
  const certificate = () => join(dataDir, 'keys/certificate.cose');
  const keyring = () => join(centre.kit.folder, 'keyring.cose');
  const replaced = (file: string) => {
    const whole = readFileSync(file);
    rmSync(file);
    harm(file);
    return () => {
      rmSync(file, { recursive: true });
      writeFileSync(file, whole);
    };
  };

  it('closes the lane of a running kiosk where it is the certificate, and opens it once that can be read', async () => {
    await enrol();
    const kiosk = await start();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBeUndefined();
    const putBack = replaced(certificate());
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBe('certificate-invalid');
    putBack();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBeUndefined();
  }, 90_000);

  it('is named with its path where it is the certificate of a kiosk that starts', async () => {
    await enrol();
    replaced(certificate());
    await expect(start()).rejects.toMatchObject({ code: 'certificate-invalid', detail: expect.stringContaining(certificate()) });
  });

  it('keeps the lane shut and the kiosk up where it is the keyring at the start, until that can be read', async () => {
    await enrol();
    const putBack = replaced(keyring());
    const kiosk = await start();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBe('keyring-invalid');
    putBack();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBeUndefined();
  }, 90_000);
});

describe('a kiosk without lists', () => {
  beforeEach(() => rmSync(join(centre.kit.folder, 'slice.manifest.cose')));

  it('says that it is not enrolled, and goes on by itself once it is', async () => {
    const kiosk = await start();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBe('not-enrolled');
    await enrol();
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBeUndefined();
  }, 90_000);

  it('says so too where the centre does not know it', async () => {
    await enrol();
    const proxy = await openTamperingProxy(centre.upstream.url);
    proxy.tamper = () => ({ status: 403, body: Buffer.from(JSON.stringify(problemBody('kiosk-unknown'))) });
    const kiosk = await start({ 'upstream.url': proxy.url });
    await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBe('not-enrolled');
    await proxy.close();
  }, 90_000);
});

it('an unsigned word that the centre does not know the kiosk closes no lane that has its lists', async () => {
  await enrol();
  const proxy = await openTamperingProxy(centre.upstream.url);
  const kiosk = await start({ 'upstream.url': proxy.url });
  await expect.poll(() => kiosk.checkpoint.fault(), WAIT).toBeUndefined();
  proxy.tamper = () => ({ status: 403, body: Buffer.from(JSON.stringify(problemBody('kiosk-unknown'))) });
  kiosk.sync?.heartbeat.wake();
  await expect.poll(() => kiosk.sync?.isUnknown(), WAIT).toBe(true);
  expect(kiosk.checkpoint.fault()).toBeUndefined();
  expect(kiosk.registry.content()).toBeDefined();
  await proxy.close();
}, 90_000);

it('a data folder that holds another kiosk is enrolled as no second one', async () => {
  await enrol();
  await expect(enrol({ kioskId: 'gate-9' })).rejects.toThrow('demo-kiosk');
});
