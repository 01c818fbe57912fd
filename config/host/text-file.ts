/**
 * Text files that people write, or carry from one machine to another. Editors of Windows put a byte order mark before the
 * text and end lines with CR and LF: neither is part of a password, a key or a list.
 */
import { readFileSync } from 'node:fs';
import { rightsOf } from './folder-rights.ts';

const UTF16_MARKS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

/** The text of a file (0: standard input), without byte order mark and with LF alone. Throws where it is not in UTF-8, and says so. */
export function readTextFile(file: string | 0): string {
  const decoded = decode(readFileSync(file));
  if (decoded.why !== undefined) throw new Error(decoded.why);
  return decoded.text;
}

/** `text`: undefined where there is no such file. `why`: what keeps it from being read, with its path. */
export type TextLook = { readonly text: string | undefined; readonly why?: undefined } | { readonly why: string };

/**
 * The same of a file that a kiosk looks at again and again, and that an operator may have left with any rights and bytes:
 * nothing that the disk answers is thrown.
 */
export function lookAtTextFile(file: string): TextLook {
  try {
    const decoded = decode(readFileSync(file));
    return decoded.why === undefined ? decoded : { why: `${file}: ${decoded.why}` };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return error.code === 'ENOENT' ? { text: undefined } : { why: whyUnreadable(file, error) };
  }
}

/** What the system says of a file that it does not give out, and who may read it: one line, for whoever mends it. */
export function whyUnreadable(file: string, error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return `${file} cannot be read: ${said} (it ${rightsOf(file)}).`;
}

/** The same of a text that was read: for lists in use, whose every damage has a name of its own. */
export function plainText(text: string): string {
  return text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
}

function decode(bytes: Uint8Array): { readonly text: string; readonly why?: undefined } | { readonly why: string } {
  const isUtf16 = UTF16_MARKS.some(([first, second]) => bytes[0] === first && bytes[1] === second);
  if (isUtf16) return { why: 'it is written in UTF-16: save it as UTF-8' };
  try {
    // The decoder takes a byte order mark off.
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes).replaceAll('\r\n', '\n') };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { why: 'it holds bytes that are no text in UTF-8: save it as UTF-8' };
  }
}
