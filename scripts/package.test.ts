import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../config/host/install-paths.ts';
import { programVersion } from '../config/host/program-version.ts';
import { describeWith } from '../fixtures/tools.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'package-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const manifestSchema = z.looseObject({ version: z.string(), scripts: z.record(z.string(), z.string()).optional() });
const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string(), dev: z.boolean().optional(), optional: z.boolean().optional() })),
});
const readManifest = (file: string) => manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')));

const MS_MAX = 240_000;
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];

function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: MS_MAX });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

describeWith(['npm registry'], 'the package that npm pack makes', () => {
  it(
    'gives the locked versions in any other folder, and leaves package.json as it was',
    () => {
      const { packages } = lockSchema.parse(JSON.parse(readFileSync(join(packageRoot, 'package-lock.json'), 'utf8')));
      const locked = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
      const source = join(folder, 'source');
      mkdirSync(source);
      for (const name of ['dist', 'scripts', 'LICENSE', 'README.md', 'package-lock.json', ...locked.map(([path]) => path)]) {
        if (existsSync(join(packageRoot, name))) cpSync(join(packageRoot, name), join(source, name), { recursive: true });
      }
      // It is built already, and others use the build meanwhile.
      const { prepare, ...scripts } = readManifest(join(packageRoot, 'package.json')).scripts ?? {};
      const manifest = JSON.stringify({ ...readManifest(join(packageRoot, 'package.json')), scripts }, null, 2);
      writeFileSync(join(source, 'package.json'), manifest);
      const archive = run(source, 'npm', 'pack', '--silent', '--pack-destination', folder).split('\n').at(-1) ?? '';
      expect(readFileSync(join(source, 'package.json'), 'utf8')).toBe(manifest);

      const elsewhere = join(folder, 'elsewhere');
      mkdirSync(elsewhere);
      writeFileSync(join(elsewhere, 'package.json'), '{"private":true}');
      run(elsewhere, 'npm', 'install', '--engine-strict', ...QUIET, join(folder, archive));
      const own = join(elsewhere, 'node_modules/checkpoint-kiosk');
      const differing = locked.flatMap(([path, { version, optional }]) => {
        const found = [join(own, path), join(elsewhere, path)].map((place) => join(place, 'package.json')).find(existsSync);
        // A package of its own depth may have moved up; those of other platforms are not here.
        const isElsewhere = found === undefined && (optional === true || path.split('node_modules/').length > 2);
        const is = found === undefined ? 'missing' : readManifest(found).version;
        return isElsewhere || is === version ? [] : [`${path}: ${is}, not ${version}`];
      });
      expect(differing).toEqual([]);
      expect(run(elsewhere, join(elsewhere, 'node_modules/.bin/checkpoint-kiosk'), '--version')).toBe(programVersion());
    },
    MS_MAX,
  );
});
