/** The guide is true: its commands are run as they stand, one ceremony after the other, by a shell. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtPath } from '../../config/host/install-paths.ts';
import { nodeRandom } from '../../config/host/node-host.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { openTestStore } from '../../fixtures/test-store.ts';
import { readKeyring } from '../../sync/credential/keyring.ts';
import { parseEnvelopes, parsePayload } from '../../sync/credential/statement.ts';
import { policySchema } from '../../sync/protocol/policy.ts';
import { sealKidOf } from '../../sync/protocol/sealing.ts';
import { ceremonies } from './ceremony.ts';

let folder: string;
const file = (name: string) => join(folder, name);
const described = z.object({ publicKey: z.string(), kid: z.string(), fingerprint: z.string() });
const about = (name: string) => described.parse(JSON.parse(readFileSync(file(name), 'utf8')));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ceremony-'));
  mkdirSync(file('bin'));
  writeFileSync(file('bin/checkpoint-kiosk'), `#!/bin/sh\nexec "${process.execPath}" "${builtPath('scripts/cli.ts')}" "$@"\n`);
  chmodSync(file('bin/checkpoint-kiosk'), 0o755);
  const kit = createDemoKit({ folder: file('kit'), nowMs: Date.now(), demo: true, slice: false, config: {} }, nodeRandom);
  const envelopes = parseEnvelopes(readFileSync(join(kit.folder, 'policy.cose'), 'utf8'));
  const policy = envelopes.ok ? parsePayload(envelopes.value[0], policySchema) : envelopes;
  if (!policy.ok) throw new Error(policy.reason);
  writeFileSync(file('policy.json'), JSON.stringify({ ...policy.value, expires: new Date(Date.now() + 90 * 86_400_000).toISOString() }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a person fills in, and the answer to the question before a signature. */
function perform(name: string, words: Readonly<Record<string, string>>): string {
  const commands = ceremonies.find((one) => one.name === name)?.steps.flatMap((step) => step.commands) ?? [];
  expect(commands.length).toBeGreaterThan(2);
  let said = '';
  for (const command of commands) {
    const filled = command.replace('keys sign ', 'keys sign --yes ').replaceAll(/\b[A-Z]{3,}\b/g, (word) => words[word] ?? word);
    const env = { ...process.env, PATH: `${file('bin')}${delimiter}${process.env.PATH}` };
    const { status, stdout, stderr } = spawnSync('sh', ['-c', filled], { cwd: folder, env, encoding: 'utf8' });
    expect(status, `${filled}\n${stdout}${stderr}`).toBe(0);
    said += stdout + stderr;
  }
  return said;
}

function keyring(root = about('root.pub').fingerprint) {
  const read = readKeyring(readFileSync(file('keyring.cose'), 'utf8'), root);
  if (!read.ok) throw new Error(read.reason);
  return read.value;
}

