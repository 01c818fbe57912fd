import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { installWithoutDecoder } from '../fixtures/broken-install.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'closed-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const END_MS_MAX = 60_000;

/** The exit code is null where the command did not end by itself. */
async function run(command: string, ...args: string[]) {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const killer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
  await once(child, 'close');
  clearTimeout(killer);
  return { code: child.exitCode, stderr };
}

describe('a command whose second step fails', () => {
  it.skipIf(process.platform === 'win32')(
    'camera test ends with code 69 where the decoder does not start, and leaves no ffmpeg',
    async () => {
      const command = installWithoutDecoder(join(folder, 'install'));
      const [ffmpeg, started] = [join(folder, 'ffmpeg'), join(folder, 'started')];
      writeFileSync(ffmpeg, `#!/bin/sh\n[ "$2" = -version ] && echo "ffmpeg version 6.0" && exit\necho $$ >> ${started}\nexec sleep 300\n`);
      chmodSync(ffmpeg, 0o755);
      const own = ['--kind', 'mjpeg', '--source', 'http://127.0.0.1:9/x', '--ffmpeg', ffmpeg];
      const { code, stderr } = await run(command, 'camera', 'test', ...own, '--seconds', '3');
      expect(stderr.match(/A package of this program is missing/g)).toHaveLength(1);
      expect(stderr).toContain('@zxing/library (Node ');
      expect(code).toBe(69);
      expect(existsSync(started)).toBe(false);
    },
    END_MS_MAX + 30_000,
  );

  it(
    'the demo ends with code 69 where its pages have no port, though its centre is open by then',
    async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const bound = other.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
      try {
        const { code, stderr } = await run(
          builtPath('scripts/cli.ts'),
          'demo',
          '--loops',
          '1',
          '--port',
          String(port),
          '--centre-port',
          '0',
        );
        expect(stderr).toContain('display-port-busy');
        expect(code).toBe(69);
      } finally {
        other.close();
      }
    },
    END_MS_MAX + 30_000,
  );
});
