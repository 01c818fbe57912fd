import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../config/host/install-paths.ts';

const text = readFileSync(join(packageRoot, 'SECURITY.md'), 'utf8');
/** A test file in backquotes, then the titles that it is cited for. */
const cited = [...text.matchAll(/`([\w/.-]+\.test\.ts)`((?:(?:,| and)? "[^"]+")+)/g)].flatMap(([, file = '', titles = '']) =>
  [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => ({ file, title })),
);

it('names tests that exist, for every threat', () => {
  expect(cited.length).toBeGreaterThan(50);
  const missing = cited.filter(({ file, title }) => !readFileSync(join(packageRoot, file), 'utf8').includes(title));
  expect(missing).toEqual([]);
  const threats = text.split('\n').filter((line) => line.startsWith('| **'));
  expect(threats).toHaveLength(11);
  for (const line of threats) {
    const [, , stops = '', shown = '', remains = ''] = line.split('|').map((cell) => cell.trim());
    expect(stops.length, line.slice(0, 40)).toBeGreaterThan(40);
    expect(shown, line.slice(0, 40)).toContain('.test.ts');
    expect(remains.length, line.slice(0, 40)).toBeGreaterThan(40);
  }
});
