/**
 * What the phone keeps: the seed of its device key, made here, and the text of its credential. Both lie in localStorage and
 * go nowhere else. WebCrypto would guard the key better, but browsers offer it to pages over TLS only.
 */
import nacl from 'tweetnacl';
import { fromHex, toHex } from '../../credential/bytes.ts';

const SEED = 'holder.device-seed';
const TEXT = 'holder.credential';
const SEED_BYTES = 32;
const SEED_HEX = /^[0-9a-f]{64}$/;

export interface PhoneStore {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly text: string | undefined;
}

/** Reads what is kept, and makes the key where there is none yet. Undefined where the browser keeps nothing. */
export function openPhoneStore(): PhoneStore | undefined {
  const known = read(SEED);
  // What is no seed is of no use to anybody: a new key says so by itself, since no earlier code names it.
  const seed = known !== undefined && SEED_HEX.test(known) ? fromHex(known) : newSeed();
  if (known !== toHex(seed) && !write(SEED, toHex(seed))) return undefined;
  return { seed, publicKey: nacl.sign.keyPair.fromSeed(seed).publicKey, text: read(TEXT) };
}

/** Whether the text is kept now. */
export function keepText(text: string): boolean {
  return write(TEXT, text);
}

/** The code goes first, and the key by a new one in its place: another tab that found none would make one of its own. */
export function forgetAll(): void {
  localStorage.removeItem(TEXT);
  if (!write(SEED, toHex(newSeed()))) localStorage.removeItem(SEED);
}

function newSeed(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(SEED_BYTES));
}

function read(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch (error) {
    // Site data switched off.
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}

function write(name: string, value: string): boolean {
  try {
    localStorage.setItem(name, value);
  } catch (error) {
    // Switched off, or full.
    if (error instanceof DOMException) return false;
    throw error;
  }
  return read(name) === value;
}
