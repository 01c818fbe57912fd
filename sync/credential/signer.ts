/**
 * Ed25519 signing (RFC 8032 section 5.1.6): a key that stays in one place and signs. Native where it gives the known
 * answer, tweetnacl otherwise; both give the same bytes, because Ed25519 signatures are deterministic.
 */
import { createPrivateKey, sign as nodeSign } from 'node:crypto';
import nacl from 'tweetnacl';
import { compareBytes, fromHex } from './bytes.ts';

export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** DER prefix of an Ed25519 private key in PKCS #8 (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

function nativeSigner(seed: Uint8Array): Signer {
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return { publicKey, sign: (message) => new Uint8Array(nodeSign(null, message, key)) };
}

function tweetnaclSigner(seed: Uint8Array): Signer {
  const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(seed);
  return { publicKey, sign: (message) => nacl.sign.detached(message, secretKey) };
}

/** RFC 8032 section 7.1 TEST 2. */
const KNOWN_SEED = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
const KNOWN_MESSAGE = Uint8Array.of(0x72);
const KNOWN_SIGNATURE = fromHex(
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
);

/** Whether a way to sign gives the known answer. */
export function signsCorrectly(open: (seed: Uint8Array) => Signer): boolean {
  try {
    return compareBytes(open(KNOWN_SEED).sign(KNOWN_MESSAGE), KNOWN_SIGNATURE) === 0;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

const isNative = signsCorrectly(nativeSigner);

/** `seed`: 32 secret bytes. */
export function createSigner(seed: Uint8Array): Signer {
  return isNative ? nativeSigner(seed) : tweetnaclSigner(seed);
}

export const signers = { native: nativeSigner, tweetnacl: tweetnaclSigner } as const;
