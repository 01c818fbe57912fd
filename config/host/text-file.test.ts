import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plainText, readTextFile } from './text-file.ts';

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
