/**
 * Believes a reply, or not: only a statement signed by the right role and bound to the very request counts. Everything
 * else, whatever its status, is a failure of the transport.
 */
import { openStatement, parseEnvelopes } from '../credential/statement.ts';
import { type Receipt, receiptSchema } from '../protocol/receipt.ts';
import { type ClientReply, failureText } from './upstream-client.ts';

export type ReadReply =
  | { readonly ok: true; readonly receipt: Receipt; readonly line: string }
  | { readonly ok: false; readonly why: string; readonly retryAfterMs: number; readonly tooLarge: boolean };

export function readReceipt(
  reply: ClientReply,
  keys: ReadonlyMap<string, Uint8Array>,
  own: { readonly kioskId: string; readonly journalId: string; readonly storeId?: string | undefined },
): ReadReply {
  if (reply.kind === 'failed') return { ok: false, why: failureText(reply), retryAfterMs: 0, tooLarge: reply.timedOut };
  const refused = (why: string): ReadReply => ({
    ok: false,
    why: `HTTP ${reply.status}: ${why}`,
    retryAfterMs: reply.retryAfterMs,
    tooLarge: reply.status === 413,
  });
  const envelopes = parseEnvelopes(reply.text);
  if (!envelopes.ok) return refused(problemTitle(reply.text) ?? 'no signed answer');
  const receipt = openStatement(envelopes.value[0], 'receipt', keys, receiptSchema);
  if (!receipt.ok) return refused(receipt.reason);
  const { audience, journalId, requestDigest, nonce, storeId } = receipt.value;
  if (audience !== own.kioskId || journalId !== own.journalId) return refused('a receipt for another kiosk or journal');
  // What another store keeps is not kept where this kiosk's records belong.
  const isForeign = own.storeId !== undefined && storeId !== undefined && storeId !== own.storeId;
  if (isForeign) return refused(`store-mismatch: a receipt of store ${storeId}, not of ${own.storeId}`);
  if (requestDigest !== reply.digest || nonce !== reply.nonce) return refused('a receipt for another request');
  return { ok: true, receipt: receipt.value, line: reply.text.trimEnd() };
}

/** For the log only: what an unsigned problem says of itself, shortened. */
export function problemTitle(text: string): string | undefined {
  const match = /"title":"([^"\\]{1,120})"/.exec(text);
  return match?.[1];
}
