/** Where the installed program lies: the package's root, and the built form of a source file. */
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const fromDist = here.includes(`${sep}dist${sep}config${sep}host`);

/** The folder that holds package.json. */
export const packageRoot = join(here, fromDist ? '../../..' : '../..');

/** The built file of a source path such as `kiosk/decode/decode-worker.ts`: workers and children run `dist/`, also from tests. */
export function builtPath(source: string): string {
  return join(packageRoot, 'dist', source.replace(/\.ts$/, '.js'));
}
