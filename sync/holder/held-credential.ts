/**
 * What a phone takes in: a travel code (CP1) that was issued for this very phone. Nobody's signature is checked here, because
 * a phone has no list of trusted keys; the lane checks it. Pure and free of Node.
 */
import { compareBytes } from '../credential/bytes.ts';
import { type Claims, parseClaims } from '../credential/claims.ts';
import { unwrapCode } from '../credential/code-text.ts';
import { accept, type Outcome, refuse } from '../credential/outcome.ts';
import type { CredentialReason } from '../credential/reasons.ts';
import { parseSign1 } from '../credential/sign1.ts';
import { outsideValidity } from '../credential/validity.ts';
import { textsOf } from './credential-link.ts';

export interface HeldCredential {
  /** The CP1 text as it was issued: what the phone keeps. */
  readonly text: string;
  readonly cose: Uint8Array;
  readonly claims: Claims;
}

/** Beside the reasons of reading: no phone's code, another phone's, or an expired one in the place of one that still counts. */
export type HolderReason = CredentialReason | 'device-key-missing' | 'device-key-other' | 'held-is-newer';

/** Reads what was opened or pasted. */
export function readHeld(given: string, devicePublicKey: Uint8Array): Outcome<HeldCredential, HolderReason> {
  const readings = textsOf(given).map((text) => readText(text, devicePublicKey));
  const saysMost = readings.find((read) => read.ok || read.reason === 'device-key-missing' || read.reason === 'device-key-other');
  return saysMost ?? readings[0] ?? refuse('prefix-unknown');
}

function readText(text: string, devicePublicKey: Uint8Array): Outcome<HeldCredential, HolderReason> {
  // A rotating code is of one moment and cannot be kept.
  if (!text.startsWith('CP1:')) return refuse('prefix-unknown');
  const code = unwrapCode(text);
  if (!code.ok) return code;
  const { cose } = code.value;
  const message = parseSign1(cose, { contentType: 'none' });
  if (!message.ok) return message;
  if (message.value.signature.length !== 64) return refuse('sig-length');
  const claims = parseClaims(message.value.payload);
  if (!claims.ok) return claims;
  const { deviceKey } = claims.value;
  if (deviceKey === undefined) return refuse('device-key-missing');
  if (compareBytes(deviceKey, devicePublicKey) !== 0) return refuse('device-key-other');
  return accept({ text, cose, claims: claims.value });
}

/** What is kept once `given` has come; `now` in Unix seconds. An old message that is opened again costs nobody a code that counts. */
export function takeCredential(
  given: string,
  devicePublicKey: Uint8Array,
  held: HeldCredential | undefined,
  now: number,
): Outcome<HeldCredential, HolderReason> {
  const read = readHeld(given, devicePublicKey);
  if (!read.ok || held === undefined) return read;
  const isOver = outsideValidity(read.value.claims, now) === 'expired';
  return isOver && outsideValidity(held.claims, now) !== 'expired' ? refuse('held-is-newer') : read;
}
