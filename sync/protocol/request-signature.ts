/**
 * Signed requests (RFC 9421, HTTP Message Signatures): who asks, and that nothing of the request was changed. A narrow
 * profile: one Ed25519 signature over method, path, query and Content-Digest (RFC 9530), with created, nonce, keyid, tag.
 * Anything written in another form is refused. Pure.
 */
import { createHash } from 'node:crypto';
import { verifyEd25519 } from '../credential/ed25519.ts';
import { accept, type Outcome, refuse } from '../credential/outcome.ts';
import type { Signer } from '../credential/signer.ts';

export interface SignedRequest {
  readonly method: string;
  /** Path with query, as on the request line. */
  readonly target: string;
  readonly body: Uint8Array;
}

export interface SignatureParameters {
  /** Unix seconds by the kiosk's clock: informs, decides nothing, because a kiosk with a wrong clock must be able to ask the time. */
  readonly created: number;
  readonly nonce: string;
  readonly keyId: string;
  readonly tag: RequestTag;
}

export type RequestTag = 'checkpoint-kiosk' | 'checkpoint-enrolment';

export interface SignatureHeaders {
  readonly 'content-digest': string;
  readonly 'signature-input': string;
  readonly signature: string;
}

export type RequestSignatureReason = 'signature-missing' | 'signature-form' | 'signature-digest' | 'signature-invalid';

const LABEL = 'sig1';
const COMPONENTS = ['@method', '@path', '@query', 'content-digest'] as const;
const INPUT = new RegExp(
  `^${LABEL}=(\\(${COMPONENTS.map((name) => `"${name}"`).join(' ')}\\);created=(\\d{1,12});nonce="([A-Za-z0-9_-]{16,64})";keyid="([A-Za-z0-9._-]{1,64})";tag="(checkpoint-[a-z]+)")$`,
);
const SIGNATURE = new RegExp(`^${LABEL}=:([A-Za-z0-9+/]{86}==):$`);

export function signRequest(request: SignedRequest, parameters: SignatureParameters, signer: Signer): SignatureHeaders {
  const digest = contentDigest(request.body);
  const { created, nonce, keyId, tag } = parameters;
  const list = COMPONENTS.map((name) => `"${name}"`).join(' ');
  const text = `(${list});created=${created};nonce="${nonce}";keyid="${keyId}";tag="${tag}"`;
  const signature = signer.sign(new TextEncoder().encode(signatureBase(componentsOf(request, digest), text)));
  return {
    'content-digest': digest,
    'signature-input': `${LABEL}=${text}`,
    signature: `${LABEL}=:${Buffer.from(signature).toString('base64')}:`,
  };
}

/** What the headers claim, with the body's digest compared; the signature itself is checked by `checkRequest`. */
export function readRequestSignature(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Uint8Array,
): Outcome<SignatureParameters, RequestSignatureReason> {
  const { 'signature-input': input, 'content-digest': digest, signature } = headers;
  if (input === undefined || signature === undefined || digest === undefined) return refuse('signature-missing');
  if (typeof input !== 'string' || typeof signature !== 'string' || typeof digest !== 'string') return refuse('signature-form');
  const match = INPUT.exec(input);
  const [, , created, nonce, keyId, tag] = match ?? [];
  if (created === undefined || nonce === undefined || keyId === undefined || !SIGNATURE.test(signature)) return refuse('signature-form');
  if (tag !== 'checkpoint-kiosk' && tag !== 'checkpoint-enrolment') return refuse('signature-form');
  if (digest !== contentDigest(body)) return refuse('signature-digest');
  return accept({ created: Number(created), nonce, keyId, tag });
}

/** Whether `publicKey` signed this request; call after `readRequestSignature`. */
export function checkRequest(
  request: SignedRequest,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  publicKey: Uint8Array,
): boolean {
  const text = INPUT.exec(String(headers['signature-input']))?.[1];
  const signature = SIGNATURE.exec(String(headers.signature))?.[1];
  if (text === undefined || signature === undefined) return false;
  const base = signatureBase(componentsOf(request, contentDigest(request.body)), text);
  return verifyEd25519(new TextEncoder().encode(base), new Uint8Array(Buffer.from(signature, 'base64')), publicKey);
}

/** RFC 9421 section 2.5: one line a component, then the parameters. */
export function signatureBase(components: readonly (readonly [name: string, value: string])[], parameters: string): string {
  return [...components.map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${parameters}`].join('\n');
}

function componentsOf({ method, target }: SignedRequest, digest: string): [string, string][] {
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const values: Record<(typeof COMPONENTS)[number], string> = {
    '@method': method,
    '@path': path,
    // RFC 9421 section 2.2.7: an absent query is a lone question mark.
    '@query': queryAt < 0 ? '?' : target.slice(queryAt),
    'content-digest': digest,
  };
  return COMPONENTS.map((name) => [name, values[name]]);
}

function contentDigest(body: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}
