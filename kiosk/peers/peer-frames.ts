/**
 * Frames of a connection whose ends know each other: who speaks (1 byte), number (8), message, HMAC-SHA-256 (32). The key is
 * made for this connection and direction from the key of the checkpoint and both nonces, so that a frame of another
 * connection, of the other direction, of another time, or changed on the way counts for nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { accept, type Outcome, refuse } from '../../sync/credential/outcome.ts';
import { type CheckpointKeys, hmac } from './checkpoint-keys.ts';
import type { PeerRole } from './peer-handshake.ts';
import type { PeerRefusal } from './peer-messages.ts';

export interface PeerFrames {
  /** The next frame. */
  seal(message: Uint8Array): Uint8Array;
  /** The next message of the other side. */
  open(frame: Uint8Array): Outcome<Uint8Array, Extract<PeerRefusal, `frame-${string}`>>;
}

const HEAD_BYTES = 9;
const MAC_BYTES = 32;
export const FRAME_BYTES_EXTRA = HEAD_BYTES + MAC_BYTES;
const SPEAKER = { caller: 0, called: 1 } as const;

export function createFrames(own: PeerRole, transcript: Uint8Array, keys: CheckpointKeys): PeerFrames {
  const other = own === 'caller' ? 'called' : 'caller';
  const keyOf = (role: PeerRole) => hmac(keys.frames, role, transcript);
  const [ownKey, otherKey] = [keyOf(own), keyOf(other)];
  let sent = 0n;
  let received = 0n;
  return {
    seal(message) {
      const head = Buffer.alloc(HEAD_BYTES);
      head[0] = SPEAKER[own];
      head.writeBigUInt64BE(sent++, 1);
      return Buffer.concat([head, message, macOf(ownKey, head, message)]);
    },
    open(frame) {
      if (frame.length < FRAME_BYTES_EXTRA) return refuse('frame-malformed');
      const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
      const head = bytes.subarray(0, HEAD_BYTES);
      const message = bytes.subarray(HEAD_BYTES, -MAC_BYTES);
      if (head[0] === SPEAKER[own]) return refuse('frame-reflected');
      if (!timingSafeEqual(macOf(otherKey, head, message), bytes.subarray(-MAC_BYTES))) return refuse('frame-forged');
      if (head.readBigUInt64BE(1) !== received) return refuse('frame-sequence');
      received++;
      return accept(message);
    },
  };
}

function macOf(key: Uint8Array, head: Uint8Array, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(head).update(message).digest();
}
