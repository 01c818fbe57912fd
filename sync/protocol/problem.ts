/**
 * Errors of the upstream service (RFC 9457): one table of codes, each with status and title. A problem moves nothing at a
 * kiosk: it means try again later, and tells a person why.
 */
import { z } from 'zod';

export const problems = {
  'signature-missing': { status: 401, title: 'The request is not signed.' },
  'signature-form': { status: 401, title: 'The signature is written in a form that is not accepted.' },
  'signature-digest': { status: 401, title: 'The body is not the one that was signed.' },
  'signature-invalid': { status: 401, title: 'The signature does not hold.' },
  'kiosk-unknown': { status: 403, title: 'No kiosk of this name is enrolled.' },
  'key-revoked': { status: 403, title: 'This key was revoked: the kiosk needs a new one.' },
  'operator-unknown': { status: 401, title: 'No operator has this token.' },
  'host-unknown': { status: 421, title: 'The operator is served under the names of this centre only (--name adds one).' },
  'origin-foreign': { status: 403, title: 'A page of another site, or no page of this one, asked for a change.' },
  'content-type': { status: 415, title: 'A change is sent as application/json.' },
  'token-unknown': { status: 403, title: 'The enrolment token is not known.' },
  'token-expired': { status: 403, title: 'The enrolment token is too old.' },
  'token-used': { status: 403, title: 'Another key has used the enrolment token.' },
  'token-mismatch': { status: 403, title: 'The enrolment token was made for another kiosk, checkpoint or lane.' },
  'key-unacceptable': { status: 400, title: 'A key is not one that may be used.' },
  'root-mismatch': { status: 403, title: 'The kiosk is pinned to another root than this upstream.' },
  'request-invalid': { status: 400, title: 'The request is not as described.' },
  'not-found': { status: 404, title: 'There is nothing here.' },
  'body-too-large': { status: 413, title: 'The body is larger than allowed.' },
  'batch-encoding': { status: 400, title: 'The batch is not valid gzip.' },
  'batch-header': { status: 400, title: 'The header of the batch is not as described.' },
  'batch-count': { status: 400, title: 'The batch holds more or fewer records than its header says.' },
  'batch-line-length': { status: 400, title: 'A line of the batch is empty or too long.' },
  'batch-chain': { status: 400, title: 'The batch does not chain to the head that its header names.' },
  'batch-journal': { status: 400, title: 'The batch belongs to another journal or kiosk than the request.' },
  'request-repeated': { status: 409, title: 'This very request was taken before.' },
  'request-stale': { status: 409, title: 'The request is older than one that was taken.' },
  'rate-limited': { status: 429, title: 'Too many requests from this address, or from all; wait a few seconds.' },
  busy: { status: 503, title: 'Too much at once; try again.' },
  'disk-full': { status: 507, title: 'The disk of the centre is full: nothing of the request was stored.' },
  internal: { status: 500, title: 'The service failed.' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;
export type ProblemCode = keyof typeof problems;

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string().optional(),
});

export function problemBody(code: ProblemCode, detail?: string): z.infer<typeof problemSchema> {
  const { status, title } = problems[code];
  return { type: `urn:checkpoint-kiosk:problem:${code}`, title, status, ...(detail !== undefined && { detail }) };
}
