/** The store is made by `store init` and by nothing else; every other command ends where there is none. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { openWritable } from '../config/host/open-database.ts';
import { startCentreProcess } from '../fixtures/centre-process.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { openTestStore } from '../fixtures/test-store.ts';
import { parseEnvelopes, parsePayload } from '../sync/credential/statement.ts';
import { sliceKeyCheck, sliceManifestSchema } from '../sync/protocol/slice.ts';

let folder = '';
let kit: DemoKit;
const file = (name: string) => join(folder, name);
const cli = (...args: string[]) =>
  spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { encoding: 'utf8', timeout: 20_000 });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'));
  kit = createDemoKit({ folder, nowMs: Date.now(), demo: true, slice: false, config: {} }, nodeRandom);
  writeFileSync(file('people.csv'), 'id,status\n079200000001,F0\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every command that takes a store, with all that it needs besides. */
function commands(store: string): string[][] {
  const keys = ['--store', store, '--keys', kit.upstream.folder];
  const centre = [...keys, '--keyring', kit.upstream.keyring, '--root', kit.upstream.root];
  return [
    ['upstream', ...centre, '--port', '0', '--allow-demo'],
    ['rebuild', ...centre],
    ['replay', ...centre, '--policy', file('policy.cose')],
    ['kiosk', 'add', 'k1', '--checkpoint', 'c1', ...centre],
    ['kiosk', 'list', '--store', store],
    ['kiosk', 'revoke', 'k1', '--store', store],
    ['kiosk', 'set', '*', 'decode.budgetMs=100', '--store', store],
    ['kiosk', 'peer', 'k1', '--address', '127.0.0.1:8745', '--store', store],
    ['kiosk', 'command', 'k1', 'diag', '--store', store],
    ['registry', 'set', '079200000001', '--status', 'F0', ...keys],
    ['registry', 'revoke', '0'.repeat(16), ...keys],
    ['registry', 'kill-key', '0'.repeat(8), ...keys],
    ['registry', 'import', file('people.csv'), ...keys],
    ['store', 'init', '--adopt', store],
  ];
}

describe('a store that is not there', () => {
  it('ends every command with 66 and the way out, and is made by none of them', () => {
    for (const command of commands(`sqlite:${file('absent/store.db')}`)) {
      const { status, stderr } = cli(...command);
      expect([command.slice(0, 2), status, stderr]).toEqual([command.slice(0, 2), 66, expect.stringContaining('store-missing')]);
      expect(stderr).toContain('store init');
    }
    expect(existsSync(file('absent'))).toBe(false);
  }, 120_000);
});

describe('a file that is no store', () => {
  it.each([
    ['text', () => writeFileSync(file('other'), 'id,status\n')],
    ['nothing', () => writeFileSync(file('other'), '')],
    ['another database', () => openWritable(file('other')).exec('CREATE TABLE person (id TEXT)').close()],
  ])(
    'with %s in it is refused with 65 and stays as it is',
    (_what, make) => {
      rmSync(file('other'), { force: true });
      make();
      const before = readFileSync(file('other'));
      const { status, stderr } = cli('kiosk', 'list', '--store', `sqlite:${file('other')}`);
      expect([status, stderr]).toEqual([65, expect.stringContaining('store-unknown')]);
      expect(readFileSync(file('other'))).toEqual(before);
      expect(cli('store', 'init', `sqlite:${file('other')}`).status).toBe(73);
      expect(cli('store', 'init', '--adopt', `sqlite:${file('other')}`).status).toBe(65);
      expect(readFileSync(file('other'))).toEqual(before);
    },
    30_000,
  );
});

describe('store init', () => {
  it('makes a store with an identity of its own, for its owner alone, and never another in its place', () => {
    const one = cli('store', 'init', `sqlite:${file('centre/one.db')}`);
    const two = cli('store', 'init', '--store', `sqlite:${file('centre/two.db')}`);
    const ids = [one, two].map(({ stdout }) => JSON.parse(stdout).storeId);
    expect(new Set(ids.filter((id) => /^[0-9a-f]{32}$/.test(id))).size).toBe(2);
    expect(statSync(file('centre')).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(file('centre'))) expect(statSync(file(`centre/${name}`)).mode & 0o777).toBe(0o600);
    const again = cli('store', 'init', `sqlite:${file('centre/one.db')}`);
    expect([again.status, again.stderr]).toEqual([73, expect.stringContaining('there already')]);
    expect(cli('kiosk', 'list', '--store', `sqlite:${file('centre/one.db')}`).status).toBe(0);
    expect(cli('store', 'init').status).toBe(64);
  }, 30_000);
});

describe('the store of an earlier version', () => {
  it('is refused with the way to name it, keeps all that is in it, and its slice is published anew', async () => {
    const old = file('old/store.db');
    const store = openTestStore(old);
    const audit = { atMs: 1, actor: 'test', action: 'test', detail: '' };
    await store.changeRegistry(
      [{ kind: 'status', pseudonym: new Uint8Array(12).fill(7), status: 'F0', fromDay: 1, untilDay: undefined }],
      false,
      audit,
    );
    await store.close();
    const first = await startCentreProcess(kit, old);
    first.stop();
    makeOld(old);
    const list = ['kiosk', 'list', '--store', `sqlite:${old}`];
    const refused = cli(...list);
    expect([refused.status, refused.stderr]).toEqual([65, expect.stringContaining('store init --adopt')]);
    const { storeId } = JSON.parse(cli('store', 'init', '--adopt', `sqlite:${old}`).stdout);
    expect(cli(...list).status).toBe(0);
    expect(cli('store', 'init', '--adopt', `sqlite:${old}`).status).toBe(69);
    const centre = await startCentreProcess(kit, old);
    try {
      const read = async () => {
        const envelopes = parseEnvelopes((await (await fetch(`${centre.url}/v1/slices/default/manifest`)).text()).trimEnd());
        const manifest = envelopes.ok ? parsePayload(envelopes.value[0], sliceManifestSchema) : envelopes;
        return manifest.ok ? manifest.value : undefined;
      };
      await expect.poll(read, { timeout: 20_000 }).toMatchObject({ storeId, rows: { status: 1 }, holds: { status: [{ count: 1 }] } });
      const kept = openTestStore(old);
      const key = await kept.sliceKey('default');
      expect((await read())?.keyCheck).toBe(key && sliceKeyCheck(key.key));
      await kept.close();
    } finally {
      centre.stop();
    }
  }, 60_000);
});

/** As an earlier version left it: no identity, and slices that name no store, no key, no holds and no past. */
function makeOld(path: string): void {
  const database = openWritable(path);
  database.exec('DROP TABLE store_identity');
  const unnamed = ['storeId', 'keyCheck', 'holds', 'acceptedLosses', 'earlier', 'earlierEntries', 'subjectKeyCheck'];
  const paths = unnamed.map((name) => `'$.${name}'`).join(', ');
  database.exec(`UPDATE slice SET body = json_remove(body, ${paths}), manifest = 'AAAA'`);
  // These came later.
  database.exec('DROP TABLE slice_refusal; DROP TABLE slice_word; DROP TABLE subject_key');
  database.close();
}
