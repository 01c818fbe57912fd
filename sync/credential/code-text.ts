/**
 * The outermost layer of the profile: prefix, length, base45, and for a rotating code its wrapper.
 * Free of Node, like all that the page on a holder's phone uses.
 */
import { decodeBase45 } from './base45.ts';
import { decodeCbor, isCborArray } from './cbor.ts';
import { accept, type Outcome, refuse } from './outcome.ts';
import type { CredentialReason } from './reasons.ts';

const TEXT_CHARS_MAX = 512;

/** A signed credential as a text carries it, and what a device adds for one step. */
export interface UnwrappedCode {
  readonly cose: Uint8Array;
  readonly proof?: { readonly step: number; readonly signature: Uint8Array };
}

/** Takes a text apart without believing any of it. */
export function unwrapCode(text: string): Outcome<UnwrappedCode, CredentialReason> {
  const prefix = text.slice(0, 4);
  if (prefix !== 'CP1:' && prefix !== 'CP2:') return refuse('prefix-unknown');
  if (text.length > TEXT_CHARS_MAX) return refuse('qr-too-long');
  const bytes = decodeBase45(text.slice(4));
  if (!bytes.ok) return bytes;
  if (prefix === 'CP1:') return accept({ cose: bytes.value });
  const wrapper = decodeCbor(bytes.value, true);
  if (!wrapper.ok) return wrapper;
  const parts = wrapper.value;
  if (!isCborArray(parts) || parts.length !== 3) return refuse('pop-shape');
  const [cose, step, signature] = parts;
  if (!(cose instanceof Uint8Array) || typeof step !== 'number' || step < 0) return refuse('pop-shape');
  if (!(signature instanceof Uint8Array) || signature.length !== 64) return refuse('pop-shape');
  return accept({ cose, proof: { step, signature } });
}
