/**
 * The end of a kiosk: a statement of the fleet key that names kiosk and key. It is bound to no request, because a key that
 * was revoked stays so; it may come with any answer, or on a stick.
 */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';

const DRAIN_DAYS = 30;
export const DRAIN_MS = DRAIN_DAYS * 86_400_000;

export const kioskRevocationSchema = statementHeader.extend({
  kioskId: z.string().min(1).max(32),
  /** Hex: a kiosk that is enrolled anew, with another key, is not meant. */
  signingKey: z.string().regex(/^[0-9a-f]{64}$/),
  /** So long its journal is still taken. */
  drainUntil: z.iso.datetime(),
});
export type KioskRevocation = z.infer<typeof kioskRevocationSchema>;
