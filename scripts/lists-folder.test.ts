import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { parseConfig } from '../config/options/parse-config.ts';
import { createDemoKit } from '../fixtures/demo-kit.ts';
import { runEnrol } from './enrol.ts';

let folder = '';
let root = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lists-'));
  const kit = createDemoKit({ folder: join(folder, 'kit'), nowMs: Date.now(), demo: true, slice: false, config: {} }, nodeRandom);
  root = kit.upstream.root;
  writeFileSync(join(folder, 'kiosk.yaml'), text());
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const text = (more = '') => `kioskId: k1
checkpointId: c1
area: 79
dataDir: data
keyring: { root: ${root} }
camera: { kind: replay, source: clip.y4m }
upstream: { url: http://127.0.0.1:9 }
${more}`;

describe('the lists of a kiosk', () => {
  it('lie under its data folder unless the configuration says otherwise', () => {
    const parsed = parseConfig(text('policy: { file: elsewhere/policy.cose }\n'));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    expect(parsed.config).toMatchObject({
      'keyring.file': join('data', 'lists/keyring.cose'),
      'policy.file': 'elsewhere/policy.cose',
      'slice.file': join('data', 'lists/slice.db'),
      'slice.manifestFile': join('data', 'lists/slice.manifest.cose'),
      'slice.keyFile': join('data', 'lists/slice.key'),
    });
  });

  it('begin with the keyring that enrol is given, where the pinned root has signed it', async () => {
    const placed = join(folder, 'data/lists/keyring.cose');
    const token = 'A'.repeat(43);
    const enrol = (keyring: string) => runEnrol(join(folder, 'kiosk.yaml'), { token, keyring });
    writeFileSync(join(folder, 'other.cose'), 'no keyring');
    await expect(enrol(join(folder, 'other.cose'))).rejects.toThrow('other.cose');
    expect(existsSync(placed)).toBe(false);
    // No centre answers here; the keyring is in its place all the same.
    await expect(enrol(join(folder, 'kit/keyring.cose'))).rejects.toThrow('127.0.0.1:9');
    expect(readFileSync(placed, 'utf8')).toBe(readFileSync(join(folder, 'kit/keyring.cose'), 'utf8'));
  });

  it('in a folder that the user of the kiosk cannot write are named by `config check`, with owner and mode', () => {
    const closed = join(folder, 'etc');
    mkdirSync(closed);
    writeFileSync(join(folder, 'kiosk.yaml'), text('policy: { file: etc/policy.cose }\n'));
    mkdirSync(join(folder, 'data'));
    for (const [path, mode] of [
      [folder, 0o755],
      [closed, 0o555],
      [join(folder, 'data'), 0o777],
    ] as const) {
      chmodSync(path, mode);
    }
    const command = [process.execPath, builtPath('scripts/cli.ts'), 'config', 'check', join(folder, 'kiosk.yaml')];
    // Root may write everywhere: as somebody else, where this test runs as root.
    const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const [program = '', ...args] = [...asNobody, ...command];
    const { stderr, status } = spawnSync(program, args, { encoding: 'utf8' });
    expect(stderr).toMatch(
      /policy\.file: expected a file in a folder where this user may put newer ones.*etc belongs to user \d+, group \d+, mode 0555/,
    );
    expect(status).toBe(78);
  });
});
