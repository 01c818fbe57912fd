/**
 * kill -9 of either side at any moment, with the real processes: what was on the kiosk's disk arrives once. Rounds by
 * CRASH_ROUNDS; few by default.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { loadOrCreateKey } from '../config/host/private-file.ts';
import { writeDemoClip } from '../fixtures/demo-clip.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { createSeededRandom } from '../fixtures/simulated-host.ts';
import { quietHost } from '../fixtures/test-centre.ts';
import { ensureStore, openTestStore } from '../fixtures/test-store.ts';
import { openJournal } from '../kiosk/journal/journal.ts';
import { openFeedOverlay } from '../kiosk/registry/feed-overlay.ts';
import { createSigner } from './credential/signer.ts';
import { recordSchema } from './protocol/records.ts';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4);
/** A round of whole kiosks takes some ten seconds. */
const WHOLE_ROUNDS = Number(process.env.CRASH_ROUNDS ?? 2);
const cli = builtPath('scripts/cli.ts');
let folder: string;
let kit: DemoKit;
let url: string;
const children = new Set<ChildProcess>();
const committed: string[] = [];

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function startCentre(port: string): Promise<ChildProcess> {
  const { folder: keys, keyring, root } = kit.upstream;
  const store = `sqlite:${join(folder, 'store.db')}`;
  ensureStore(store);
  const given = [
    '--store',
    store,
    '--keys',
    keys,
    '--keyring',
    keyring,
    '--root',
    root,
    '--port',
    port,
    '--policy',
    join(folder, 'policy.cose'),
  ];
  const child = start([cli, 'upstream', ...given]);
  url = /"url":"([^"]+)"/.exec(await logged(child, 'upstream-started'))?.[1] ?? '';
  return child;
}

/** The log of a process up to an event. */
async function logged(child: ChildProcess, event: string): Promise<string> {
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  await expect.poll(() => log, { timeout: 15_000 }).toContain(event);
  return log;
}

/** Ids are on disk before they are printed; a line that was cut by the kill counts for nothing. */
function startKiosk(): ChildProcess {
  const child = start([builtPath('fixtures/pushing-kiosk.ts'), join(folder, 'data'), kit.upstream.keyring, kit.upstream.root, url]);
  let rest = '';
  child.stdout?.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    committed.push(...lines);
  });
  child.stderr?.on('data', (chunk) => process.stderr.write(chunk));
  return child;
}

async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
  child.kill(signal);
  await once(child, 'close');
  return child.exitCode;
}

beforeEach(async () => {
  committed.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'crash-'));
  kit = createDemoKit({ folder, nowMs: Date.now(), demo: false, slice: false, config: {} }, nodeRandom);
});

afterEach(async () => {
  await Promise.all([...children].map((child) => kill(child)));
  rmSync(folder, { recursive: true, force: true });
});

/** A centre, and the kiosk enrolled at it. */
async function openBoth(): Promise<{ centre: ChildProcess; port: string }> {
  const centre = await startCentre('0');
  const { folder: keys, keyring, root } = kit.upstream;
  const run = promisify(execFile);
  const added = await run(process.execPath, [
    ...[cli, 'kiosk', 'add', 'demo-kiosk', '--checkpoint', 'demo'],
    ...['--store', `sqlite:${join(folder, 'store.db')}`, '--keys', keys, '--keyring', keyring, '--root', root],
  ]);
  writeFileSync(join(folder, 'token'), `${JSON.parse(added.stdout).token}\n`);
  kit.configure({ 'upstream.url': url, 'upstream.reconnectSpreadMs': 0, 'camera.kind': 'replay', 'camera.source': 'people.y4m' });
  await run(process.execPath, [cli, 'enrol', '--config', kit.configFile, '--token-file', join(folder, 'token')]);
  return { centre, port: new URL(url).port };
}

/** Pauses of a length that nobody chose, up to `msMax`; the seed is in what a failed test says. */
function pauses(msMax: number) {
  const seed = Date.now() & 0xffff;
  const random = createSeededRandom(seed);
  return { seed, pause: () => new Promise((resolve) => setTimeout(resolve, 50 + ((random.bytes(1)[0] ?? 0) / 255) * msMax)) };
}

