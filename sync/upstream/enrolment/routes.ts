/** Enrolment over HTTP. */
import { fromHex } from '../../credential/bytes.ts';
import { enrolmentRequestSchema } from '../../protocol/enrolment.ts';
import { limits } from '../../protocol/limits.ts';
import { checkRequest, readRequestSignature } from '../../protocol/request-signature.ts';
import type { Guesses } from '../http/guesses.ts';
import { parseJson, problem, type Route } from '../http/route.ts';
import type { EnrolmentDesk } from './enrol.ts';

/** What a token that is made up, or somebody else's, is refused with. */
const GUESSED: ReadonlySet<string> = new Set(['token-unknown', 'token-mismatch', 'token-used', 'token-expired']);

export function enrolmentRoutes(desk: EnrolmentDesk, guesses: Guesses): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/enrolments',
      operationId: 'enrol',
      summary: 'A new kiosk shows its token and keys; the request is signed with the new signing key (tag checkpoint-enrolment).',
      caller: 'anyone',
      bodyBytesMax: limits.bodyBytes,
      request: enrolmentRequestSchema,
      reply: { kind: 'statement', description: 'enrolment: the certificate' },
      problems: [
        'signature-missing',
        'signature-form',
        'signature-digest',
        'signature-invalid',
        'request-invalid',
        'body-too-large',
        'token-unknown',
        'token-expired',
        'token-used',
        'token-mismatch',
        'root-mismatch',
        'key-unacceptable',
        'key-revoked',
        'rate-limited',
      ],
      async handle(request) {
        const parameters = readRequestSignature(request.headers, request.body);
        if (!parameters.ok) return problem(parameters.reason);
        if (parameters.value.tag !== 'checkpoint-enrolment') return problem('signature-form');
        const body = enrolmentRequestSchema.safeParse(parseJson(request.body));
        if (!body.success) {
          const [issue] = body.error.issues;
          return problem('request-invalid', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'no JSON'}`);
        }
        if (!checkRequest(request, request.headers, fromHex(body.data.signingKey))) return problem('signature-invalid');
        if (!guesses.admits(request.address)) return problem('rate-limited');
        const certificate = await desk.enrol(body.data);
        if (!certificate.ok && GUESSED.has(certificate.reason)) await guesses.wrong(request.address);
        return certificate.ok ? { kind: 'statement', line: certificate.value } : problem(certificate.reason);
      },
    },
  ];
}
