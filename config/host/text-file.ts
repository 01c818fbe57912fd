/**
 * Text files that people write, or carry from one machine to another. Editors of Windows put a byte order mark before the
 * text and end lines with CR and LF: neither is part of a password, a key or a list.
 */
import { readFileSync } from 'node:fs';

const UTF16_MARKS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

/** The text of a file (0: standard input), without byte order mark and with LF alone. Throws where it is not in UTF-8, and says so. */
export function readTextFile(file: string | 0): string {
  return textOf(readFileSync(file));
}

/** The same of a text that was read: for lists in use, whose every damage has a name of its own. */
export function plainText(text: string): string {
  return text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
}

function textOf(bytes: Uint8Array): string {
  const isUtf16 = UTF16_MARKS.some(([first, second]) => bytes[0] === first && bytes[1] === second);
  if (isUtf16) throw new Error('it is written in UTF-16: save it as UTF-8');
  try {
    // The decoder takes a byte order mark off.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replaceAll('\r\n', '\n');
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error('it holds bytes that are no text in UTF-8: save it as UTF-8', { cause: error });
  }
}
