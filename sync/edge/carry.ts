/**
 * The carrier stick, the kiosk's side: writes the requests that the push loop would have sent, and reads the answers that
 * somebody brought back. A receipt counts as it does over the line: signed, and bound to a request of this very kiosk.
 */
import type { Host } from '../../config/ports/host.ts';
import { accept, type Outcome } from '../credential/outcome.ts';
import type { Signer } from '../credential/signer.ts';
import type { CarriedAnswer, CarriedRequest } from '../protocol/carry.ts';
import { limits } from '../protocol/limits.ts';
import { quarantineTarget, requestDigest } from '../protocol/receipt.ts';
import { checkRequest, type RequestTag, readRequestSignature, signRequest } from '../protocol/request-signature.ts';
import { sealBox } from '../protocol/sealing.ts';
import { createOutbox, type OutboxOptions } from './outbox-journal.ts';
import { readReceipt } from './read-reply.ts';

const NONCE_BYTES = 16;

export interface CarriedQuestion {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly body?: Uint8Array;
  readonly tag?: RequestTag;
}

/** Signed like a request over the line. */
export function packRequest(
  { method, target, body = new Uint8Array(0), tag = 'checkpoint-kiosk' }: CarriedQuestion,
  keyId: string,
  signer: Signer,
  { clock, random }: Pick<Host, 'clock' | 'random'>,
): CarriedRequest {
  const nonce = Buffer.from(random.bytes(NONCE_BYTES)).toString('base64url');
  const created = Math.floor(clock.wallMs() / 1000);
  const headers = signRequest({ method, target, body }, { created, nonce, keyId, tag }, signer);
  return { v: 1, method, target, headers, body: Buffer.from(body).toString('base64') };
}

/** Everything that waits: the handshake, which says where upstream stands, and the batches behind the last acknowledged record. */
export async function* packOutbox(options: OutboxOptions, sealTo: Uint8Array, signer: Signer, host: Host): AsyncGenerator<CarriedRequest> {
  const { journal, kioskId } = options;
  const outbox = createOutbox(options, host);
  const target = `/v1/journals/${journal.journalId()}`;
  yield packRequest({ method: 'GET', target }, kioskId, signer, host);
  for (let after = outbox.acknowledged(); after < journal.lastSeq(); ) {
    const damaged = outbox.damagedAfter(after);
    if (damaged !== undefined) {
      // What lies behind it goes on the next stick, when the centre has said that it keeps this one.
      const body = sealBox(damaged.line, sealTo, host.random.bytes(32));
      yield packRequest({ method: 'POST', target: quarantineTarget(journal.journalId(), damaged.n), body }, kioskId, signer, host);
      return;
    }
    const { body, records } = await outbox.batchAfter(after, limits.batchRecords);
    yield packRequest({ method: 'POST', target: `${target}/batches`, body }, kioskId, signer, host);
    after += records;
  }
}

export interface TakenReceipts {
  /** Last record that upstream has. */
  readonly acknowledged: number;
  readonly waiting: number;
  /** Answers that were not believed, each with one sentence. */
  readonly refused: readonly string[];
}

/** Follows the receipts among the answers, in the order of the requests; another journal's say nothing. */
export function takeReceipts(
  options: OutboxOptions,
  requests: readonly CarriedRequest[],
  answers: readonly CarriedAnswer[],
  keys: { readonly own: Uint8Array; readonly receipt: ReadonlyMap<string, Uint8Array>; readonly storeId: string | undefined },
  host: Pick<Host, 'clock' | 'log'>,
): TakenReceipts {
  const { journal, kioskId } = options;
  const outbox = createOutbox(options, host);
  const refused: string[] = [];
  for (const request of requests) {
    const reply = answers.find((answer) => answer.kind === 'reply' && answer.signature === request.headers.signature);
    const journalId = journal.journalId();
    const isOurs = [`/v1/journals/${journalId}`, `/v1/quarantine?journal=${journalId}`].some((start) => request.target.startsWith(start));
    if (reply?.kind !== 'reply' || !isOurs) continue;
    const bound = ownRequest(request, keys.own);
    if (!bound.ok) {
      refused.push(bound.reason);
      continue;
    }
    const { text, status } = reply;
    const carried = { kind: 'reply', status, text, retryAfterMs: 0, ...bound.value } as const;
    const read = readReceipt(carried, keys.receipt, { kioskId, journalId, storeId: keys.storeId });
    const [rejected] = read.ok && request.target.startsWith('/v1/quarantine') ? read.receipt.rejected : [];
    if (!read.ok) refused.push(read.why);
    else if (rejected !== undefined) outbox.skip(rejected.n, read.line);
    else outbox.follow(read.receipt, read.line);
  }
  return { acknowledged: outbox.acknowledged(), waiting: outbox.waiting(), refused };
}

/** Digest and nonce of a request, where this kiosk has signed it: the stick was in other hands. */
function ownRequest(
  { method, target, headers, body }: CarriedRequest,
  ownKey: Uint8Array,
): Outcome<{ readonly digest: string; readonly nonce: string }, string> {
  const bytes = new Uint8Array(Buffer.from(body, 'base64'));
  const parameters = readRequestSignature(headers, bytes);
  if (!parameters.ok) return parameters;
  if (!checkRequest({ method, target, body: bytes }, headers, ownKey)) return { ok: false, reason: 'a request of another key' };
  return accept({ digest: requestDigest(method, target, bytes), nonce: parameters.value.nonce });
}
