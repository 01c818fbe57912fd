// Static checks in one run: types, lint and format, who imports whom, unused code.
import { spawnSync } from 'node:child_process';

const steps = [
  ['types', 'node_modules/.bin/tsc', ['--noEmit', '-p', '.']],
  ['types of the pages', 'node_modules/.bin/tsc', ['-p', 'kiosk/display/pages']],
  ["types of the holder's page", 'node_modules/.bin/tsc', ['-p', 'sync/holder/page']],
  ['lint and format', 'node_modules/.bin/biome', ['check', '.']],
  ['host', 'node', ['scripts/check-host.mjs']],
  [
    'rooms',
    'node_modules/.bin/depcruise',
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'config', 'sync', 'kiosk', 'fixtures', 'scripts'],
  ],
  ['unused code', 'node_modules/.bin/knip', []],
];
let failed = 0;
for (const [name, command, args] of steps) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  console.error(`check: ${name}: ${status === 0 ? 'ok' : 'FAILED'}`);
  if (status !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
