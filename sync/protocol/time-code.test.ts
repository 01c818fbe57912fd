import QRCode from 'qrcode';
import { describe, expect, it } from 'vitest';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { openZxingWasm } from '../../kiosk/decode/zxing-wasm-reader.ts';
import { encodeBase45 } from '../credential/base45.ts';
import { toHex } from '../credential/bytes.ts';
import { keyId } from '../credential/cose.ts';
import { createSigner, type Signer } from '../credential/signer.ts';
import { type StatementHeader, type StatementType, signStatement } from '../credential/statement.ts';
import { readTimeCode, TIME_CODE_CHARS_MAX, writeTimeCode } from './time-code.ts';

const NOW = Date.UTC(2026, 0, 15, 3, 0, 0) + 789;
const NONCE = 'abcdefghijklmnop';
const feed = createSigner(new Uint8Array(32).fill(1));
const other = createSigner(new Uint8Array(32).fill(2));
const keysOf = (signer: Signer) => new Map([[toHex(keyId(signer.publicKey)), signer.publicKey]]);
const body = {
  version: 1,
  issuedAt: new Date(NOW).toISOString(),
  expires: new Date(NOW + 60_000).toISOString(),
  audience: 'gate-7-pc',
  nonce: NONCE,
};
const shortNonce = { ...body, nonce: 'short' };
/** A code as somebody else might write it. */
const codeOf = (type: StatementType, content: StatementHeader, key: Signer = feed) =>
  `CPT:${encodeBase45(Buffer.from(signStatement(type, content, key), 'base64url'))}`;

describe('a time code', () => {
  it('says the time to the second, to one kiosk, in answer to one nonce, for a minute', () => {
    expect(readTimeCode(writeTimeCode('gate-7-pc', NONCE, NOW, feed), keysOf(feed))).toEqual({
      ok: true,
      value: {
        version: Math.floor(NOW / 1000),
        issuedAt: '2026-01-15T03:00:00Z',
        expires: '2026-01-15T03:01:00Z',
        audience: 'gate-7-pc',
        nonce: NONCE,
      },
    });
  });

  it('is never longer than what a lane camera reads', () => {
    const longest = writeTimeCode('a'.repeat(32), NONCE, Date.UTC(9999, 11, 31), feed);
    expect(longest.length).toBeLessThanOrEqual(TIME_CODE_CHARS_MAX);
    expect(QRCode.create(longest, { errorCorrectionLevel: 'M' }).version).toBeLessThanOrEqual(13);
  });

  it('is read from a picture of 720 lines, also the longest', async () => {
    const decoder = await openZxingWasm();
    const text = writeTimeCode('a'.repeat(32), NONCE, NOW, feed);
    const size = { widthPx: 1280, heightPx: 720 };
    const luma = renderFrame({ ...size, seed: 3, code: { text, modulePx: 4, look: 'phone', x: 0.5, y: 0.5, turnDeg: 5, tiltDeg: 8 } });
    expect((await decoder.read({ ...size, luma })).map((symbol) => symbol.text)).toEqual([text]);
  });

  it.each([
    ['another key', codeOf('time', body, other), 'time-code-signer'],
    ['a changed last byte', writeTimeCode('gate-7-pc', NONCE, NOW, feed).replace(/..$/, '00'), 'time-code-signer'],
    ['a statement of another type, by the same key', codeOf('feed', body), 'time-code-form'],
    ['a nonce that is too short', codeOf('time', shortNonce), 'time-code-form'],
    ['a kiosk that cannot be', codeOf('time', { ...body, audience: '*' }), 'time-code-form'],
    ['no base45', 'CPT:abc', 'time-code-form'],
    ['nothing behind the prefix', 'CPT:', 'time-code-form'],
    ['another prefix', writeTimeCode('gate-7-pc', NONCE, NOW, feed).replace('CPT:', 'CP1:'), 'time-code-form'],
    ['more than a code may hold', `CPT:${'0'.repeat(TIME_CODE_CHARS_MAX)}`, 'time-code-form'],
  ])('is refused with %s', (_name, text, reason) => {
    expect(readTimeCode(text, keysOf(feed))).toEqual({ ok: false, reason });
  });
});
