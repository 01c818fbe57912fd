/** Who sends a request: a kiosk by its signature, an operator by the token. */
import { timingSafeEqual } from 'node:crypto';
import { fromHex } from '../../credential/bytes.ts';
import { accept, type Outcome, refuse } from '../../credential/outcome.ts';
import { checkRequest, type RequestSignatureReason, readRequestSignature } from '../../protocol/request-signature.ts';
import type { FleetStore } from '../store/store.ts';
import type { KioskCaller, UpstreamRequest } from './route.ts';

export async function authenticateKiosk(
  request: UpstreamRequest,
  store: Pick<FleetStore, 'findKiosk'>,
): Promise<Outcome<KioskCaller, RequestSignatureReason | 'kiosk-unknown'>> {
  const parameters = readRequestSignature(request.headers, request.body);
  if (!parameters.ok) return parameters;
  const { keyId, nonce, tag } = parameters.value;
  if (tag !== 'checkpoint-kiosk') return refuse('signature-form');
  const kiosk = await store.findKiosk(keyId);
  if (kiosk === undefined) return refuse('kiosk-unknown');
  if (!checkRequest(request, request.headers, fromHex(kiosk.signingKey))) return refuse('signature-invalid');
  return accept({ kiosk, nonce });
}

/** The token as `Authorization: Bearer`, or as the password of any name, for a browser. */
export function isOperator(authorization: string | undefined, token: string): boolean {
  const [scheme, value = ''] = (authorization ?? '').split(' ');
  const given =
    scheme === 'Bearer' ? value : scheme === 'Basic' ? Buffer.from(value, 'base64').toString().split(':').slice(1).join(':') : '';
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
