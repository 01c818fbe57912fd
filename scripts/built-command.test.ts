import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { programVersion } from '../config/host/program-version.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'built-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the built command', () => {
  it.skipIf(process.platform === 'win32')('can be run after a build without another install, as npm links it', () => {
    const link = join(folder, 'checkpoint-kiosk');
    symlinkSync(builtPath('scripts/cli.ts'), link);
    const { status, stdout, error } = spawnSync(link, ['--version'], { encoding: 'utf8' });
    expect(error).toBeUndefined();
    expect(stdout.trim()).toBe(programVersion());
    expect(status).toBe(0);
  });
});
