/**
 * The signature of COSE_Sign1 (RFC 9052 section 4.4) with Ed25519, made and checked: of credentials and of every statement.
 * Reading the envelope (sign1.ts) is a step of its own: the key is found in between by the key id, a hint and no proof.
 */
import { createHash } from 'node:crypto';
import { type CborValue, encodeCbor } from './cbor.ts';
import { ed25519InUse, type SignatureReason, type StrictEd25519 } from './ed25519.ts';
import { ALG_ED25519, HEADER_ALG, HEADER_CONTENT_TYPE, HEADER_KID, KID_BYTES, type Sign1 } from './sign1.ts';
import { createSigner, type Signer } from './signer.ts';

/** Undefined when `publicKey` signed this message, else why not. */
export function checkSign1(message: Sign1, publicKey: Uint8Array, ed25519: StrictEd25519 = ed25519InUse()): SignatureReason | undefined {
  return ed25519.check(sigStructure(message.protectedBytes, message.payload), message.signature, publicKey);
}

/** Signs `payload` with a key or its 32-byte seed; always algorithm -19. Returns the tagged message. */
export function signSign1(payload: Uint8Array, key: Uint8Array | Signer, contentType?: string): Uint8Array {
  const signer = key instanceof Uint8Array ? createSigner(key) : key;
  const header = new Map<number, CborValue>([
    [HEADER_ALG, ALG_ED25519],
    [HEADER_KID, keyId(signer.publicKey)],
  ]);
  if (contentType !== undefined) header.set(HEADER_CONTENT_TYPE, contentType);
  const protectedBytes = encodeCbor(header);
  const signature = signer.sign(sigStructure(protectedBytes, payload));
  return encodeCbor({ tag: 18, content: [protectedBytes, new Map(), payload, signature] });
}

/** Sig_structure of RFC 9052 section 4.4 with empty external data. */
function sigStructure(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', protectedBytes, new Uint8Array(0), payload]);
}

/** Key id: the first 4 bytes of SHA-256(public key). A hint only; a trust list must be free of collisions. */
export function keyId(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(publicKey).digest().subarray(0, KID_BYTES));
}
