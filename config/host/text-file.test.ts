import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lookAtTextFile, plainText, readTextFile } from './text-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'text-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(bytes: string | Uint8Array): string {
  const file = join(folder, 'text');
  writeFileSync(file, bytes);
  return readTextFile(file);
}

describe('a text file that people write', () => {
  it('loses its byte order mark and the CR of its lines, and nothing else', () => {
    expect(read('\uFEFFuser:pass\r\n')).toBe('user:pass\n');
    expect(read(' a\uFEFFb \r c\n\r\n')).toBe(' a\uFEFFb \r c\n\n');
    expect(read('Đường số 7\n')).toBe('Đường số 7\n');
    expect(plainText('\uFEFFa\r\nb')).toBe('a\nb');
  });

  it('is named where it is in UTF-16 or in no UTF-8 at all', () => {
    expect(() => read(Buffer.from('\uFEFFuser:pass\n', 'utf16le'))).toThrow('UTF-16: save it as UTF-8');
    expect(() => read(Buffer.from('\uFEFFuser:pass\n', 'utf16le').swap16())).toThrow('UTF-16: save it as UTF-8');
    expect(() => read(Buffer.from('user:pässword\n', 'latin1'))).toThrow('no text in UTF-8: save it as UTF-8');
  });
});

describe('a look at a text file', () => {
  const file = () => join(folder, 'text');
  const why = () => lookAtTextFile(file()).why;

  it('gives the text, and none where there is no such file', () => {
    expect(lookAtTextFile(file())).toEqual({ text: undefined });
    writeFileSync(file(), '\uFEFFa\r\n');
    expect(lookAtTextFile(file())).toEqual({ text: 'a\n' });
  });

  it.each<readonly [string, () => void, string]>([
    ['a folder lies there', () => mkdirSync(file()), 'EISDIR'],
    ['a file lies where its folder should be', () => writeFileSync(folder, 'x'), 'ENOTDIR'],
    ['it is no text', () => writeFileSync(file(), Uint8Array.of(0xc3, 0x28)), 'no text in UTF-8'],
  ])('says why, with its path, where %s', (_what, harm, expected) => {
    if (expected === 'ENOTDIR') rmSync(folder, { recursive: true });
    harm();
    expect(why()).toContain(expected);
    expect(why()).toContain(file());
  });

  // Windows knows no such rights.
  it.skipIf(process.platform === 'win32')('says whose it is where this process may not read it', () => {
    writeFileSync(file(), 'secret');
    chmodSync(file(), 0o000);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) {
      chmodSync(folder, 0o755);
      process.seteuid?.(65_534);
    }
    try {
      expect(why()).toMatch(/EACCES.*belongs to user \d+, group \d+, mode 0000; this process is user/);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
});
