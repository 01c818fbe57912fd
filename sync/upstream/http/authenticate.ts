/** Which kiosk sends a request, by its signature. */
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
  const { keyId, nonce, tag, created } = parameters.value;
  if (tag !== 'checkpoint-kiosk') return refuse('signature-form');
  const kiosk = await store.findKiosk(keyId);
  if (kiosk === undefined) return refuse('kiosk-unknown');
  if (!checkRequest(request, request.headers, fromHex(kiosk.signingKey))) return refuse('signature-invalid');
  return accept({ kiosk, nonce, createdS: created });
}