it(
  'loses and doubles nothing',
  async () => {
    let { centre, port } = await openBoth();
    expect(readFileSync(join(folder, 'data/keys/certificate.cose'), 'utf8')).toMatch(/^[A-Za-z0-9_-]+\n$/);

    let kiosk = startKiosk();
    const { seed, pause } = pauses(800);
    for (let round = 0; round < ROUNDS; round++) {
      await pause();
      await kill(kiosk);
      kiosk = startKiosk();
      await pause();
      await kill(centre);
      centre = await startCentre(port);
    }
    await pause();
    expect(await kill(kiosk, 'SIGTERM'), `seed ${seed}`).toBe(0);
    expect(await kill(centre, 'SIGTERM')).toBe(0);

    const kept = openTestStore(join(folder, 'store.db'));
    const ids = (await kept.crossingsOf({})).map(({ recordId }) => recordId);
    const counts = await kept.counts();
    const alarms = await kept.alarms(10);
    await kept.close();
    expect(ids.length).toBeGreaterThan(ROUNDS);
    expect(new Set(ids).size).toBe(ids.length);
    // Everything that was said to be on disk is there; a record whose line was cut by the kill may be there too.
    const missing = committed.filter((id) => !ids.includes(id));
    expect(missing, `seed ${seed}`).toEqual([]);
    expect(ids.length - committed.length).toBeLessThanOrEqual(ROUNDS + 1);
    expect(counts).toMatchObject({ quarantined: 0, unprojected: 0, batchesWaiting: 0 });
    expect(alarms).toEqual([]);
  },
  60_000 + ROUNDS * 5_000,
);

it(
  'holds for a whole kiosk, its centre and their lists',
  async () => {
    let { centre, port } = await openBoth();
    const clip = join(folder, 'people.y4m');
    writeDemoClip({ file: clip, texts: kit.cases.map(({ text }) => text), seed: 7 });
    kit.configure({ 'display.port': 0, 'display.required': false });
    const dataDir = join(folder, 'data');
    const startWhole = () => start([cli, 'run', '--config', kit.configFile]);
    let kiosk = startWhole();
    const { seed, pause } = pauses(4_000);
    const held: Uint8Array[] = [];
    for (let round = 0; round < WHOLE_ROUNDS; round++) {
      await pause();
      await kill(kiosk);
      kiosk = startWhole();
      // A hold that is made while one of them is down must be there in the end as well.
      held.push(await holdSomebody(round));
      await pause();
      await kill(centre);
      centre = await startCentre(port);
    }
    const kept = openTestStore(join(folder, 'store.db'));
    const arrived = async () => (await kept.crossingsOf({})).map(({ recordId }) => recordId).sort();
    // The pauses are short and the people of the clip slow: both must have had something to lose.
    await expect.poll(async () => (await arrived()).length, { timeout: 60_000, interval: 200 }).toBeGreaterThan(WHOLE_ROUNDS);
    // Quiet: whoever starts now finds everything that was on disk.
    await kill(kiosk, 'SIGTERM');
    const journalled = decisionsIn(dataDir);
    writeDemoClip({ file: clip, texts: [], seed: 1 });
    kiosk = startWhole();
    await logged(kiosk, 'kiosk-started');
    await expect.poll(arrived, { timeout: 30_000, interval: 200, message: `seed ${seed}` }).toEqual(journalled);
    expect(journalled.length).toBeGreaterThan(WHOLE_ROUNDS);
    const head = await kept.feedHead();
    await expect.poll(() => feedCursor(dataDir), { timeout: 30_000, interval: 200 }).toBe(head);
    expect(await kept.counts()).toMatchObject({ quarantined: 0, unprojected: 0 });
    expect(await kept.alarms(10)).toEqual([]);
    await kept.close();
    expect(await kill(kiosk, 'SIGTERM')).toBe(0);
    expect(await kill(centre, 'SIGTERM')).toBe(0);
    expect(held).toHaveLength(WHOLE_ROUNDS);
  },
  90_000 + WHOLE_ROUNDS * 20_000,
);

async function holdSomebody(number: number): Promise<Uint8Array> {
  const store = openTestStore(join(folder, 'store.db'));
  const pseudonym = new Uint8Array(12).fill(number + 1);
  const audit = { atMs: Date.now(), actor: 'test', action: 'status F0', detail: '' };
  await store.changeRegistry([{ kind: 'status', pseudonym, status: 'F0', fromDay: 1, untilDay: undefined }], true, audit);
  await store.close();
  return pseudonym;
}

/** Ids of the decisions on the kiosk's disk, sorted. */
function decisionsIn(dataDir: string): string[] {
  const signer = createSigner(loadOrCreateKey(join(dataDir, 'keys/kiosk.key'), nodeRandom));
  const ids = { kioskId: 'demo-kiosk', checkpointId: 'demo', lane: '1', bootId: 'ff' };
  const journal = openJournal({ dataDir, ...ids, kioskPublicKey: signer.publicKey, reuseKey: new Uint8Array(32) }, quietHost);
  const records = journal
    .readAfter(journal.firstSeq(), journal.lastSeq())
    .map(({ line }) => recordSchema.parse(JSON.parse(new TextDecoder().decode(line))));
  journal.close();
  return records.flatMap((record) => (record.kind === 'decision' ? [record.id] : [])).sort();
}

function feedCursor(dataDir: string): number | undefined {
  const overlay = openFeedOverlay(join(dataDir, 'feed.db'));
  try {
    return overlay.cursor()?.seq;
  } finally {
    overlay.close();
  }
}
