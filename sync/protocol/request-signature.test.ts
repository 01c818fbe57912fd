import { describe, expect, it } from 'vitest';
import { verifyEd25519 } from '../credential/ed25519.ts';
import { createSigner } from '../credential/signer.ts';
import { checkRequest, readRequestSignature, signatureBase, signRequest } from './request-signature.ts';

const signer = createSigner(new Uint8Array(32).fill(5));
const request = { method: 'POST', target: '/v1/journals/00/batches?x=1', body: new TextEncoder().encode('body') };
const parameters = { created: 1_700_000_000, nonce: 'abcdefghijklmnop', keyId: 'gate-7', tag: 'checkpoint-kiosk' as const };

describe('request signatures', () => {
  it('builds the signature base of RFC 9421 appendix B.2.6', () => {
    const base = signatureBase(
      [
        ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
        ['@method', 'POST'],
        ['@path', '/foo'],
        ['@authority', 'example.com'],
        ['content-type', 'application/json'],
        ['content-length', '18'],
      ],
      '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    );
    const signature = Buffer.from('wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==', 'base64');
    const publicKey = Buffer.from('JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=', 'base64');
    expect(verifyEd25519(new TextEncoder().encode(base), new Uint8Array(signature), new Uint8Array(publicKey))).toBe(true);
  });

  it('accepts what it signed', () => {
    const headers = { ...signRequest(request, parameters, signer) };
    expect(readRequestSignature(headers, request.body)).toEqual({ ok: true, value: parameters });
    expect(checkRequest(request, headers, signer.publicKey)).toBe(true);
  });

  it.each([
    ['another method', { ...request, method: 'PUT' }],
    ['another path', { ...request, target: '/v1/journals/01/batches?x=1' }],
    ['another query', { ...request, target: '/v1/journals/00/batches?x=2' }],
    ['no query', { ...request, target: '/v1/journals/00/batches' }],
    ['another body', { ...request, body: new TextEncoder().encode('bodz') }],
  ])('refuses the signature for %s', (_name, other) => {
    expect(checkRequest(other, { ...signRequest(request, parameters, signer) }, signer.publicKey)).toBe(false);
  });

  it('refuses another key', () => {
    const other = createSigner(new Uint8Array(32).fill(6)).publicKey;
    expect(checkRequest(request, { ...signRequest(request, parameters, signer) }, other)).toBe(false);
  });

  it('names a body that is not the one that was signed', () => {
    const headers = { ...signRequest(request, parameters, signer) };
    expect(readRequestSignature(headers, new Uint8Array(1))).toEqual({ ok: false, reason: 'signature-digest' });
  });

  it.each(['signature', 'signature-input', 'content-digest'] as const)('names a missing %s', (name) => {
    const headers = { ...signRequest(request, parameters, signer), [name]: undefined };
    expect(readRequestSignature(headers, request.body)).toEqual({ ok: false, reason: 'signature-missing' });
  });

  it.each([
    ['sig1=("@method");created=1;nonce="abcdefghijklmnop";keyid="a";tag="checkpoint-kiosk"'],
    ['sig1=("@method" "@path" "@query" "content-digest");created=1;keyid="a";nonce="abcdefghijklmnop";tag="checkpoint-kiosk"'],
    ['sig1=("@method" "@path" "@query" "content-digest");created=1;nonce="abcdefghijklmnop";keyid="a";tag="checkpoint-other"'],
    ['sig1=("@method" "@path" "@query" "content-digest");created=1;nonce="abcdefghijklmnop";keyid="a"'],
    [''],
  ])('refuses the form %s', (input) => {
    const headers = { ...signRequest(request, parameters, signer), 'signature-input': input };
    expect(readRequestSignature(headers, request.body)).toEqual({ ok: false, reason: 'signature-form' });
  });
});
