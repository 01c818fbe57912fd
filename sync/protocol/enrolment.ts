/**
 * Enrolment: a new kiosk shows a single-use token and its own fresh keys, signs the request with them, and gets a
 * certificate that names kiosk and keys. Asking again with the same token and key gives the same certificate.
 */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';
import { hashText } from './batch.ts';
import { storeIdText } from './store-identity.ts';

export const kioskName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/);

export const enrolmentRequestSchema = z.strictObject({
  /** 32 random bytes, base64url; upstream keeps only its hash. */
  token: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  kioskId: kioskName,
  checkpointId: kioskName,
  lane: kioskName,
  /** Ed25519 public key, which also signed this request. */
  signingKey: hashText,
  /** X25519 public key: what is secret reaches the kiosk sealed to it. */
  sealingKey: hashText,
  /** Fingerprint of the root that the kiosk is pinned to: a kiosk and an upstream of different roots must not meet. */
  root: hashText,
});
export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>;

export const certificateSchema = statementHeader.extend({
  kioskId: kioskName,
  checkpointId: kioskName,
  lane: kioskName,
  signingKey: hashText,
  sealingKey: hashText,
  /** The store that it is enrolled with, whose lists alone it believes; absent from certificates of an earlier version. */
  storeId: storeIdText.optional(),
});
export type Certificate = z.infer<typeof certificateSchema>;
