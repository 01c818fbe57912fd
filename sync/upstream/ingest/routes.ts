/** Journals over HTTP: the boot handshake, and batches. Every good answer is a receipt bound to the request. */
import type { Clock } from '../../../config/ports/clock.ts';
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import { journalIdText } from '../../protocol/batch.ts';
import { limits } from '../../protocol/limits.ts';
import { type Receipt, requestDigest } from '../../protocol/receipt.ts';
import { type KioskCaller, problem, type Reply, type Route, SIGNATURE_PROBLEMS, type UpstreamRequest } from '../http/route.ts';
import type { Answer, Ingest } from './ingest.ts';

const RECEIPT_DAYS = 90;

export interface IngestRouteOptions {
  readonly ingest: Ingest;
  readonly receiptKey: Signer;
  /** In which the records are kept. */
  readonly storeId: string;
  readonly clock: Clock;
  /** A batch was committed: the projector may look. */
  onCommitted(): void;
}

export function ingestRoutes({ ingest, receiptKey, storeId, clock, onCommitted }: IngestRouteOptions): Route[] {
  const bound = (answer: Answer, { kiosk, nonce }: KioskCaller, request: UpstreamRequest): Reply => {
    const nowMs = clock.wallMs();
    const receipt: Receipt = {
      ...answer,
      storeId,
      version: Math.floor(nowMs / 1000),
      issuedAt: new Date(nowMs).toISOString(),
      expires: new Date(nowMs + RECEIPT_DAYS * 86_400_000).toISOString(),
      audience: kiosk.kioskId,
      requestDigest: requestDigest(request.method, request.target, request.body),
      nonce,
    };
    return { kind: 'statement', line: signStatement('receipt', receipt, receiptKey) };
  };

  return [
    {
      method: 'GET',
      path: '/v1/journals/{journalId}',
      operationId: 'readJournal',
      summary: 'Boot handshake: where upstream stands in a journal.',
      caller: 'kiosk',
      drains: true,
      bodyBytesMax: 0,
      reply: { kind: 'statement', description: 'receipt: acknowledged or unknown-journal' },
      problems: [...SIGNATURE_PROBLEMS, 'request-invalid', 'batch-journal'],
      async handle(request, caller) {
        const journalId = journalIdText.safeParse(request.params.journalId);
        if (!journalId.success) return problem('request-invalid', 'journalId: 32 hex digits');
        const answer = await ingest.handshake(caller.kiosk, journalId.data);
        return answer.ok ? bound(answer.value, caller, request) : problem(answer.reason);
      },
    },
    {
      method: 'POST',
      path: '/v1/journals/{journalId}/batches',
      operationId: 'appendBatch',
      summary: 'A batch of journal lines: gzipped NDJSON, a header line first.',
      caller: 'kiosk',
      drains: true,
      bodyBytesMax: limits.batchEncodedBytes,
      reply: { kind: 'statement', description: 'receipt: acknowledged, gap, fork or unknown-journal' },
      problems: [
        ...SIGNATURE_PROBLEMS,
        'request-invalid',
        'body-too-large',
        'batch-encoding',
        'batch-header',
        'batch-count',
        'batch-line-length',
        'batch-chain',
        'batch-journal',
        'busy',
      ],
      async handle(request, caller) {
        const journalId = journalIdText.safeParse(request.params.journalId);
        if (!journalId.success) return problem('request-invalid', 'journalId: 32 hex digits');
        const evidence = JSON.stringify({
          target: request.target,
          digest: request.headers['content-digest'],
          input: request.headers['signature-input'],
          signature: request.headers.signature,
        });
        const answer = await ingest.takeBatch(caller.kiosk, journalId.data, request.body, evidence);
        if (!answer.ok) return problem(answer.reason);
        onCommitted();
        return bound(answer.value, caller, request);
      },
    },
    {
      method: 'POST',
      path: '/v1/quarantine',
      operationId: 'quarantineRecord',
      summary: 'The bytes of a damaged record n of a journal, sealed, so that the others can go on.',
      caller: 'kiosk',
      drains: true,
      bodyBytesMax: limits.quarantineBytes,
      reply: { kind: 'statement', description: 'receipt that names the record as rejected' },
      problems: [...SIGNATURE_PROBLEMS, 'request-invalid', 'body-too-large', 'batch-journal', 'busy'],
      async handle(request, caller) {
        const query = new URL(request.target, 'http://upstream').searchParams;
        const journalId = journalIdText.safeParse(query.get('journal'));
        const n = Number(query.get('n') ?? Number.NaN);
        if (!journalId.success || !Number.isSafeInteger(n) || n < 1)
          return problem('request-invalid', 'journal: 32 hex digits, n: a number');
        const answer = await ingest.quarantine(caller.kiosk, journalId.data, n, request.body);
        return answer.ok ? bound(answer.value, caller, request) : problem(answer.reason);
      },
    },
  ];
}
