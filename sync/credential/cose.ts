/**
 * COSE_Sign1 (RFC 9052 section 4.2) with Ed25519, both ways: the one envelope of credentials and of every signed statement.
 * Parsing and verifying are two steps, because the key is found in between by the key id, which is a hint and no proof.
 */
import { createHash } from 'node:crypto';
import { toHex } from './bytes.ts';
import { type CborMap, type CborReason, type CborValue, decodeCbor, encodeCbor, isCborArray, isCborMap } from './cbor.ts';
import { ed25519InUse, type SignatureReason, type StrictEd25519 } from './ed25519.ts';
import { accept, type Outcome, refuse } from './outcome.ts';
import { createSigner, type Signer } from './signer.ts';

/** Fully specified Ed25519 (RFC 9864). */
const ALG_ED25519 = -19;
/** Polymorphic EdDSA (RFC 9053 section 2.2, deprecated): accepted, because the trusted key is Ed25519 in any case. */
const ALG_EDDSA = -8;
const HEADER_ALG = 1;
const HEADER_CONTENT_TYPE = 3;
const HEADER_KID = 4;
const KID_BYTES = 4;

export type CoseReason =
  | CborReason
  | 'cose-tag'
  | 'cose-shape'
  | 'cose-unprotected'
  | 'cose-alg-missing'
  | 'cose-alg-unsupported'
  | 'cose-header-unknown'
  | 'kid-invalid';

export interface Sign1 {
  /** First 4 bytes of SHA-256(public key), lower-case hex. */
  readonly kid: string;
  readonly contentType: string | undefined;
  readonly payload: Uint8Array;
  readonly protectedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a message may carry besides algorithm and key id: a credential no content type, a statement always one. */
export interface Sign1Form {
  readonly contentType: 'none' | 'required';
}

/** Reads the envelope without believing it. Order: CBOR, tag, shape, unprotected, algorithm, other headers, key id. */
export function parseSign1(bytes: Uint8Array, form: Sign1Form): Outcome<Sign1, CoseReason> {
  const root = decodeCbor(bytes, true);
  if (!root.ok) return root;
  const tagged = root.value;
  if (typeof tagged !== 'object' || !('tag' in tagged)) return refuse('cose-tag');
  const parts = tagged.content;
  if (!isCborArray(parts) || parts.length !== 4) return refuse('cose-shape');
  const [protectedBytes, unprotected, payload, signature] = parts;
  if (
    !(protectedBytes instanceof Uint8Array) ||
    !isCborMap(unprotected) ||
    !(payload instanceof Uint8Array) ||
    !(signature instanceof Uint8Array)
  ) {
    return refuse('cose-shape');
  }
  if (unprotected.size > 0) return refuse('cose-unprotected');
  // An empty protected header may stand as a zero-length string (RFC 9052 section 3).
  const header = protectedBytes.length === 0 ? accept<CborValue>(new Map()) : decodeCbor(protectedBytes);
  if (!header.ok) return header;
  if (!isCborMap(header.value)) return refuse('cose-shape');
  const known = parseHeader(header.value, form);
  return known.ok ? accept({ ...known.value, payload, protectedBytes, signature }) : known;
}

function parseHeader(header: CborMap, form: Sign1Form): Outcome<Pick<Sign1, 'kid' | 'contentType'>, CoseReason> {
  const alg = header.get(HEADER_ALG);
  if (alg === undefined) return refuse('cose-alg-missing');
  if (alg !== ALG_ED25519 && alg !== ALG_EDDSA) return refuse('cose-alg-unsupported');
  for (const label of header.keys()) {
    const isKnown = label === HEADER_ALG || label === HEADER_KID || (label === HEADER_CONTENT_TYPE && form.contentType === 'required');
    if (!isKnown) return refuse('cose-header-unknown');
  }
  const contentType = header.get(HEADER_CONTENT_TYPE);
  if (form.contentType === 'required' && typeof contentType !== 'string') return refuse('cose-shape');
  const kid = header.get(HEADER_KID);
  if (!(kid instanceof Uint8Array) || kid.length !== KID_BYTES) return refuse('kid-invalid');
  return accept({ kid: toHex(kid), contentType: typeof contentType === 'string' ? contentType : undefined });
}

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
