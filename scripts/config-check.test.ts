import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { describeWith } from '../fixtures/tools.ts';

let folder = '';
let kit: DemoKit;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-check-'));
  kit = createDemoKit({ folder: join(folder, 'kit'), nowMs: Date.now(), demo: true, config: {} }, nodeRandom);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

const GOOD = {
  kioskId: 'gate-7-pc',
  checkpointId: 'gate-7',
  area: 79,
  dataDir: 'data',
  'policy.file': 'policy.cose',
  'slice.file': 'slice.db',
  'slice.manifestFile': 'slice.manifest.cose',
  'slice.keyFile': 'slice.key',
  'camera.kind': 'rtsp',
  'camera.source': 'rtsp://192.168.1.20/stream1',
};

function check(change: Readonly<Record<string, string | number>> = {}, form: (text: string) => string | Uint8Array = (text) => text) {
  const own = { ...GOOD, 'keyring.file': kit.upstream.keyring, 'keyring.root': kit.upstream.root, ...change };
  const lines = Object.entries(own).map(([key, value]) => `${key}: ${value}\n`);
  writeFileSync(file('kiosk.yaml'), form(lines.join('')));
  const { status, stderr } = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), 'config', 'check', file('kiosk.yaml')], {
    encoding: 'utf8',
  });
  return { status, stderr };
}

const lineOf = (key: keyof typeof GOOD) => Object.keys(GOOD).indexOf(key) + 1;

describe('config check', () => {
  it('says ok to what can work, whatever editor saved it, and leaves nothing behind', () => {
    expect(check()).toEqual({ status: 0, stderr: expect.stringContaining('kiosk.yaml: ok') });
    expect(check({}, (text) => `\uFEFF${text.replaceAll('\n', '\r\n')}`).status).toBe(0);
    expect(statSync(file('data'), { throwIfNoEntry: false })).toBeUndefined();
    expect(check({}, (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'))).toEqual({ status: 66, stderr: expect.stringContaining('UTF-16') });
  });

  it('refuses an address that no camera has, and says where a login belongs', () => {
    const at = `kiosk.yaml:${lineOf('camera.source')}: camera.source: expected an address without a login: camera.passwordFile`;
    for (const login of ['admin:pa#ss', 'admin:pa@ss', 'admin:plain']) {
      const { status, stderr } = check({ 'camera.source': `"rtsp://${login}@192.168.1.20/stream1"` });
      expect(status).toBe(78);
      expect(stderr).toContain(at);
      expect(stderr).not.toContain(login.slice(6));
    }
  });

  it('says to quote what is a name and looks like a number', () => {
    const { status, stderr } = check({ kioskId: '0123', lane: 1 });
    expect(status).toBe(78);
    expect(stderr).toMatch(/kiosk\.yaml:1: kioskId: expected a name .*: quote it, '0123', found the number 0123/);
    expect(stderr).toContain("lane: expected a short name: quote it, '1', found the number 1");
    expect(check({ kioskId: "'0123'", lane: "'1'" }).status).toBe(0);
  });

  it('refuses a keyring that is missing or of another root', () => {
    expect(check({ 'keyring.file': 'nowhere.cose' })).toMatchObject({
      status: 78,
      stderr: expect.stringContaining('keyring.file: expected the signed'),
    });
    expect(check({ 'keyring.root': '1'.repeat(64) })).toMatchObject({ status: 78, stderr: expect.stringContaining('keyring.root') });
  });

  it('refuses a data folder that is a file', () => {
    writeFileSync(file('taken'), '');
    const { status, stderr } = check({ dataDir: 'taken' });
    expect(status).toBe(78);
    expect(stderr).toContain(`kiosk.yaml:${lineOf('dataDir')}: dataDir: expected a folder`);
    expect(check({ dataDir: 'taken/data' }).status).toBe(78);
  });

  it('reads the login as the camera does, and refuses one that others can read', () => {
    writeFileSync(file('login'), '\uFEFFadmin:secret\r\n', { mode: 0o600 });
    expect(check({ 'camera.passwordFile': 'login' }).status).toBe(0);
    writeFileSync(file('login'), 'secret\n');
    expect(check({ 'camera.passwordFile': 'login' })).toMatchObject({ status: 78, stderr: expect.stringContaining('user:password') });
    expect(check({ 'camera.passwordFile': 'nowhere' }).status).toBe(78);
    writeFileSync(file('login'), 'admin:secret\n');
    chmodSync(file('login'), 0o644);
    const open = check({ 'camera.passwordFile': 'login' });
    expect(open.status).toBe(process.platform === 'win32' ? 0 : 78);
    if (process.platform !== 'win32') expect(open.stderr).toContain('chmod 600 login, found mode 0644');
  });
});

describeWith(['mount of a small disk'], 'config check of a data folder on another disk', () => {
  it('refuses a full disk, and one that is read only', () => {
    const disk = file('disk');
    mkdirSync(disk);
    const mount = (options: string) => expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]).status).toBe(0);
    mount('size=1m');
    try {
      expect(check({ dataDir: 'disk/data' }).status).toBe(0);
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=64k']);
      expect(check({ dataDir: 'disk/data' })).toMatchObject({ status: 78, stderr: expect.stringContaining('dataDir: expected a folder') });
      expect(spawnSync('mount', ['-o', 'remount,ro', disk]).status).toBe(0);
      expect(check({ dataDir: 'disk/data' })).toMatchObject({ status: 78, stderr: expect.stringContaining('EROFS') });
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});

describe('files that an editor of Windows saved', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { encoding: 'utf8' });
  const save = (name: string, text: string) => writeFileSync(file(name), `\uFEFF${text.replaceAll('\n', '\r\n')}`, { mode: 0o600 });

  it('are read by the commands that take keys, trust lists and policies', () => {
    const key = 'ab'.repeat(32);
    save('issuer.key', `${key}\n`);
    const shown = run('keys', 'show', file('issuer.key'));
    expect(shown).toMatchObject({ status: 0, stdout: expect.stringContaining('publicKey') });
    save('trust.json', '{\n"trust": {}\n}\n');
    expect(run('verify', '--trust', file('trust.json'), '--now', '1').stderr).not.toContain('cannot read');
    save('policy.json', run('policy', 'template', 'checkpoint').stdout);
    expect(run('policy', 'check', file('policy.json')).status).toBe(0);
  });
});
