/**
 * The envelope of COSE_Sign1 (RFC 9052 section 4.2), read and not believed: who seems to have signed what.
 * Free of Node, so that the page on a holder's phone reads its credential with the kiosk's own code.
 */
import { toHex } from './bytes.ts';
import { type CborMap, type CborReason, type CborValue, decodeCbor, isCborArray, isCborMap } from './cbor.ts';
import { accept, type Outcome, refuse } from './outcome.ts';

/** Fully specified Ed25519 (RFC 9864). */
export const ALG_ED25519 = -19;
/** Polymorphic EdDSA (RFC 9053 section 2.2, deprecated): accepted, because the trusted key is Ed25519 in any case. */
const ALG_EDDSA = -8;
export const HEADER_ALG = 1;
export const HEADER_CONTENT_TYPE = 3;
export const HEADER_KID = 4;
export const KID_BYTES = 4;

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
