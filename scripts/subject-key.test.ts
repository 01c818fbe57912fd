/** One subject key from issuer to kiosk: with another one nobody who is held is found, so that every side refuses it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { quietHost } from '../fixtures/test-centre.ts';
import { ensureStore, openTestStore } from '../fixtures/test-store.ts';
import { fromHex, toHex } from '../sync/credential/bytes.ts';
import { readCredential } from '../sync/credential/credential.ts';
import { type Keyring, readKeyring } from '../sync/credential/keyring.ts';
import { readManifest } from '../sync/edge/pull-slice.ts';
import { subjectKeyCheck, subjectPseudonym } from '../sync/protocol/tags.ts';
import { openUpstream } from '../sync/upstream/open-upstream.ts';
import { loadUpstreamKeys } from '../sync/upstream/upstream-keys.ts';

const ID = '079200000001';
let folder: string;
let kit: DemoKit;
let keyring: Keyring;
let own: Uint8Array;
const file = (name: string) => join(folder, name);
const other = new Uint8Array(32).fill(9);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'subject-key-'));
  kit = createDemoKit({ folder: file('kit'), nowMs: Date.now(), demo: true, slice: false, pinSubjectKey: true, config: {} }, nodeRandom);
  const read = readKeyring(readFileSync(kit.upstream.keyring, 'utf8'), kit.upstream.root);
  if (!read.ok) throw new Error(read.reason);
  keyring = read.value;
  own = fromHex(readFileSync(file('kit/upstream-keys/subject.key'), 'utf8').trim());
  writeFileSync(file('other.key'), `${toHex(other)}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const trusted = () => ['--keyring', kit.upstream.keyring, '--root', kit.upstream.root];
const ownKey = () => file('kit/upstream-keys/subject.key');
const issue = (...more: string[]) =>
  cli('issue', '--key', file('kit/offline-keys/issuer.key'), '--class', 'travel-permit', '--area', '79', ...more);

function claimsOf(text: string) {
  const read = readCredential(text.trim(), { trust: keyring.trust, now: Math.floor(Date.now() / 1000) });
  if (!read.ok) throw new Error(read.reason);
  return read.value.claims;
}

describe('issue', () => {
  it('states which key has made the pseudonym', () => {
    const { stdout, stderr } = issue('--subject-key', ownKey(), '--id-number', ID, ...trusted());
    expect(claimsOf(stdout)).toMatchObject({ subject: subjectPseudonym(own, ID), subjectKeyCheck: subjectKeyCheck(own) });
    expect(stderr).not.toContain('note');
  });

  it('refuses a key that the keyring does not pin, and says which one it pins', () => {
    const refused = issue('--subject-key', file('other.key'), '--id-number', ID, ...trusted());
    expect(refused).toMatchObject({
      status: 65,
      stdout: '',
      stderr: expect.stringContaining(`pins the subject key ${keyring.subjectKeyCheck}`),
    });
    expect(issue('--subject', '00'.repeat(12), ...trusted())).toMatchObject({ status: 65, stdout: '' });
  });

  it('takes a pseudonym with the check value of its key, and says what a code without one is worth', () => {
    const subject = toHex(subjectPseudonym(own, ID));
    const stated = issue('--subject', subject, '--subject-key-check', keyring.subjectKeyCheck ?? '', ...trusted());
    expect(claimsOf(stated.stdout).subjectKeyCheck).toEqual(subjectKeyCheck(own));
    const silent = issue('--subject', subject);
    expect(claimsOf(silent.stdout).subjectKeyCheck).toBeUndefined();
    expect(silent.stderr).toContain('do not pass it');
  });

  it('keeps the fullest static code within what a lane camera reads', () => {
    const all = ['--name', 'NGUYEN VAN ANH A', '--plate', '59X112345', '--id-number', ID, '--max-uses', '99'];
    const { status, stdout } = issue('--subject-key', ownKey(), ...all, ...trusted());
    expect(status).toBe(0);
    expect(stdout.trim().length).toBeLessThanOrEqual(262);
    expect(claimsOf(stdout).subjectKeyCheck).toBeDefined();
  });

  it("makes a vehicle's pseudonym of its plate, as the registry does", () => {
    const args = ['issue', '--key', file('kit/offline-keys/issuer.key'), '--class', 'vehicle', '--area', '79'];
    const { stdout } = cli(...args, '--plate', '59-C1 123.45', '--id-number', ID, '--subject-key', ownKey());
    expect(claimsOf(stdout).subject).toEqual(subjectPseudonym(own, '59C112345'));
    expect(cli(...args, '--id-number', ID, '--subject-key', ownKey())).toMatchObject({
      status: 64,
      stderr: expect.stringContaining('--plate'),
    });
  });
});

describe('the centre', () => {
  const set = (keys: string, store: string, ...more: string[]) => {
    ensureStore(`sqlite:${file(store)}`);
    return cli('registry', 'set', ID, '--status', 'F0', '--store', `sqlite:${file(store)}`, '--keys', keys, ...more);
  };

  it('writes nothing with another subject key than the store has known first', async () => {
    expect(set(kit.upstream.folder, 'store.db').status).toBe(0);
    writeFileSync(file('subject.key'), `${toHex(other)}\n`);
    const refused = set(folder, 'store.db');
    expect(refused).toMatchObject({ status: 69, stdout: '', stderr: expect.stringContaining(`subject key ${keyring.subjectKeyCheck}`) });
    writeFileSync(file('people.csv'), `id,status\n${ID},clear\n`);
    const imported = cli('registry', 'import', file('people.csv'), '--store', `sqlite:${file('store.db')}`, '--keys', folder);
    expect(imported).toMatchObject({ status: 69, stdout: '' });
    const store = openTestStore(file('store.db'));
    expect(await store.audit(9)).toHaveLength(1);
    await store.close();
  });

  it('writes nothing with another one than the keyring pins', () => {
    writeFileSync(file('subject.key'), `${toHex(other)}\n`);
    expect(set(folder, 'fresh.db', ...trusted())).toMatchObject({ status: 69, stderr: expect.stringContaining('keyring pins') });
  });

  it('does not start with another one than the keyring pins', () => {
    const { folder: keys, keyring: keyringFile, root } = kit.upstream;
    const right = readFileSync(join(keys, 'subject.key'), 'utf8');
    writeFileSync(join(keys, 'subject.key'), `${toHex(other)}\n`);
    const options = { folder: keys, keyring: keyringFile, root, allowDemo: true };
    expect(() => loadUpstreamKeys(options)).toThrow('the keyring pins');
    writeFileSync(join(keys, 'subject.key'), right);
    expect(loadUpstreamKeys(options).subject).toEqual(own);
  });

  it('states the key in every slice, and does not start on a store of another one', async () => {
    const { folder: keyFolder, keyring: keyringFile, root } = kit.upstream;
    const keys = loadUpstreamKeys({ folder: keyFolder, keyring: keyringFile, root, allowDemo: true });
    const open = (name: string) => {
      const store = openTestStore(file(name));
      const server = { address: '127.0.0.1', port: 0, tls: undefined, operatorToken: 'operator-token-of-a-test', version: '0' };
      const lists = { storeAddress: `sqlite:${file(name)}`, slices: file(`${name}-slices`), scopes: [], publishMs: 3_600_000 };
      const files = { keyringFile, policyFile: undefined, root, keys, retentionMs: undefined };
      return openUpstream(store, { ...server, ...lists, ...files }, quietHost);
    };
    const upstream = await open('centre.db');
    const body = await (await fetch(`${upstream.url}/v1/slices/default/manifest`)).text();
    expect(readManifest(body, 'default', keyring)).toMatchObject({ ok: true, value: { subjectKeyCheck: keyring.subjectKeyCheck } });
    expect(readManifest(body, 'default', { ...keyring, subjectKeyCheck: '000000' })).toMatchObject({
      ok: false,
      reason: `manifest: it states the subject key ${keyring.subjectKeyCheck}, and the keyring pins 000000`,
    });
    await upstream.close();

    const foreign = openTestStore(file('foreign.db'));
    await foreign.rememberSubjectKey('000000');
    await foreign.close();
    await expect(open('foreign.db')).rejects.toThrow('made with the subject key 000000');
  });
});

describe('keys', () => {
  it('print the check value of a subject key, by which a keyring pins it', () => {
    const shown = z.object({ subjectKeyCheck: z.string() }).parse(JSON.parse(cli('keys', 'subject-check', ownKey()).stdout));
    expect(shown.subjectKeyCheck).toBe(keyring.subjectKeyCheck);
    const begin = ['keys', 'keyring', 'new', file('next.json'), '--from', kit.upstream.keyring, '--root', kit.upstream.root];
    expect(cli(...begin).status).toBe(0);
    const { stdout } = cli('keys', 'keyring', 'subject-key', file('next.json'), file('other.key'));
    expect(stdout).toContain(`subject key: ${keyring.subjectKeyCheck} -> ${toHex(subjectKeyCheck(other))}`);
  });
});
