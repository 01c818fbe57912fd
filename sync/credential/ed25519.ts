/**
 * Strict Ed25519 verification (RFC 8032 section 5.1.7, with the malleability and small-order rules that it leaves open).
 * One gate in front of two back ends: the gate decides what may be verified at all, so both give the same verdicts.
 * Kiosk and upstream call only this; never throws on bad input.
 */
import { createPublicKey, type KeyObject, verify as nodeVerify } from 'node:crypto';
import nacl from 'tweetnacl';
import { fromHex } from './bytes.ts';
import { isOnCurve } from './edwards-point.ts';

/** Group order L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
const ORDER_L = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
/** Field prime p = 2^255 - 19, little-endian. */
const PRIME_P = fromHex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
/** y coordinates (sign bit cleared) of the points of order 1, 2, 4 and 8, with their non-canonical twins 0+p and 1+p. */
const SMALL_ORDER_Y = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(fromHex);

export type SignatureReason = 'sig-length' | 'sig-s-range' | 'sig-r-invalid' | 'sig-invalid';
export type Ed25519Backend = 'native' | 'tweetnacl';
type RawVerify = (message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array) => boolean;

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_CACHE_MAX = 256;

const backends: Record<Ed25519Backend, () => RawVerify> = {
  tweetnacl: () => (message, signature, publicKey) => nacl.sign.detached.verify(message, signature, publicKey),
  native: () => {
    // Importing a key costs more than half of a verification; issuer keys are few and come again.
    const keys = new Map<string, KeyObject>();
    return (message, signature, publicKey) => {
      const id = Buffer.from(publicKey).toString('latin1');
      let key = keys.get(id);
      if (key === undefined) {
        key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
        if (keys.size >= KEY_CACHE_MAX) keys.clear();
        keys.set(id, key);
      }
      return nodeVerify(null, message, key, signature);
    };
  },
};

/** RFC 8032 section 7.1 TEST 2: asked whole, with S+L, with one bit of R or S flipped, and under another message. */
const KNOWN_KEY = fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
const KNOWN_SIGNATURE = fromHex(
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
);
const KNOWN_MESSAGE = Uint8Array.of(0x72);
const OTHER_MESSAGE = Uint8Array.of(0x73);

/** Builds the strict verifier on one back end and lets it answer the known questions first; undefined when one answer is wrong. */
export function openEd25519(backend: Ed25519Backend): StrictEd25519 | undefined {
  const candidate = buildEd25519(backend);
  return candidate.passesSelfTest() ? candidate : undefined;
}

export class StrictEd25519 {
  readonly backend: Ed25519Backend;
  private readonly raw: RawVerify;

  constructor(backend: Ed25519Backend, raw: RawVerify) {
    this.backend = backend;
    this.raw = raw;
  }

  /** Undefined when the signature holds, else the first rule that it breaks. A public key the gate refuses gives sig-invalid. */
  check(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): SignatureReason | undefined {
    if (signature.length !== 64) return 'sig-length';
    if (!isBelow(signature.subarray(32), ORDER_L)) return 'sig-s-range';
    if (!isPointAcceptable(signature.subarray(0, 32))) return 'sig-r-invalid';
    if (publicKey.length !== 32 || !isPointAcceptable(publicKey)) return 'sig-invalid';
    return this.rawVerdict(message, signature, publicKey) ? undefined : 'sig-invalid';
  }

  passesSelfTest(): boolean {
    const sPlusL = KNOWN_SIGNATURE.slice();
    let carry = 0;
    for (let i = 0; i < 32; i++) {
      const sum = (sPlusL[32 + i] ?? 0) + (ORDER_L[i] ?? 0) + carry;
      sPlusL[32 + i] = sum & 0xff;
      carry = sum >> 8;
    }
    // The gate lets these through: only the back end can say no.
    const flips = [0, 32].map((at) => KNOWN_SIGNATURE.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    return (
      this.check(KNOWN_MESSAGE, KNOWN_SIGNATURE, KNOWN_KEY) === undefined &&
      this.check(KNOWN_MESSAGE, sPlusL, KNOWN_KEY) === 'sig-s-range' &&
      flips.every((flipped) => this.check(KNOWN_MESSAGE, flipped, KNOWN_KEY) === 'sig-invalid') &&
      this.check(OTHER_MESSAGE, KNOWN_SIGNATURE, KNOWN_KEY) === 'sig-invalid'
    );
  }

  /** A back end that throws on a point it cannot decode has said no. */
  private rawVerdict(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
    try {
      return this.raw(message, signature, publicKey);
    } catch (error) {
      if (error instanceof Error) return false;
      throw error;
    }
  }
}

function buildEd25519(backend: Ed25519Backend): StrictEd25519 {
  return new StrictEd25519(backend, backends[backend]());
}

/** The first candidate that gives the known answers. Where none does this throws: better no program than one that believes anything. */
export function chooseEd25519(candidates: readonly StrictEd25519[]): StrictEd25519 {
  const sound = candidates.find((candidate) => candidate.passesSelfTest());
  if (sound === undefined) throw new Error('no Ed25519 back end gives the known answers');
  return sound;
}

const inUse = chooseEd25519([buildEd25519('native'), buildEd25519('tweetnacl')]);

/** The back end in use: native where it passed the known answers, tweetnacl otherwise. */
export function ed25519Backend(): Ed25519Backend {
  return inUse.backend;
}

export function ed25519InUse(): StrictEd25519 {
  return inUse;
}

/** True only for a canonical signature by a canonical key of large order. `publicKey` 32 bytes, `signature` 64 bytes. */
export function verifyEd25519(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return inUse.check(message, signature, publicKey) === undefined;
}

/** Whether a public key may be trusted at all: 32 bytes, y < p, a point of the curve, not of small order. */
export function isPublicKeyAcceptable(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && isPointAcceptable(publicKey) && isOnCurve(publicKey);
}

/** What the gate asks of A and R alike, cheaply: whether there is such a point is left to the back end. */
function isPointAcceptable(encoded: Uint8Array): boolean {
  const y = encoded.slice();
  y[31] = (y[31] ?? 0) & 0x7f;
  return isBelow(y, PRIME_P) && !SMALL_ORDER_Y.some((small) => small.every((byte, i) => byte === y[i]));
}

/** Little-endian a < b. Verification handles public data only, so no constant time is needed. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = b.length - 1; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
