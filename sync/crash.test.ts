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
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { createSeededRandom } from '../fixtures/simulated-host.ts';
import { openSqliteStore } from './upstream/store/sqlite/sqlite-store.ts';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4);
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
  const given = ['--store', store, '--keys', keys, '--keyring', keyring, '--root', root, '--port', port, '--allow-demo'];
  const child = start([cli, 'upstream', ...given]);
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  await expect.poll(() => log, { timeout: 15_000 }).toContain('upstream-started');
  url = /"url":"([^"]+)"/.exec(log)?.[1] ?? '';
  return child;
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
  kit = createDemoKit({ folder, nowMs: Date.now(), demo: true, config: {} }, nodeRandom);
});

afterEach(async () => {
  await Promise.all([...children].map((child) => kill(child)));
  rmSync(folder, { recursive: true, force: true });
});

it(
  'loses and doubles nothing',
  async () => {
    let centre = await startCentre('0');
    const { port } = new URL(url);
    const { folder: keys, keyring, root } = kit.upstream;
    const store = `sqlite:${join(folder, 'store.db')}`;
    const run = promisify(execFile);
    const added = await run(process.execPath, [
      ...[cli, 'kiosk', 'add', 'demo-kiosk', '--checkpoint', 'demo'],
      ...['--store', store, '--keys', keys, '--keyring', keyring, '--root', root],
    ]);
    writeFileSync(join(folder, 'token'), `${JSON.parse(added.stdout).token}\n`);
    kit.configure({ 'upstream.url': url, 'camera.kind': 'replay', 'camera.source': 'none' });
    await run(process.execPath, [cli, 'enrol', '--config', kit.configFile, '--token-file', join(folder, 'token')]);
    expect(readFileSync(join(folder, 'data/keys/certificate.cose'), 'utf8')).toMatch(/^[A-Za-z0-9_-]+\n$/);

    let kiosk = startKiosk();
    const seed = Date.now() & 0xffff;
    const random = createSeededRandom(seed);
    const pause = () => new Promise((resolve) => setTimeout(resolve, 50 + (random.bytes(1)[0] ?? 0) * 3));
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

    const kept = openSqliteStore(join(folder, 'store.db'));
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
