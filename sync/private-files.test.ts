/** Every file and folder that a centre or a kiosk writes is for its owner alone, whatever the umask and the modes it had. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { type CentreProcess, startCentreProcess } from '../fixtures/centre-process.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { type KioskProcess, startKioskProcess } from '../fixtures/kiosk-process.ts';
import { openTestStore } from '../fixtures/test-store.ts';

let folder = '';
let kit: DemoKit;
let centre: CentreProcess | undefined;
let kiosk: KioskProcess | undefined;
let umask = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'private-'));
  kit = createDemoKit(
    { folder, nowMs: Date.now(), demo: false, slice: false, config: { 'camera.kind': 'replay', 'camera.source': 'none' } },
    nodeRandom,
  );
  umask = process.umask(0);
});
afterEach(async () => {
  process.umask(umask);
  await kiosk?.stop();
  centre?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const cli = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout;
};

/** Paths below, this one too, each with a mode that others may use. */
function exposed(path: string): string[] {
  const stat = statSync(path);
  const own = (stat.mode & 0o777) === (stat.isDirectory() ? 0o700 : 0o600) ? [] : [`${(stat.mode & 0o777).toString(8)} ${path}`];
  return [...own, ...(stat.isDirectory() ? readdirSync(path).flatMap((name) => exposed(join(path, name))) : [])];
}
const names = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' });

async function holdSomebody(): Promise<void> {
  const store = openTestStore(join(folder, 'centre/store.db'));
  const audit = { atMs: Date.now(), actor: 'test', action: 'test', detail: '' };
  const hold = { kind: 'status', pseudonym: nodeRandom.bytes(12), status: 'F0', fromDay: 1, untilDay: undefined } as const;
  await store.changeRegistry([hold], true, audit);
  await store.close();
}

it('is for its owner alone', async () => {
  const store = join(folder, 'centre/store.db');
  const { folder: keys, keyring, root } = kit.upstream;
  centre = await startCentreProcess(kit, store, ['--policy', join(folder, 'policy.cose'), '--publish-s', '1']);
  centre.stop();
  // As an earlier version left them, or a copy.
  for (const path of [store, join(keys, 'fleet.key')]) chmodSync(path, 0o644);
  chmodSync(join(folder, 'centre/slices'), 0o755);
  centre = await startCentreProcess(kit, store, ['--policy', join(folder, 'policy.cose'), '--publish-s', '1']);
  expect(centre.log()).toContain('file-made-private');
  const { token } = JSON.parse(
    cli(
      ...['kiosk', 'add', 'demo-kiosk', '--checkpoint', 'demo', '--store', `sqlite:${store}`, '--keys', keys],
      ...['--keyring', keyring, '--root', root],
    ),
  );
  writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
  kit.configure({ 'upstream.url': centre.url, 'upstream.reconnectSpreadMs': 0, 'display.port': 0 });
  cli('enrol', '--config', kit.configFile, '--token-file', join(folder, 'token'));
  kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
  await kiosk.until('registry-loaded');
  await holdSomebody();
  await kiosk.until('feed-applied');
  const data = join(folder, 'data');
  // A receipt has been stored once the first records were sent.
  await expect.poll(() => names(data).some((name) => /journal.*\.db$/.test(name)), { timeout: 20_000 }).toBe(true);
  const kept = [join(folder, 'centre'), data, join(folder, 'slices'), join(folder, 'slice.manifest.cose'), keys];
  expect(kept.flatMap(exposed)).toEqual([]);
  const seen = kept.slice(0, 3).flatMap(names);
  for (const part of [
    /^store\.db-wal$/,
    /^slices\/[0-9a-f]{64}\.db$/,
    /^state\.db$/,
    /^feed\.db$/,
    /certificate\.cose$/,
    /^default-.*\.key$/,
  ]) {
    expect([part, seen.filter((name) => part.test(name)).length > 0]).toEqual([part, true]);
  }
}, 90_000);
