/**
 * The rotating half of the profile: what a holder's device signs anew every 30 seconds, and the text around it.
 * Free of Node, with SHA-256 as an argument: the same code makes the text on the phone and checks it at the lane.
 */
import nacl from 'tweetnacl';
import { encodeBase45 } from './base45.ts';
import { concatBytes } from './bytes.ts';
import { encodeCbor } from './cbor.ts';

/** A rotating code renews every 30 s. */
export const STEP_S = 30;
const POP_DOMAIN = new TextEncoder().encode('CP2-PoP\0');

export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** The step that an instant falls in, Unix seconds. */
export function stepAt(now: number): number {
  return Math.floor(now / STEP_S);
}

/** What the holder's device signs: SHA-256(domain, SHA-256(credential), step as 64-bit big-endian). */
export function popMessage(cose: Uint8Array, step: number, sha256: Sha256): Uint8Array {
  const stepBytes = new Uint8Array(8);
  new DataView(stepBytes.buffer).setBigUint64(0, BigInt(step));
  return sha256(concatBytes([POP_DOMAIN, sha256(cose), stepBytes]));
}

/** The text of a rotating code: the credential with the device's proof for one step. */
export function writeRotating(cose: Uint8Array, deviceSeed: Uint8Array, step: number, sha256: Sha256): string {
  const pair = nacl.sign.keyPair.fromSeed(deviceSeed);
  const proof = nacl.sign.detached(popMessage(cose, step, sha256), pair.secretKey);
  return `CP2:${encodeBase45(encodeCbor([cose, step, proof]))}`;
}
