import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from './install-paths.ts';
import { missingModule } from './native-module.ts';

describe('an installation that lacks a package', () => {
  /** The built program beside the packages of this one, but for those that a test takes away. */
  let root = '';
  const modules = (name: string) => join(root, 'node_modules', name);
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'lacking-'));
    cpSync(join(packageRoot, 'package.json'), join(root, 'package.json'));
    cpSync(join(packageRoot, 'dist'), join(root, 'dist'), { recursive: true });
    writeFileSync(join(root, 'picture.png'), 'no picture');
    mkdirSync(modules(''));
    for (const name of readdirSync(join(packageRoot, 'node_modules'))) symlinkSync(join(packageRoot, 'node_modules', name), modules(name));
    for (const name of ['better-sqlite3', 'sharp']) rmSync(modules(name));
    // Installed, and never built.
    const built = join(packageRoot, 'node_modules/better-sqlite3');
    cpSync(built, modules('better-sqlite3'), { recursive: true, filter: (path) => path !== join(built, 'build') });
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'dist/scripts/cli.js'), ...args], { encoding: 'utf8', cwd: root });

  it.each([
    ['a database', 'better-sqlite3', ['demo', '--loops', '1', '--folder', 'demo', '--port', '0', '--centre-port', '0']],
    ['pictures', 'sharp', ['scan', 'picture.png']],
  ])(
    'is told of %s that cannot be read which package to build, and nothing of the disk',
    (_what, name, args) => {
      const { status, stderr } = run(...args);
      expect(stderr).toContain(`native-module-missing: A package of this program is missing`);
      expect(stderr).toContain(name);
      expect(stderr).toContain('npm ci');
      expect(stderr).not.toContain('a fault of the program');
      expect(status).toBe(69);
    },
    120_000,
  );

  it('still runs what needs no such package', () => {
    expect(run('explain', 'O-04').status).toBe(0);
  });
});

describe('an error', () => {
  it.each([
    ['Could not locate the bindings file. Tried: …/better_sqlite3.node', 'better-sqlite3'],
    [
      "The module 'x/better_sqlite3.node' was compiled against a different Node.js version using NODE_MODULE_VERSION 108.",
      'better-sqlite3',
    ],
    ['Could not load the "sharp" module using the linux-x64 runtime', 'sharp'],
    ["Cannot find package 'zxing-wasm' imported from /x/zxing-wasm-reader.js", 'zxing-wasm'],
    ["Cannot find module 'node-webcam'", 'node-webcam'],
  ])('"%s" is of a package, not of the disk', (message, name) => {
    const fault = missingModule(new Error(message));
    expect(fault?.code).toBe('native-module-missing');
    expect(fault?.detail).toContain(name);
  });

  it('of the disk is none of a package', () => {
    expect(missingModule(Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' }))).toBeUndefined();
  });
});
