import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../config/host/install-paths.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'check-test-'));
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
    copyFileSync(join(packageRoot, name), join(folder, name));
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  for (const room of ['config', 'sync', 'kiosk', 'scripts', 'fixtures']) mkdirSync(join(folder, room));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function cruise() {
  const command = join(packageRoot, 'node_modules/.bin/depcruise');
  return spawnSync(command, ['--config', '.dependency-cruiser.cjs', 'config', 'sync', 'kiosk', 'fixtures', 'scripts'], {
    cwd: folder,
    encoding: 'utf8',
  });
}

describe('the check of the rooms', () => {
  it.each([
    ['sync/credential/a.ts', '../../kiosk/b.ts', 'kiosk/b.ts', 'credential'],
    ['config/a.ts', '../sync/b.ts', 'sync/b.ts', 'config-alone'],
    ['sync/holder/a.ts', '../protocol/b.ts', 'sync/protocol/b.ts', 'holder'],
    ['sync/upstream/a.ts', '../edge/b.ts', 'sync/edge/b.ts', 'upstream'],
    ['kiosk/decision/a.ts', '../display/b.ts', 'kiosk/display/b.ts', 'decision'],
    ['kiosk/peers/a.ts', '../journal/b.ts', 'kiosk/journal/b.ts', 'peers'],
    ['kiosk/a.ts', '../fixtures/b.ts', 'fixtures/b.ts', 'kiosk'],
  ])('finds that %s imports %s', (from, specifier, to, rule) => {
    plant(to, 'export const b = 1;\n');
    plant(from, `import { b } from '${specifier}';\nexport const a = b;\n`);
    const { status, stdout } = cruise();
    expect(stdout).toContain(`error ${rule}: ${from}`);
    expect(status).not.toBe(0);
  });

  it('finds a cycle, also one of types only', () => {
    plant('config/a.ts', "import type { B } from './b.ts';\nexport type A = B | 1;\n");
    plant('config/b.ts', "import type { A } from './a.ts';\nexport type B = A | 2;\n");
    expect(cruise().stdout).toContain('error no-cycles');
  });

  it('finds a package used outside of its one home', () => {
    plant('sync/a.ts', "import Database from 'better-sqlite3';\nexport const open = () => new Database('x');\n");
    expect(cruise().stdout).toContain('one-home-for-better-sqlite3');
  });

  it("finds that the holder's page reaches Node, over however many files", () => {
    plant('sync/credential/b.ts', "import { createHash } from 'node:crypto';\nexport const b = createHash;\n");
    plant('sync/credential/a.ts', "import { b } from './b.ts';\nexport const a = b;\n");
    plant('sync/holder/page/page.ts', "import { a } from '../../credential/a.ts';\nexport const page = a;\n");
    expect(cruise().stdout).toContain('error holder-page-without-node: sync/holder/page/page.ts');
  });

  it('lets a clean tree pass', () => {
    plant('config/a.ts', 'export const a = 1;\n');
    plant('sync/b.ts', "import { a } from '../config/a.ts';\nexport const b = a;\n");
    expect(cruise().status).toBe(0);
  });
});

describe('the check of the host', () => {
  it.each(['Date.now()', 'new Date()', 'Math.random()', 'process.env.HOME', "console.log('x')"])(
    'finds %s outside of config/host',
    (code) => {
      plant('sync/a.ts', `export const a = () => ${code};\n`);
      plant('config/host/b.ts', `export const b = () => ${code};\n`);
      const { status, stderr } = spawnSync(process.execPath, [join(packageRoot, 'scripts/check-host.mjs'), folder], { encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('sync/a.ts:1')]);
    },
  );
});
