/** Signing and checking by the real command: what is refused, and that nothing is written then. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtPath } from '../../config/host/install-paths.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import { keyringSchema } from '../../sync/credential/keyring-body.ts';
import { createSigner, type Signer } from '../../sync/credential/signer.ts';
import { parseEnvelopes, parsePayload, signStatement } from '../../sync/credential/statement.ts';

let folder: string;
const file = (name: string) => join(folder, name);
const cli = (...args: string[]) =>
  spawnSync(process.execPath, [builtPath('scripts/cli.ts'), 'keys', ...args], { cwd: folder, input: '', encoding: 'utf8' });
const sign = (...more: string[]) => cli('sign', '--type', 'keyring', ...more);
const signers = new Map<string, Signer>();
const hex = (name: string) => toHex(signers.get(name)?.publicKey ?? new Uint8Array(32));
const draft = (change: object = {}) => ({
  roots: [hex('root')],
  threshold: 1,
  issuers: [{ key: hex('issuer'), status: 'active', classes: [2], areas: [79] }],
  roles: { release: [hex('release')], slice: [hex('slice')], feed: [], receipt: [], fleet: [], config: [] },
  sealing: '09'.padEnd(64, '0'),
  ...change,
});
const put = (name: string, value: object) => writeFileSync(file(name), JSON.stringify(value));
const bodyOf = (name: string) => {
  const envelopes = parseEnvelopes(readFileSync(file(name), 'utf8').split('\n\n').at(-1) ?? '');
  const body = envelopes.ok ? parsePayload(envelopes.value[0], keyringSchema) : envelopes;
  if (!body.ok) throw new Error(body.reason);
  return body.value;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sign-'));
  for (const [index, name] of ['root', 'other', 'issuer', 'release', 'slice'].entries()) {
    const seed = new Uint8Array(32).fill(40 + index);
    signers.set(name, createSigner(seed));
    writeFileSync(file(`${name}.key`), `${toHex(seed)}\n`, { mode: 0o600 });
  }
  put('next.json', draft());
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('signing a keyring', () => {
  it('says what is signed and signs nothing until somebody agrees', () => {
    const asked = sign('--key', 'root.key', '--out', 'keyring.cose', 'next.json');
    expect(asked).toMatchObject({ status: 64, stdout: '' });
    expect(asked.stderr).toMatch(/issuer [0-9a-f]{8}: active, classes 2, areas 79[\s\S]*nothing was signed/);
    expect(existsSync(file('keyring.cose'))).toBe(false);
    const agreed = sign('--key', 'root.key', '--out', 'keyring.cose', '--yes', 'next.json');
    expect(agreed).toMatchObject({ status: 0, stdout: '', stderr: expect.stringContaining('complete: kiosks believe it') });
    expect(sign('--key', 'root.key', '--yes', 'next.json').stdout.split('\n')).toHaveLength(2);
  });

  it('says what has changed since the one before, and goes up in its version', () => {
    sign('--key', 'root.key', '--out', 'keyring.cose', '--yes', 'next.json');
    const before = bodyOf('keyring.cose').version;
    put('next.json', draft({ issuers: [] }));
    const { status, stderr } = sign('--key', 'root.key', '--previous', 'keyring.cose', '--out', 'keyring.cose', '--yes', 'next.json');
    expect(status).toBe(0);
    expect(stderr).toMatch(/after \d+[\s\S]*changed:\n {2}- issuer [0-9a-f]{8}/);
    expect(stderr).toContain('note: no issuer is active');
    expect(bodyOf('keyring.cose').version).toBeGreaterThan(before);
    put('next.json', draft({ version: before }));
    expect(sign('--key', 'root.key', '--previous', 'keyring.cose', '--yes', 'next.json')).toMatchObject({
      status: 65,
      stdout: '',
      stderr: expect.stringContaining('must be above'),
    });
  });

  it('writes over no keyring whose chain would be lost', () => {
    sign('--key', 'root.key', '--out', 'keyring.cose', '--yes', 'next.json');
    const before = readFileSync(file('keyring.cose'), 'utf8');
    expect(sign('--key', 'root.key', '--out', 'keyring.cose', '--yes', 'next.json')).toMatchObject({
      status: 73,
      stderr: expect.stringContaining('--previous keyring.cose'),
    });
    expect(readFileSync(file('keyring.cose'), 'utf8')).toBe(before);
  });

  it('collects the signatures of several roots over the same bytes', () => {
    put('next.json', draft({ roots: [hex('root'), hex('other')], threshold: 2 }));
    const first = sign('--key', 'root.key', '--out', 'keyring.cose', '--yes', 'next.json');
    expect(first.stderr).toContain('not complete (keyring-threshold)');
    const { fingerprint } = z.object({ fingerprint: z.string() }).parse(JSON.parse(cli('show', 'root.key').stdout));
    const check = () => cli('check', 'keyring.cose', '--root', fingerprint);
    expect(check()).toMatchObject({ status: 1, stdout: expect.stringContaining('NO kiosk with this root believes') });
    // Nothing is built upon one that nobody believes yet.
    expect(sign('--key', 'root.key', '--previous', 'keyring.cose', '--yes', 'next.json').status).toBe(65);
    expect(sign('--key', 'root.key', '--append', 'keyring.cose', '--yes')).toMatchObject({
      status: 65,
      stderr: expect.stringContaining('has signed keyring.cose already'),
    });
    expect(sign('--key', 'other.key', '--append', 'keyring.cose', '--out', 'keyring.cose').status).toBe(64);
    expect(sign('--key', 'other.key', '--append', 'keyring.cose', '--out', 'keyring.cose', '--yes').status).toBe(0);
    expect(check()).toMatchObject({ status: 0, stdout: expect.stringContaining('2 of 2 roots must sign') });
    rmSync(file('keyring.cose'));
    expect(sign('--key', 'root.key', '--key', 'other.key', '--out', 'keyring.cose', '--yes', 'next.json').stderr).toContain('complete:');
  });

  it.each<[string, object, RegExp]>([
    ['a word that is spelled wrong', { upstreamPin: [] }, /upstreamPin/],
    ['a role that is none', { roles: { release: [], slice: [], recipt: [] } }, /recipt/],
    ['a key with two duties', { issuers: [{ key: '', status: 'active', classes: [2] }] }, /issuers/],
    ['more signatures than there are roots', { threshold: 2 }, /only 1 are listed/],
  ])('refuses %s, in words', (_name, change, words) => {
    put('next.json', draft(change));
    const { status, stdout, stderr } = sign('--key', 'root.key', '--yes', 'next.json');
    expect({ status, stdout }).toEqual({ status: 65, stdout: '' });
    expect(stderr).toMatch(words);
  });

  it('takes no key that is no root', () => {
    expect(sign('--key', 'slice.key', '--yes', 'next.json')).toMatchObject({ status: 65, stderr: expect.stringContaining('is no root') });
    expect(sign('--key', 'root.key', '--yes').status).toBe(64);
    expect(sign('--key', 'root.key', '--append', 'x', '--yes', 'next.json').status).toBe(64);
    expect(cli('sign', '--type', 'policy', '--key', 'a', '--key', 'b', 'next.json').status).toBe(64);
  });
});

describe('writing a keyring', () => {
  it('says what has changed, in words or as JSON, and keeps the file where it may not change', () => {
    const edit = (...args: string[]) => cli('keyring', ...args);
    expect(edit('set-role', 'next.json', 'feed', hex('other')).stdout).toMatch(/^\+ feed key [0-9a-f]{8}\n/);
    expect(edit('set-role', 'next.json', 'feed', hex('other')).stdout).toMatch(/^nothing has changed\n/);
    const kid = z.object({ kid: z.string() }).parse(JSON.parse(cli('show', 'issuer.key').stdout)).kid;
    const retired = JSON.parse(edit('retire-issuer', 'next.json', kid, '--at', '2026-01-31T12:00:00Z', '--json').stdout);
    expect(retired.changes).toEqual([expect.stringContaining('retired since 2026-01-31T12:00Z')]);
    const before = readFileSync(file('next.json'), 'utf8');
    for (const [args, code, words] of [
      [['retire-issuer', 'next.json', '00000000'], 65, kid],
      [['retire-issuer', 'next.json', kid, '--at', 'soon'], 64, '2026-01-31'],
      [['add-issuer', 'next.json', hex('slice'), '--classes', '2'], 65, 'listed twice'],
      [['add-issuer', 'next.json', hex('other'), '--classes', 'king'], 64, 'travel-permit'],
      [['add-issuer', 'next.json', 'nowhere.pub', '--classes', '2'], 66, 'no such file'],
      [['set-sealing', 'next.json', '00'.repeat(32)], 65, 'nobody may seal'],
      [['remove-root', 'next.json', '00000000'], 65, 'lists no root'],
      [['new', 'next.json', '--root', hex('root')], 64, '--release'],
    ] as const) {
      expect(edit(...args), args.join(' ')).toMatchObject({ status: code, stdout: '', stderr: expect.stringContaining(words) });
    }
    expect(readFileSync(file('next.json'), 'utf8')).toBe(before);
  }, 60_000);
});

describe('checking', () => {
  it('says whether kiosks believe a policy, and that one is over', () => {
    sign('--key', 'root.key', '--out', 'keyring.cose', '--yes', 'next.json');
    const { fingerprint } = z.object({ fingerprint: z.string() }).parse(JSON.parse(cli('show', 'root.key').stdout));
    const past = { version: 1, issuedAt: '2020-01-01T00:00:00Z', expires: '2020-02-01T00:00:00Z', audience: '*' };
    const body = keyringSchema.parse({ ...draft(), ...past });
    const root = signers.get('root');
    if (root === undefined) throw new Error('no root');
    writeFileSync(file('old.cose'), `${signStatement('keyring', body, root)}\n`);
    const check = (...args: string[]) => cli('check', ...args, '--root', fingerprint);
    expect(check('old.cose')).toMatchObject({ status: 1, stdout: expect.stringContaining('note: it has expired') });
    expect(JSON.parse(check('keyring.cose', '--json').stdout)).toMatchObject({ ok: true, type: 'keyring', reason: null, days: 89 });
    writeFileSync(file('policy.cose'), `${signStatement('policy', past, root)}\n`);
    expect(check('policy.cose').status).toBe(64);
    expect(JSON.parse(check('policy.cose', '--keyring', 'keyring.cose', '--json').stdout)).toMatchObject({
      ok: false,
      reason: 'statement-signer',
    });
    writeFileSync(file('noise'), 'noise!');
    expect(check('noise').status).toBe(65);
    expect(check('nowhere').status).toBe(66);
  });
});