describe('the guide', () => {
  it('sets everything up', () => {
    // The fingerprint is known only once the root is made: the person copies it from root.pub.
    const words: Record<string, string> = {};
    Object.defineProperty(words, 'FINGERPRINT', { get: () => about('root.pub').fingerprint });
    expect(perform('setup', words)).toContain('a policy that kiosks believe');
    expect(keyring().trust.get(about('issuer.pub').kid)).toMatchObject({
      status: 'active',
      classes: new Set([2, 3]),
      areas: new Set([79]),
    });
    for (const name of ['root.key', 'release.key', 'issuer.key', 'keys/slice.key', 'keys/sealing.key', 'keys/subject.key']) {
      expect(statSync(file(name)).mode & 0o777, name).toBe(0o600);
    }
    const { subjectKeyCheck } = z.object({ subjectKeyCheck: z.string() }).parse(JSON.parse(readFileSync(file('subject.check'), 'utf8')));
    expect(keyring().subjectKeyCheck).toBe(subjectKeyCheck);
  }, 60_000);

  it('adds an issuer, retires it, and revokes another', async () => {
    const FINGERPRINT = about('root.pub').fingerprint;
    perform('issuer', { FINGERPRINT });
    const [first, second] = [about('issuer.pub').kid, about('issuer-new.pub').kid];
    expect([...keyring().trust].map(([kid, { status }]) => [kid, status])).toEqual([
      [first, 'active'],
      [second, 'active'],
    ]);
    expect(perform('retire', { FINGERPRINT, KID: second })).toContain(`~ issuer ${second}: active`);
    perform('revoke', { FINGERPRINT, KID: first });
    expect(keyring().trust.get(first)?.status).toBe('revoked');
    expect(keyring().trust.get(second)).toMatchObject({ status: 'retired', retiredAt: expect.any(Number) });
    const store = openTestStore(file('store.db'));
    expect(await store.killedKeys()).toEqual([first]);
    expect(await store.audit(1)).toMatchObject([{ action: 'kill-key', detail: first }]);
    await store.close();
  }, 60_000);

  it('exchanges an online key, first beside the old one and then alone', () => {
    const before = about('feed.pub').kid;
    const said = perform('online-key', { FINGERPRINT: about('root.pub').fingerprint });
    expect(said).toContain('+ feed key');
    expect(said).toContain(`- feed key ${before}`);
    expect([...keyring().roles.feed.keys()]).toEqual([about('feed.pub').kid]);
    expect(about('feed.pub').kid).not.toBe(before);
  }, 60_000);

  it('exchanges the sealing key', () => {
    const before = sealKidOf(keyring().sealingKey);
    perform('sealing', { FINGERPRINT: about('root.pub').fingerprint });
    const { publicKey } = z.object({ publicKey: z.string() }).parse(JSON.parse(readFileSync(file('sealing-2.pub'), 'utf8')));
    expect(Buffer.from(keyring().sealingKey).toString('hex')).toBe(publicKey);
    expect(sealKidOf(keyring().sealingKey)).not.toBe(before);
  }, 60_000);

  it('pins the subject key', () => {
    const said = perform('subject-key', { FINGERPRINT: about('root.pub').fingerprint });
    expect(said).toContain(`pseudonyms are made with the subject key ${keyring().subjectKeyCheck}`);
  }, 60_000);

  it('exchanges the TLS key of the centre, both pinned for a while', () => {
    const openssl = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=centre'];
    execFileSync('openssl', [...openssl, '-keyout', file('tls.key'), '-out', file('tls.pem')], { stdio: 'ignore' });
    const pin = () => z.object({ pin: z.string() }).parse(JSON.parse(readFileSync(file('tls.pin'), 'utf8'))).pin;
    const said = perform('tls', { FINGERPRINT: about('root.pub').fingerprint });
    expect(said.match(/\+ TLS pin/g)).toHaveLength(4);
    expect(keyring().upstreamPins).toEqual([pin()]);
    const spki = new X509Certificate(readFileSync(file('tls.pem'))).publicKey.export({ type: 'spki', format: 'der' });
    expect(pin()).toBe(createHash('sha256').update(spki).digest('hex'));
  }, 60_000);

  it('exchanges the root, and goes on with the new one under the old pin', () => {
    const { fingerprint: FINGERPRINT, kid: KID } = about('root.pub');
    expect(perform('root', { FINGERPRINT, KID })).toContain('1 earlier keyring leads to it from older roots');
    const { version } = keyring();
    expect(keyring(about('root-new.pub').fingerprint).version).toBe(version);
    rmSync(file('issuer-new.key'));
    perform('issuer', { FINGERPRINT });
    expect(keyring().version).toBeGreaterThan(version);
    expect(keyring().anchor.roots).toEqual([about('root-new.pub').publicKey]);
  }, 60_000);

  it('is printed in both languages, step by step, and as JSON', () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [builtPath('scripts/cli.ts'), 'keys', 'ceremony', ...args], { encoding: 'utf8' });
    const text = run().stdout;
    for (const { en, vi, steps } of ceremonies) {
      for (const words of [en, vi, ...steps.flatMap((step) => [step.en, step.vi, ...step.commands])]) expect(text).toContain(words);
    }
    expect(run('root', '--json').stdout.trim().split('\n')).toHaveLength(1);
    expect(run('picnic')).toMatchObject({ status: 64, stdout: '', stderr: expect.stringContaining('setup, issuer') });
  });
});
