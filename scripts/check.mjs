// Static checks in one run: types, lint and format.
import { spawnSync } from 'node:child_process';

const steps = [
  ['types', 'node_modules/.bin/tsc', ['--noEmit', '-p', '.']],
  ['lint and format', 'node_modules/.bin/biome', ['check', '.']],
];
let failed = 0;
for (const [name, command, args] of steps) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  console.error(`check: ${name}: ${status === 0 ? 'ok' : 'FAILED'}`);
  if (status !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
