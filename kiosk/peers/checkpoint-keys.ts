/**
 * What the lanes of a checkpoint make of the key that they share (pure): one key a purpose, and the tags by which a pass is
 * known again. A tag names nobody to whom the key is unknown, and only somebody who was seen before to whom it is known.
 */
import { createHmac } from 'node:crypto';
import type { Claims } from '../../sync/credential/claims.ts';

export interface CheckpointKeys {
  readonly tags: Uint8Array;
  /** Shows at the beginning of a connection that one has the key. */
  readonly proof: Uint8Array;
  /** The keys of each connection come from it. */
  readonly frames: Uint8Array;
}

export const TAG_BYTES = 16;
const DOMAIN = 'checkpoint-peers/1';

export function checkpointKeys(key: Uint8Array): CheckpointKeys {
  const derive = (purpose: string) => hmac(key, `${DOMAIN} ${purpose}`);
  return { tags: derive('tags'), proof: derive('proof'), frames: derive('frames') };
}

export interface PassTags {
  readonly credential: Uint8Array;
  readonly subject: Uint8Array;
}

export function passTags(tagKey: Uint8Array, { cti, subject }: Pick<Claims, 'cti' | 'subject'>): PassTags {
  const tag = (domain: 'credential' | 'subject', id: Uint8Array) => hmac(tagKey, domain, id).subarray(0, TAG_BYTES);
  return { credential: tag('credential', cti), subject: tag('subject', subject) };
}

/** Each part with its length before it: no two lists of parts are one text. */
export function hmac(key: Uint8Array, ...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const mac = createHmac('sha256', key);
  for (const part of parts) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    mac.update(length).update(bytes);
  }
  return new Uint8Array(mac.digest());
}
