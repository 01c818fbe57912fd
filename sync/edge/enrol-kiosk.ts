/** The kiosk's side of enrolment: asks for a certificate and believes it only from the fleet key, for the own keys. */
import type { Keyring } from '../credential/keyring.ts';
import { accept, type Outcome } from '../credential/outcome.ts';
import { openStatement, parseEnvelopes } from '../credential/statement.ts';
import { certificateSchema, type EnrolmentRequest } from '../protocol/enrolment.ts';
import { problemTitle } from './read-reply.ts';
import { failureText, type UpstreamClient } from './upstream-client.ts';

const REQUEST_MS = 30_000;

/** The certificate's line, or one sentence why there is none. */
export async function enrolKiosk(client: UpstreamClient, request: EnrolmentRequest, keyring: Keyring): Promise<Outcome<string, string>> {
  const reply = await client.send({
    method: 'POST',
    target: '/v1/enrolments',
    body: new TextEncoder().encode(JSON.stringify(request)),
    contentType: 'application/json',
    timeoutMs: REQUEST_MS,
    tag: 'checkpoint-enrolment',
  });
  if (reply.kind === 'failed') return { ok: false, reason: failureText(reply) };
  return readCertificate(reply.text, request, keyring);
}

/** What the centre answered: a certificate for the own keys, or why not. */
export function readCertificate(
  text: string,
  request: Omit<EnrolmentRequest, 'token' | 'root'>,
  keyring: Keyring,
): Outcome<string, string> {
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) return { ok: false, reason: problemTitle(text) ?? 'the answer is not signed' };
  const certificate = openStatement(envelopes.value[0], 'enrolment', keyring.roles.fleet, certificateSchema);
  if (!certificate.ok) return { ok: false, reason: `the certificate is refused: ${certificate.reason}` };
  const { kioskId, checkpointId, lane, signingKey, sealingKey } = certificate.value;
  const isOwn =
    kioskId === request.kioskId &&
    checkpointId === request.checkpointId &&
    lane === request.lane &&
    signingKey === request.signingKey &&
    sealingKey === request.sealingKey;
  return isOwn ? accept(text.trimEnd()) : { ok: false, reason: 'the certificate names another kiosk or other keys' };
}
