/**
 * What a keyring says, before anybody believes it: its schema, and the fingerprint by which a root is pinned.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { toHex } from './bytes.ts';
import { statementHeader } from './statement.ts';
import { areaCode, classCode } from './trust.ts';

/** Check value of a subject key (protocol/tags.ts), lower-case hex. */
export const subjectKeyCheckText = z.string().regex(/^[0-9a-f]{6}$/, 'check value of a subject key: 6 lower-case hex digits');

const key32 = z.string().regex(/^[0-9a-f]{64}$/);

export const keyringSchema = statementHeader.extend({
  /** Set on keys that were made to show the program: a real kiosk refuses them. */
  demo: z.literal(true).optional(),
  roots: z.array(key32).min(1).max(8),
  /** How many of the roots must have signed. */
  threshold: z.number().int().min(1).max(8),
  issuers: z
    .array(
      z.object({
        key: key32,
        status: z.enum(['active', 'retired', 'revoked']),
        /** Unix seconds, where retired. */
        retiredAt: z.number().int().optional(),
        classes: z.array(classCode).min(1),
        areas: z.array(areaCode).min(1).optional(),
      }),
    )
    .max(1000),
  /** Ed25519 keys by what they may sign: a key signs its own kind of statement only. */
  roles: z.object({
    release: z.array(key32).max(8),
    slice: z.array(key32).max(8),
    /** Says what is urgent, and the time. */
    feed: z.array(key32).max(8).default([]),
    /** Acknowledges crossings. */
    receipt: z.array(key32).max(8).default([]),
    /** Admits and revokes kiosks. */
    fleet: z.array(key32).max(8).default([]),
    /** Sets options of kiosks. */
    config: z.array(key32).max(8).default([]),
  }),
  /** X25519 key to which crossings are sealed. */
  sealing: key32,
  /** SHA-256 of the SubjectPublicKeyInfos that upstream's TLS may show; none: certificate authorities decide. */
  upstreamPins: z.array(key32).max(16).default([]),
  /** Check value of the one key that makes pseudonyms; none: codes and slices are compared with each other only. */
  subjectKeyCheck: subjectKeyCheckText.optional(),
});
export type KeyringBody = z.infer<typeof keyringSchema>;

/** SHA-256 of a root's public key, hex: what is pinned when a kiosk is provisioned. */
export function rootFingerprint(publicKey: Uint8Array): string {
  return toHex(createHash('sha256').update(publicKey).digest());
}
