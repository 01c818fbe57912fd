/**
 * How two lanes of a checkpoint find out that they are that (pure). Each says who it is, with a fresh nonce; then each
 * shows, over all of both, that it has the key of the checkpoint and the key of the kiosk that it says it is. The one that
 * was called shows nothing before the caller has: a stranger makes it sign nothing.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { fromHex, toHex } from '../../sync/credential/bytes.ts';
import { verifyEd25519 } from '../../sync/credential/ed25519.ts';
import type { Signer } from '../../sync/credential/signer.ts';
import { type CheckpointKeys, hmac } from './checkpoint-keys.ts';
import type { Hello, PeerRefusal, Proof } from './peer-messages.ts';

/** Who called, and who was called. */
export type PeerRole = 'caller' | 'called';

/** Kiosk keys sign other things too: nothing else begins like this. */
const DOMAIN = 'checkpoint-peers/1 proof';

/** SHA-256 over both hellos, the caller's first. */
export function transcriptOf(caller: Hello, called: Hello): Uint8Array {
  const words = [caller, called].flatMap(({ v, kioskId, checkpointId, generation, bootId, nonce }) => [
    String(v),
    kioskId,
    checkpointId,
    String(generation),
    bootId,
    nonce,
  ]);
  // None of the words holds a line end.
  return new Uint8Array(createHash('sha256').update(words.join('\n')).digest());
}

export function prove(role: PeerRole, transcript: Uint8Array, keys: CheckpointKeys, signer: Signer): Proof {
  return { kind: 'proof', mac: toHex(hmac(keys.proof, role, transcript)), signature: toHex(signer.sign(signed(role, transcript))) };
}

/** `role`: of the one who proves. The cheap check comes first: who has no key costs no signature. */
export function refuseProof(
  { mac, signature }: Proof,
  role: PeerRole,
  transcript: Uint8Array,
  keys: CheckpointKeys,
  signingKey: Uint8Array,
): PeerRefusal | undefined {
  if (!timingSafeEqual(hmac(keys.proof, role, transcript), fromHex(mac))) return 'peer-key';
  return verifyEd25519(signed(role, transcript), fromHex(signature), signingKey) ? undefined : 'peer-signature';
}

function signed(role: PeerRole, transcript: Uint8Array): Uint8Array {
  return new TextEncoder().encode(`${DOMAIN}\n${role}\n${toHex(transcript)}`);
}
