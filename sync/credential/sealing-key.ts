/** Which X25519 keys may be sealed to. */
import nacl from 'tweetnacl';

/** Whether a secret can be shared with this key at all: one of low order gives zero to everybody (RFC 7748 section 6.1). */
export function isSealingKeyAcceptable(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && nacl.scalarMult(new Uint8Array(32).fill(9), publicKey).some((byte) => byte !== 0);
}
