import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readJson } from '../../fixtures/corpus.ts';
import { describeWithCorpus } from '../../fixtures/describe-with-corpus.ts';
import { soundBackend } from '../../fixtures/sound-backend.ts';
import { sliceRowKey } from '../protocol/slice.ts';
import { fromHex, toHex } from './bytes.ts';
import { encodeCbor } from './cbor.ts';
import { readCredential, writeCp1 } from './credential.ts';
import { parseSign1 } from './sign1.ts';

const trust = new Map();

const certificates = ['B1', 'CO16', 'CO18', 'CO3', 'CO5', 'DGC3', 'H1', 'H2', 'Z1', 'Z2'].map((name) => `vectors/eu-dcc/${name}.json`);
describeWithCorpus(certificates, 'EU certificates', (paths) => {
  const schema = z.object({ PREFIX: z.string(), COSE: z.string().optional() });
  const files = paths.map((path) => schema.parse(readJson(path)));

  it('are another kind of code, all ten', () => {
    expect(files).toHaveLength(10);
    for (const { PREFIX } of files) expect(readCredential(PREFIX, { trust, now: 0 })).toEqual({ ok: false, reason: 'prefix-unknown' });
  });

  it('are none of ours under our prefix either', () => {
    for (const { PREFIX } of files) {
      const reason = readCredential(`CP1:${PREFIX.slice(4)}`, { trust, now: 0 });
      expect(reason).toMatchObject({ ok: false, reason: expect.stringMatching(/^(qr-too-long|b45-|cbor-|cose-)/) });
    }
    // Six of them come with the COSE_Sign1 within: signed by ECDSA or RSA, and by our rules for other reasons first.
    const within = files.flatMap(({ COSE }) => (COSE === undefined ? [] : [parseSign1(fromHex(COSE), { contentType: 'none' })]));
    expect(within.map(({ ok }) => ok)).toEqual(Array(6).fill(false));
  });
});

describe.each(['native', 'tweetnacl'] as const)('examples of the COSE working group, with %s', (backend) => {
  const example = z.object({
    input: z.object({ sign0: z.object({ key: z.object({ x_hex: z.string().optional() }) }) }),
    intermediates: z.object({ ToBeSign_hex: z.string() }),
    output: z.object({ cbor: z.string() }),
  });

  describeWithCorpus(
    ['A_3', 'eddsa-sig-01', 'sign-pass-03', 'sign-fail-01', 'sign-fail-02', 'sign-fail-03'].map((name) => `vectors/cose-wg/${name}.json`),
    'COSE_Sign1',
    (paths) => {
      // All six are outside our subset: ES256, a key id outside what is signed (which comes before the algorithm), no tag, tag 998.
      const reasons = ['cose-alg-unsupported', 'cose-unprotected', 'cose-tag', 'cbor-tag', 'cose-unprotected', 'cose-unprotected'];

      it.each(reasons.map((reason, i) => [paths[i] ?? '', reason] as const))('are refused by name: %s', (path, reason) => {
        const bytes = fromHex(example.parse(readJson(path)).output.cbor);
        for (const contentType of ['none', 'required'] as const) expect(parseSign1(bytes, { contentType })).toEqual({ ok: false, reason });
        expect(readCredential(writeCp1(bytes), { trust, now: 0, ed25519: soundBackend(backend) })).toEqual({ ok: false, reason });
      });

      it('sign by Ed25519 what we say is signed, and it verifies', () => {
        const { input, intermediates, output } = example.parse(readJson(paths[1] ?? ''));
        // 18([h'a201270300', {4: '11'}, 'This is the content.', signature]): each part at its place in the hex.
        const message = fromHex(output.cbor);
        const [header, payload, signature] = [message.slice(3, 8), message.slice(14, 34), message.slice(36)];
        const toBeSigned = encodeCbor(['Signature1', header, new Uint8Array(), payload]);
        expect(toHex(toBeSigned)).toBe(intermediates.ToBeSign_hex.toLowerCase());
        const key = fromHex(input.sign0.key.x_hex ?? '');
        expect(soundBackend(backend).check(toBeSigned, signature, key)).toBeUndefined();
        expect(soundBackend(backend).check(toBeSigned.slice(1), signature, key)).toBe('sig-invalid');
      });
    },
  );
});

describeWithCorpus(['vectors/wycheproof/hmac_sha256_test.json'], 'Wycheproof HMAC-SHA-256', ([path = '']) => {
  it('agrees with what all pseudonyms, row keys and tags are made by', () => {
    const { testGroups } = z
      .object({
        testGroups: z.array(
          z.object({
            tagSize: z.number(),
            tests: z.array(z.object({ key: z.string(), msg: z.string(), tag: z.string(), result: z.enum(['valid', 'invalid']) })),
          }),
        ),
      })
      .parse(readJson(path));
    let count = 0;
    for (const { tagSize, tests } of testGroups) {
      for (const { key, msg, tag, result } of tests) {
        const full = createHmac('sha256', fromHex(key)).update(fromHex(msg)).digest('hex');
        expect(full.slice(0, tagSize / 4) === tag).toBe(result === 'valid');
        if (result === 'valid') expect(toHex(sliceRowKey(fromHex(key), fromHex(msg)))).toBe(tag.slice(0, 16));
        count++;
      }
    }
    expect(count).toBe(174);
  });
});
