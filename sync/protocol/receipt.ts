/**
 * The receipt: upstream's word about a journal, and the only thing that acknowledges, refuses or forks. It is bound to the
 * request that it answers by that request's digest and nonce, so that neither an old receipt nor another's moves anything.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { toHex } from '../credential/bytes.ts';
import { statementHeader } from '../credential/statement.ts';
import { chainPoint, hashText, journalIdText } from './batch.ts';
import { storeIdText } from './store-identity.ts';

/**
 * `acknowledged`: records up to n are kept for good, if `head` is the kiosk's own hash there. `gap`: send from n + 1.
 * `fork`: what was sent continues another history than upstream's. `unknown-journal`: nothing of it is here.
 */
export const receiptOutcomes = ['acknowledged', 'gap', 'fork', 'unknown-journal'] as const;

/** Why a record lies in quarantine instead of among the others; the journal goes on behind it. */
export const rejectReasons = ['line-json', 'line-schema', 'line-kiosk', 'id-conflict', 'damaged'] as const;
export type RejectReason = (typeof rejectReasons)[number];

export const receiptSchema = statementHeader.extend({
  /** The store in which the records are kept; absent from centres of an earlier version. */
  storeId: storeIdText.optional(),
  journalId: journalIdText,
  outcome: z.enum(receiptOutcomes),
  /** Last record that is kept, and its hash; 0 and the journal's start where there is none. */
  n: z.number().int().min(0),
  head: hashText,
  rejected: z.array(z.object({ n: z.number().int().min(1), reason: z.enum(rejectReasons) })).max(500),
  /** In a handshake and after a fork: points of upstream's history, newest first, the last one always 0. */
  points: z.array(chainPoint).max(64),
  requestDigest: hashText,
  nonce: z.string().min(16).max(64),
});
export type Receipt = z.infer<typeof receiptSchema>;

/** Where the bytes of a record go that is not any more what was chained. */
export function quarantineTarget(journalId: string, n: number): string {
  return `/v1/quarantine?journal=${journalId}&n=${n}`;
}

/** What a reply is bound to: SHA-256 over method, path with query, and the body as it was sent. */
export function requestDigest(method: string, target: string, body: Uint8Array): string {
  return toHex(createHash('sha256').update(`${method} ${target}\n`).update(body).digest());
}
