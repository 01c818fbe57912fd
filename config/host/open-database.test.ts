import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWritable } from './open-database.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'database-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const DESCRIPTORS = '/proc/self/fd';

function openHere(): string[] {
  return readdirSync(DESCRIPTORS).flatMap((name) => {
    // The folder's own descriptor is gone by now.
    if (!existsSync(join(DESCRIPTORS, name))) return [];
    const target = readlinkSync(join(DESCRIPTORS, name));
    return target.startsWith(folder) ? [target] : [];
  });
}

describe.skipIf(!existsSync(DESCRIPTORS))('a database that cannot be made ready', () => {
  it('stays open at no attempt where the file is none', () => {
    const file = join(folder, 'garbage.db');
    writeFileSync(file, 'no database '.repeat(1_000));
    for (let attempt = 0; attempt < 5; attempt++) {
      expect(() => openWritable(file)).toThrow('file is not a database');
    }
    expect(openHere()).toEqual([]);
  });

  it('stays open at no attempt where its tables cannot be made', () => {
    const file = join(folder, 'state.db');
    for (let attempt = 0; attempt < 5; attempt++) {
      expect(() => openWritable(file, (database) => void database.exec('CREATE NONSENSE'))).toThrow('syntax error');
    }
    expect(openHere()).toEqual([]);
  });
});
