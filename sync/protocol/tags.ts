/** Tags that bind a credential to a plate or an identity card without naming either (pure). */
import { createHash, createHmac } from 'node:crypto';
import { SUBJECT_KEY_CHECK_BYTES } from '../credential/claims.ts';

/** 4 bytes: SHA-256("CP1-plt", cti, normalised plate). */
export function plateTag(cti: Uint8Array, plate: string): Uint8Array {
  return tag('CP1-plt', cti, normalisePlate(plate), 4);
}

/** 2 bytes: SHA-256("CP1-idt", cti, 12-digit id). Stops mix-ups, not forgers. */
export function idTag(cti: Uint8Array, idDigits: string): Uint8Array {
  return tag('CP1-idt', cti, idDigits, 2);
}

/**
 * Pseudonym of a person (12 digits of the identity card) or a vehicle (its plate): 12 bytes, HMAC-SHA-256 under a key that
 * stays at the centre, because a card number alone could be found by trying them all.
 */
export function subjectPseudonym(subjectKey: Uint8Array, idOrPlate: string): Uint8Array {
  return new Uint8Array(createHmac('sha256', subjectKey).update(idOrPlate).digest().subarray(0, 12));
}

/** No card number and no plate is written so: what is derived from it is nobody's pseudonym. */
const CHECK_DOMAIN = 'check value of a subject key';

/**
 * Check value of a subject key: 3 bytes, HMAC-SHA-256 of a fixed text. Two sides that look people up by pseudonyms compare it,
 * because with different keys every lookup succeeds and finds nobody. It tells nothing about the key.
 */
export function subjectKeyCheck(subjectKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', subjectKey).update(CHECK_DOMAIN).digest().subarray(0, SUBJECT_KEY_CHECK_BYTES));
}

/** Letters and digits only, upper case, Đ as D: `59-C1 123.45` and `59C112345` are one plate. */
export function normalisePlate(plate: string): string {
  return plate
    .toUpperCase()
    .replaceAll('Đ', 'D')
    .replaceAll(/[^A-Z0-9]/g, '');
}

/** Whether a normalised plate can be one: the registry takes no other. */
export function isPlate(normalised: string): boolean {
  return /^[A-Z0-9]{5,10}$/.test(normalised);
}

function tag(domain: string, cti: Uint8Array, value: string, lengthBytes: number): Uint8Array {
  return new Uint8Array(createHash('sha256').update(domain).update(cti).update(value).digest().subarray(0, lengthBytes));
}
