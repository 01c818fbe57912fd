/** What operators do at the centre's command line: who did what is on record, and nothing they set is lost by the next act. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { kioskOptions } from '../config/options/kiosk-options.ts';
import type { Option } from '../config/options/option.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { openTestStore } from '../fixtures/test-store.ts';
import { changesWords } from '../sync/upstream/registry/audit-words.ts';
import type { RegistryChange } from '../sync/upstream/store/store.ts';

const ID = '079200000001';
let folder: string;
let kit: DemoKit;
const file = (name: string) => join(folder, name);
const store = () => ['--store', `sqlite:${file('store.db')}`];
const keys = () => ['--keys', kit.upstream.folder];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'operator-test-'));
  kit = createDemoKit({ folder: file('kit'), nowMs: Date.now(), demo: true, slice: false, config: {} }, nodeRandom);
  await openTestStore(file('store.db')).close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cli(args: readonly string[], { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {}) {
  const options = { input, encoding: 'utf8' as const, env: { ...process.env, ...env } };
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], options);
  return { status, stdout, stderr, lines: stdout.split('\n').slice(0, -1) };
}

async function audit(limit: number) {
  const opened = openTestStore(file('store.db'));
  const entries = await opened.audit(limit);
  await opened.close();
  return entries;
}

describe('the audit', () => {
  it('names the account of the machine, whatever the environment says, and what was changed, without an id', async () => {
    const hold = ['registry', 'set', '-', '--status', 'F0', '--from', '2026-01-02', '--until', '2026-12-31', '--region', '79'];
    expect(cli([...hold, ...store(), ...keys()], { input: ID, env: { USER: 'somebody', SUDO_USER: '' } }).status).toBe(0);
    const [entry] = await audit(1);
    expect(entry?.actor).toMatch(/^cli:[^@\s]+@/);
    expect(entry?.actor.endsWith(`@${hostname()}`)).toBe(true);
    expect(entry?.actor).not.toContain('somebody');
    expect(entry?.detail).toMatch(/^subject [0-9a-f]{8} F0 from 2026-01-02 until 2026-12-31, region 79$/);
    expect(JSON.stringify(entry)).not.toContain(ID);
  });

  it('puts what --actor says beside the account, and says where nothing changed', async () => {
    cli(['registry', 'revoke', '-', '--actor', 'duty', ...store(), ...keys()], { input: 'ab'.repeat(8) });
    expect((await audit(1))[0]).toMatchObject({ actor: expect.stringMatching(/^duty \(cli:.+@.+\)$/), action: 'revoked' });
    expect((await audit(1))[0]?.detail).toMatch(/^credential abababab revoked until \d{4}-\d{2}-\d{2}$/);
    cli(['registry', 'release', '-', ...store(), ...keys()], { input: 'cd'.repeat(8) });
    expect((await audit(1))[0]?.detail).toBe('credential cdcdcdcd released; nothing changed');
  });

  it('holds acts on kiosks too', async () => {
    const { folder: keyFolder, keyring, root } = kit.upstream;
    const centre = [...store(), '--keys', keyFolder, '--keyring', keyring, '--root', root];
    expect(cli(['kiosk', 'add', 'gate-7-pc', '--checkpoint', 'gate-7', ...centre]).status).toBe(0);
    expect((await audit(1))[0]).toMatchObject({ action: 'kiosk add', detail: 'gate-7-pc, checkpoint gate-7, lane 1, for 60 minutes' });
    cli(['kiosk', 'set', '*', 'decode.budgetMs=100', ...store()]);
    expect((await audit(1))[0]).toMatchObject({ action: 'kiosk set', detail: '*: decode.budgetMs=100' });
  });

  it('tells a long list in ten entries and a number', () => {
    const change: RegistryChange = { kind: 'released', cti: new Uint8Array(8).fill(1) };
    expect(changesWords(Array.from({ length: 12 }, () => change)).split('; ')).toHaveLength(11);
    expect(changesWords(Array.from({ length: 12 }, () => change))).toContain('2 more');
  });
});

describe('kiosk set', () => {
  const set = (...args: string[]) => cli(['kiosk', 'set', '*', ...args, ...store()]);

  it('keeps what was set before, takes out by name, and prints what is set', () => {
    set('decode.budgetMs=100');
    expect(JSON.parse(set('camera.blackLevelMax=30').stdout)).toEqual({
      scope: '*',
      values: { 'decode.budgetMs': 100, 'camera.blackLevelMax': 30 },
    });
    expect(JSON.parse(set('decode.budgetMs=120', '--unset', 'camera.blackLevelMax').stdout).values).toEqual({ 'decode.budgetMs': 120 });
    expect(set('--unset', 'camera.blackLevelMax')).toMatchObject({
      status: 65,
      stdout: '',
      stderr: expect.stringContaining('set is decode.budgetMs'),
    });
    expect(set()).toMatchObject({ status: 64 });
    expect(set('kioskId=k9')).toMatchObject({ status: 65, stderr: expect.stringContaining('may be set from afar') });
    expect(JSON.parse(set('--unset', 'decode.budgetMs').stdout).values).toEqual({});
  });

  it('is told by the table of options which may be set', () => {
    const { lines } = cli(['config', 'options']);
    for (const [name, { remote }] of Object.entries<Option>(kioskOptions)) {
      const row = lines.find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
      expect(row.includes('| yes |'), name).toBe(remote);
    }
  });
});

describe('kiosk list', () => {
  it('shows tokens that nobody has used, with kiosk and end and without the token', () => {
    const { folder: keyFolder, keyring, root } = kit.upstream;
    const centre = [...store(), '--keys', keyFolder, '--keyring', keyring, '--root', root];
    const { token } = JSON.parse(cli(['kiosk', 'add', 'gate-8-pc', '--checkpoint', 'gate-8', '--minutes', '5', ...centre]).stdout);
    const { stdout, lines } = cli(['kiosk', 'list', ...store()]);
    const waiting = lines.map((line) => JSON.parse(line)).find(({ kioskId }) => kioskId === 'gate-8-pc');
    expect(waiting).toMatchObject({ checkpointId: 'gate-8', lane: '1', unusedToken: { expired: false } });
    expect(Date.parse(waiting.unusedToken.expiresAt)).toBeGreaterThan(Date.now());
    expect(stdout).not.toContain(token);
  });
});
