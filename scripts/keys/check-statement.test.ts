/** `keys check` names the days that are left of all that runs out, and its exit code tells a timer of it weeks before. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtPath } from '../../config/host/install-paths.ts';
import { nodeRandom } from '../../config/host/node-host.ts';
import { createDemoKit, type DemoKit } from '../../fixtures/demo-kit.ts';
import { fromHex } from '../../sync/credential/bytes.ts';
import { keyringSchema } from '../../sync/credential/keyring-body.ts';
import { parseEnvelopes, parsePayload, signStatement } from '../../sync/credential/statement.ts';
import { policySchema } from '../../sync/protocol/policy.ts';

const DAY_MS = 86_400_000;
let folder: string;
let kit: DemoKit;
const file = (name: string) => join(folder, name);
const key = (name: string) => fromHex(readFileSync(file(`kit/${name}`), 'utf8').trim());

/** The kit's own statement, good for so many days more. */
function renew(type: 'keyring' | 'policy', days: number, change: object = {}): string {
  const envelopes = parseEnvelopes(readFileSync(file(`kit/${type}.cose`), 'utf8'));
  const body = envelopes.ok ? parsePayload(envelopes.value[0], type === 'keyring' ? keyringSchema : policySchema) : envelopes;
  if (!body.ok) throw new Error(body.reason);
  const signer = key(type === 'keyring' ? 'offline-keys/root.key' : 'offline-keys/release.key');
  writeFileSync(file(`${type}-${days}.cose`), `${signStatement(type, { ...body.value, ...until(days), ...change }, signer)}\n`);
  return file(`${type}-${days}.cose`);
}

/** A minute more, so that the days do not turn while the test runs. */
const until = (days: number) => ({ expires: new Date(Date.now() + days * DAY_MS + 60_000).toISOString() });

function certificate(days: number): string {
  const ids = { kioskId: 'gate-7-pc', checkpointId: 'gate-7', lane: '2', signingKey: '11'.repeat(32), sealingKey: '22'.repeat(32) };
  const header = { version: 1, issuedAt: new Date().toISOString(), audience: 'gate-7-pc', ...until(days) };
  writeFileSync(file('certificate.cose'), `${signStatement('enrolment', { ...header, ...ids }, key('upstream-keys/fleet.key'))}\n`);
  return file('certificate.cose');
}

function tls(days: number): string {
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=centre'];
  execFileSync('openssl', [...kind, '-days', String(days), '-keyout', file('tls.key'), '-out', file('tls.pem')], { stdio: 'ignore' });
  return file('tls.pem');
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keys-check-'));
  kit = createDemoKit({ folder: file('kit'), nowMs: Date.now(), demo: true, slice: false, config: {} }, nodeRandom);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function check(...args: string[]) {
  const all = [builtPath('scripts/cli.ts'), 'keys', 'check', ...args, '--root', kit.upstream.root];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const daysOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ type, ok, days }) => [type, ok, days]);

describe('keys check', () => {
  it('names the days left of keyring, policy, certificate of a kiosk and TLS certificate', () => {
    const files = [renew('keyring', 60), renew('policy', 50), certificate(40), tls(30)];
    const { status, stdout } = check(...files, '--json');
    expect(daysOf(stdout)).toEqual([
      ['keyring', true, 60],
      ['policy', true, 50],
      ['certificate', true, 40],
      ['tls', true, 29],
    ]);
    expect(status).toBe(0);
    expect(check(...files).stdout).toContain('kiosk gate-7-pc, gate-7, lane 2');
  });

  it.each<[string, () => string[]]>([
    ['a keyring', () => [renew('keyring', 20), renew('policy', 50)]],
    ['a policy', () => [renew('keyring', 60), renew('policy', 20)]],
    ['a certificate', () => [renew('keyring', 60), certificate(20)]],
    ['a TLS certificate', () => [renew('keyring', 60), tls(20)]],
  ])('warns three weeks before the end of %s, with an exit code of its own', (_what, files) => {
    const { status, stdout } = check(...files());
    expect(status).toBe(2);
    expect(stdout).toMatch(/note: it (expires|runs out)/);
  });

  it('says no where one is over, or is not believed, whatever the others are', () => {
    expect(check(renew('keyring', 20), renew('policy', -1)).status).toBe(1);
    const pinned = renew('keyring', 60, { upstreamPins: ['ab'.repeat(32)] });
    expect(check(pinned, tls(100))).toMatchObject({ status: 1, stdout: expect.stringContaining('not pinned by the keyring') });
    expect(check(certificate(40))).toMatchObject({ status: 64, stderr: expect.stringContaining('--keyring') });
  });
});
