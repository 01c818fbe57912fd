// Only config/host may read the machine's clock, randomness, environment and console: everything else gets them through a port,
// so that a test can stand in for the machine. Fixtures, tests and the pages' own code (a browser) are exempt.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const ROOMS = ['config', 'sync', 'kiosk', 'scripts'];
const EXEMPT = /^config\/host\/|^kiosk\/display\/pages\/|^sync\/holder\/page\/|\.test\.ts$|\.d\.ts$/;
const FORBIDDEN = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bperformance\.now\b/,
  /\bMath\.random\b/,
  /\bprocess\.env\b/,
  /\bconsole\./,
  /\brandomBytes\b/,
  /\bsetTimeout\b/,
  /\bsetInterval\b/,
];

const root = process.argv[2] ?? '.';
let found = 0;
for (const room of ROOMS) {
  for (const entry of readdirSync(join(root, room), { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/');
    if (!entry.isFile() || !path.endsWith('.ts') || EXEMPT.test(path)) continue;
    for (const [index, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
      const rule = FORBIDDEN.find((pattern) => pattern.test(line));
      if (rule === undefined) continue;
      console.error(`${path}:${index + 1}: ${rule.source} belongs into config/host: ${line.trim()}`);
      found++;
    }
  }
}
process.exit(found === 0 ? 0 : 1);
