/**
 * Sealing of crossings, both ways. A fresh segment key is sealed to upstream's X25519 key; record i of that key is a
 * secretbox under HMAC-SHA-256(segment key, i). The kiosk holds the segment key in memory only: a stolen PC tells nobody's
 * past, and opening costs upstream one X25519 operation a header. Sealed boxes are compatible with libsodium's.
 */
import { createHash, createHmac } from 'node:crypto';
import { blake2b } from '@noble/hashes/blake2.js';
import nacl from 'tweetnacl';
import { concatBytes, toHex } from '../credential/bytes.ts';
import { accept, type Outcome, refuse } from '../credential/outcome.ts';

export const SEGMENT_KEY_BYTES = 32;
/** Plaintexts are padded to a multiple of this, so that a length tells nothing. */
const PAD_BYTES = 256;
const LENGTH_BYTES = 2;
/** Each record key is used once, so the nonce may be constant. */
const ZERO_NONCE = new Uint8Array(nacl.secretbox.nonceLength);

/** libsodium's crypto_box_seal: ephemeral public key, then a box whose nonce is BLAKE2b-24 of both public keys. */
export function sealBox(message: Uint8Array, recipientKey: Uint8Array, ephemeralSecret: Uint8Array): Uint8Array {
  const ephemeral = nacl.box.keyPair.fromSecretKey(ephemeralSecret);
  const box = nacl.box(message, boxNonce(ephemeral.publicKey, recipientKey), recipientKey, ephemeral.secretKey);
  return concatBytes([ephemeral.publicKey, box]);
}

export function openBox(sealed: Uint8Array, recipientSecret: Uint8Array): Outcome<Uint8Array, 'box-invalid'> {
  if (sealed.length < nacl.box.publicKeyLength + nacl.box.overheadLength) return refuse('box-invalid');
  const ephemeralKey = sealed.subarray(0, nacl.box.publicKeyLength);
  const recipient = nacl.box.keyPair.fromSecretKey(recipientSecret);
  const nonce = boxNonce(ephemeralKey, recipient.publicKey);
  const message = nacl.box.open(sealed.subarray(nacl.box.publicKeyLength), nonce, ephemeralKey, recipient.secretKey);
  return message === null ? refuse('box-invalid') : accept(message);
}

/** Names a sealing key in the seals made to it: the first 8 hex digits of SHA-256(public key). */
export function sealKidOf(publicKey: Uint8Array): string {
  return toHex(createHash('sha256').update(publicKey).digest()).slice(0, 8);
}

/** Seals record `index` under a segment key. The result is 16 bytes longer than the padded plaintext. */
export function sealRecord(plaintext: Uint8Array, segmentKey: Uint8Array, index: number): Uint8Array {
  const padded = new Uint8Array(Math.ceil((LENGTH_BYTES + plaintext.length) / PAD_BYTES) * PAD_BYTES);
  new DataView(padded.buffer).setUint16(0, plaintext.length);
  padded.set(plaintext, LENGTH_BYTES);
  return nacl.secretbox(padded, ZERO_NONCE, recordKey(segmentKey, index));
}

export function openRecord(sealed: Uint8Array, segmentKey: Uint8Array, index: number): Outcome<Uint8Array, 'seal-invalid'> {
  if (sealed.length <= nacl.secretbox.overheadLength) return refuse('seal-invalid');
  const padded = nacl.secretbox.open(sealed, ZERO_NONCE, recordKey(segmentKey, index));
  if (padded === null || padded.length < LENGTH_BYTES) return refuse('seal-invalid');
  const lengthBytes = new DataView(padded.buffer, padded.byteOffset).getUint16(0);
  if (LENGTH_BYTES + lengthBytes > padded.length) return refuse('seal-invalid');
  return accept(padded.slice(LENGTH_BYTES, LENGTH_BYTES + lengthBytes));
}

function recordKey(segmentKey: Uint8Array, index: number): Uint8Array {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(index));
  return new Uint8Array(createHmac('sha256', segmentKey).update(counter).digest());
}

function boxNonce(ephemeralKey: Uint8Array, recipientKey: Uint8Array): Uint8Array {
  return blake2b(concatBytes([ephemeralKey, recipientKey]), { dkLen: nacl.box.nonceLength });
}
