/** The centre's TLS: what cannot work is refused at the start, and kiosks say which key they saw and which they were told of. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { createSimulatedHost } from '../fixtures/simulated-host.ts';
import { quietHost } from '../fixtures/test-centre.ts';
import { createSigner } from '../sync/credential/signer.ts';
import { createFailures } from '../sync/edge/loop-tools.ts';
import { createUpstreamClient, failureText } from '../sync/edge/upstream-client.ts';
import { initStore } from '../sync/upstream/store/open-store.ts';
import { readTlsFiles } from './tls-files.ts';

let folder: string;
let kit: DemoKit;
const file = (name: string) => join(folder, name);

function makePair(name: string): void {
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=centre'];
  execFileSync('openssl', [...kind, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)], { stdio: 'ignore' });
  chmodSync(file(`${name}.key`), 0o600);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tls-test-'));
  kit = createDemoKit({ folder: file('kit'), nowMs: Date.now(), demo: true, slice: false, config: {} }, nodeRandom);
  initStore(`sqlite:${file('store.db')}`, { storeId: 'ab'.repeat(16), atMs: Date.now() });
  makePair('one');
  makePair('other');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

function upstreamArgs(certificate: string, key: string): string[] {
  const { folder: keys, keyring, root } = kit.upstream;
  const trust = ['--keys', keys, '--keyring', keyring, '--root', root, '--allow-demo'];
  return ['upstream', '--store', `sqlite:${file('store.db')}`, ...trust, '--port', '0', '--tls-cert', certificate, '--tls-key', key];
}

describe('the centre', () => {
  it('does not start with a certificate and a key that do not belong together, and names both files', () => {
    const { status, stderr } = cli(...upstreamArgs(file('one.pem'), file('other.key')));
    expect(status).toBe(65);
    expect(stderr).toContain(file('one.pem'));
    expect(stderr).toContain(file('other.key'));
    expect(stderr).toContain('do not belong together');
  });

  it('does not start with a key that others can read, nor with what is no key', () => {
    makePair('open');
    chmodSync(file('open.key'), 0o644);
    expect(cli(...upstreamArgs(file('open.pem'), file('open.key')))).toMatchObject({
      status: 65,
      stderr: expect.stringContaining('chmod 600'),
    });
    expect(cli(...upstreamArgs(file('one.pem'), file('kit/upstream-keys/slice.key')))).toMatchObject({
      status: 65,
      stderr: expect.stringContaining('slice.key holds no private key'),
    });
  });

  it('does not start with a certificate that is over, or not valid yet', () => {
    const files = { certificate: file('one.pem'), key: file('one.key') };
    const dayMs = 86_400_000;
    expect(readTlsFiles(files, Date.now()).key).toBe(readFileSync(file('one.key'), 'utf8'));
    expect(() => readTlsFiles(files, Date.now() + 3 * dayMs)).toThrow('has expired on');
    expect(() => readTlsFiles(files, Date.now() - dayMs)).toThrow('is not valid before');
  });

  it('starts with a pair that belongs together', async () => {
    const child = spawn(process.execPath, [builtPath('scripts/cli.ts'), ...upstreamArgs(file('one.pem'), file('one.key'))]);
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    await expect.poll(() => log, { timeout: 60_000 }).toContain('upstream-started');
    child.kill('SIGTERM');
    await once(child, 'close');
  }, 70_000);
});

describe('a pin', () => {
  it('is computed from certificate and key alike, added and taken out', () => {
    const pins = ['one.pem', 'one.key'].map((name) => JSON.parse(cli('keys', 'tls-pin', file(name)).stdout).pin);
    expect(pins[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(pins[1]).toBe(pins[0]);
    const next = file('next.json');
    cli('keys', 'keyring', 'new', next, '--from', kit.upstream.keyring, '--root', kit.upstream.root);
    expect(
      cli('keys', 'keyring', 'pin', next, file('one.pem'), file('other.key'), file('one.key')).stdout.match(/\+ TLS pin/g),
    ).toHaveLength(2);
    expect(JSON.parse(readFileSync(next, 'utf8')).upstreamPins).toHaveLength(2);
    expect(cli('keys', 'keyring', 'pin', next, pins[0], '--remove').stdout).toContain('- TLS pin');
    expect(cli('keys', 'keyring', 'pin', next, pins[0], '--remove')).toMatchObject({
      status: 65,
      stderr: expect.stringContaining(pins[0]),
    });
    writeFileSync(file('junk'), 'junk');
    expect(cli('keys', 'tls-pin', file('junk'))).toMatchObject({ status: 65, stdout: '' });
  });

  it('that does not fit is named beside the ones that the keyring has', async () => {
    const server = https.createServer({ key: readFileSync(file('one.key')), cert: readFileSync(file('one.pem')) }, (_, reply) =>
      reply.end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const seen = JSON.parse(cli('keys', 'tls-pin', file('one.pem')).stdout).pin;
    const expected = 'ab'.repeat(32);
    const client = createUpstreamClient(
      { url, pins: () => [expected], keyId: 'k1', signer: createSigner(new Uint8Array(32).fill(3)) },
      quietHost,
    );
    const reply = await client.send({ method: 'GET', target: '/x', timeoutMs: 20_000 });
    client.close();
    server.closeAllConnections();
    server.close();
    if (reply.kind !== 'failed') throw new Error(reply.kind);
    expect(failureText(reply)).toBe(
      `the certificate is not a pinned one: the centre shows ${seen}, the keyring pins ${expected} (upstream-pin)`,
    );
    expect(cli('explain', 'upstream-pin').stdout).toContain('W-20');
  });
});

describe('the log of a loop that fails', () => {
  it('names the present reason, not the one with which it began, and each once an hour', () => {
    const host = createSimulatedHost(1);
    const said: string[] = [];
    const warn = (_event: string, fields: Readonly<Record<string, unknown>> = {}) => void said.push(String(fields.why));
    const failure = createFailures('push-failed', { ...host, log: { ...host.log, warn } });
    const note = (why: string | undefined) => {
      failure.note(why);
      host.advance(1_000);
    };
    for (const why of ['no line', 'no line', 'another certificate', 'no line', 'another certificate']) note(why);
    expect(said).toEqual(['no line', 'another certificate']);
    expect(failure.last()).toBe('another certificate');
    host.advance(3_600_000);
    note('another certificate');
    expect(said).toHaveLength(3);
    note(undefined);
    note('another certificate');
    expect(said).toHaveLength(4);
    for (let n = 0; n < 1_000; n++) note(`port ${n}`);
    expect(said.length).toBeLessThan(30);
  });
});
