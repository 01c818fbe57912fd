/**
 * Base45 exactly as RFC 9285 defines it, both ways.
 * First step behind the QR prefix; rejects what lenient decoders let through (a triple over 65535, a pair over 255).
 */
import { accept, type Outcome, refuse } from './outcome.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
const VALUE_BY_CODE = new Int8Array(128).fill(-1);
for (let value = 0; value < ALPHABET.length; value++) VALUE_BY_CODE[ALPHABET.charCodeAt(value)] = value;

export type Base45Reason = 'b45-char' | 'b45-length' | 'b45-overflow';

/** Decodes text to bytes. Reasons in order: a character outside the alphabet, a length of 3n+1, a group out of range (RFC 9285 section 4). */
export function decodeBase45(text: string): Outcome<Uint8Array, Base45Reason> {
  const values = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const value = VALUE_BY_CODE[text.charCodeAt(i)] ?? -1;
    if (value < 0) return refuse('b45-char');
    values[i] = value;
  }
  const remainder = text.length % 3;
  if (remainder === 1) return refuse('b45-length');
  const bytes = new Uint8Array(Math.floor(text.length / 3) * 2 + (remainder === 2 ? 1 : 0));
  let out = 0;
  for (let i = 0; i < values.length; i += 3) {
    const pair = at(values, i) + at(values, i + 1) * 45;
    if (i + 2 >= values.length) {
      if (pair > 0xff) return refuse('b45-overflow');
      bytes[out++] = pair;
      break;
    }
    const triple = pair + at(values, i + 2) * 2025;
    if (triple > 0xffff) return refuse('b45-overflow');
    bytes[out++] = triple >> 8;
    bytes[out++] = triple & 0xff;
  }
  return accept(bytes);
}

/** Encodes bytes to base45 text (RFC 9285 section 4). */
export function encodeBase45(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 2) {
    const last = i + 1 === bytes.length;
    let rest = last ? at(bytes, i) : at(bytes, i) * 256 + at(bytes, i + 1);
    for (let digit = 0; digit < (last ? 2 : 3); digit++) {
      text += ALPHABET.charAt(rest % 45);
      rest = Math.floor(rest / 45);
    }
  }
  return text;
}

function at(values: Uint8Array, index: number): number {
  return values[index] ?? 0;
}
