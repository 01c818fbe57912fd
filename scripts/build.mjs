// Builds dist/: TypeScript for Node, then the pages with Vite. Plain JavaScript, because it runs before anything is compiled.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';

function step(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

rmSync('dist', { recursive: true, force: true });
step('node_modules/.bin/tsc', ['-p', '.']);
step('node_modules/.bin/tsc', ['-p', 'kiosk/display/pages']);
step('node_modules/.bin/tsc', ['-p', 'sync/holder/page']);
for (const room of ['display', 'holder']) step('node_modules/.bin/vite', ['build', '--config', 'vite.config.ts', '--mode', room]);
// npm makes a command executable at install only, and the compiler writes its file anew without the run bit.
chmodSync('dist/scripts/cli.js', 0o755);
