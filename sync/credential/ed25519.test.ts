import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fixturePath, readJson } from '../../fixtures/corpus.ts';
import { describeWithCorpus } from '../../fixtures/describe-with-corpus.ts';
import { bigOf, littleEndian, pointOf } from '../../fixtures/edwards.ts';
import { soundBackend } from '../../fixtures/sound-backend.ts';
import { fromHex } from './bytes.ts';
import { chooseEd25519, ed25519Backend, ed25519InUse, isPublicKeyAcceptable, StrictEd25519 } from './ed25519.ts';
import { createSigner } from './signer.ts';

const backends = ['native', 'tweetnacl'] as const;

const smallOrder = z.array(z.string()).parse(readJson(fixturePath('vectors/small_order_points_14.json')));
const PRIME_P = 2n ** 255n - 19n;
const signer = createSigner(new Uint8Array(32).fill(7));
const message = Uint8Array.of(1, 2, 3);
const good = signer.sign(message);

describe.each(backends)('strict Ed25519 on %s', (name) => {
  const backend = soundBackend(name);

  it('refuses the 14 small-order points as key and as R, whatever the rest', () => {
    expect(smallOrder).toHaveLength(14);
    for (const point of smallOrder.map(fromHex)) {
      expect(backend.check(message, new Uint8Array([...point, ...good.slice(32)]), signer.publicKey)).toBe('sig-r-invalid');
      expect(backend.check(message, good, point)).toBe('sig-invalid');
    }
    // With key and R the neutral point and S = 0 the equation itself holds for every message.
    const neutral = fromHex('01'.padEnd(64, '0'));
    const holds = new Uint8Array([...neutral, ...new Uint8Array(32)]);
    expect(nacl.sign.detached.verify(message, holds, neutral)).toBe(true);
    expect(backend.check(message, holds, neutral)).toBe('sig-r-invalid');
  });

  it('refuses every y that is not below p, as key and as R', () => {
    for (let extra = 0n; extra < 19n; extra++) {
      for (const sign of [0n, 1n << 255n]) {
        const point = littleEndian((PRIME_P + extra) | sign);
        expect(backend.check(message, new Uint8Array([...point, ...good.slice(32)]), signer.publicKey)).toBe('sig-r-invalid');
        expect(backend.check(message, good, point)).toBe('sig-invalid');
      }
    }
  });

  it('says which rule is broken first: length, S, R, then the rest', () => {
    const tooLong = new Uint8Array([...fromHex(smallOrder[0] ?? ''), ...new Uint8Array(33).fill(255)]);
    expect(backend.check(message, tooLong, signer.publicKey)).toBe('sig-length');
    expect(backend.check(message, tooLong.slice(0, 64), signer.publicKey)).toBe('sig-s-range');
    expect(backend.check(message, new Uint8Array([...tooLong.slice(0, 32), ...good.slice(32)]), new Uint8Array(32))).toBe('sig-r-invalid');
    expect(backend.check(message, good, new Uint8Array(32))).toBe('sig-invalid');
    expect(backend.check(message, good, signer.publicKey)).toBeUndefined();
  });

  describeWithCorpus(['vectors/wycheproof/ed25519_test.json'], 'Wycheproof', ([path = '']) => {
    it('gives the expected verdict on all 151 cases', () => {
      const file = z
        .object({
          testGroups: z.array(
            z.object({
              publicKey: z.object({ pk: z.string() }),
              tests: z.array(z.object({ tcId: z.number(), msg: z.string(), sig: z.string(), result: z.enum(['valid', 'invalid']) })),
            }),
          ),
        })
        .parse(readJson(path));
      const cases = file.testGroups.flatMap(({ publicKey, tests }) => tests.map((test) => ({ ...test, pk: publicKey.pk })));
      const wrong = cases.filter(
        ({ msg, sig, pk, result }) => (backend.check(fromHex(msg), fromHex(sig), fromHex(pk)) === undefined) !== (result === 'valid'),
      );
      expect(wrong.map(({ tcId }) => tcId)).toEqual([]);
      expect(cases).toHaveLength(151);
    });
  });

  describeWithCorpus(['vectors/rfc/rfc8032_ed25519.json'], 'RFC 8032 section 7.1', ([path = '']) => {
    it('verifies and signs all five examples', () => {
      const cases = z
        .array(z.object({ secret: z.string(), public: z.string(), message: z.string(), signature: z.string(), result: z.literal('valid') }))
        .parse(readJson(path));
      expect(cases).toHaveLength(5);
      for (const test of cases) {
        expect(backend.check(fromHex(test.message), fromHex(test.signature), fromHex(test.public))).toBeUndefined();
        const own = createSigner(fromHex(test.secret));
        expect(own.publicKey).toEqual(fromHex(test.public));
        expect(own.sign(fromHex(test.message))).toEqual(fromHex(test.signature));
      }
    });
  });
});

describe('the self-test of a back end', () => {
  type Raw = ConstructorParameters<typeof StrictEd25519>[1];
  const verify: Raw = (...args) => nacl.sign.detached.verify(...args);
  const candidate = (raw: Raw) => new StrictEd25519('tweetnacl', raw);

  it.each<readonly [string, Raw]>([
    ['says no to everything', () => false],
    ['says yes to everything', () => true],
    [
      'throws',
      () => {
        throw new Error('no Ed25519 here');
      },
    ],
    ['does not read the message', (_, signature, key) => verify(Uint8Array.of(0x72), signature, key)],
    ['does not read R', (text, signature, key) => verify(text, new Uint8Array([0x92, ...signature.slice(1)]), key)],
    [
      'does not read S',
      (text, signature, key) => verify(text, new Uint8Array([...signature.slice(0, 32), 0x08, ...signature.slice(33)]), key),
    ],
    ['says yes to the flipped bit only', (...args) => !verify(...args)],
  ])('takes none that %s', (_, raw) => {
    expect(candidate(raw).passesSelfTest()).toBe(false);
    expect(chooseEd25519([candidate(raw), candidate(verify)]).check(message, good, signer.publicKey)).toBeUndefined();
  });

  it('refuses to run where no back end gives the known answers', () => {
    expect(() => chooseEd25519([candidate(() => true), candidate(() => false)])).toThrow('no Ed25519 back end');
    expect(() => chooseEd25519([])).toThrow('no Ed25519 back end');
  });

  it('takes the first that gives them: the native one, where it does', () => {
    const [native, tweetnacl] = [soundBackend('native'), soundBackend('tweetnacl')];
    expect(chooseEd25519([native, tweetnacl])).toBe(native);
    expect(chooseEd25519([candidate(() => true), tweetnacl])).toBe(tweetnacl);
    expect(ed25519Backend()).toBe('native');
    expect(ed25519InUse().passesSelfTest()).toBe(true);
  });
});

describe('the gate alone', () => {
  it('refuses what it should, even before a back end that says yes to everything', () => {
    const open = new StrictEd25519('native', () => true);
    expect(open.check(message, good, signer.publicKey)).toBeUndefined();
    const wrongKeys = [new Uint8Array(), signer.publicKey.slice(1), new Uint8Array([...signer.publicKey, 0]), littleEndian(PRIME_P + 3n)];
    for (const key of [...wrongKeys, ...smallOrder.map(fromHex)]) expect(open.check(message, good, key)).toBe('sig-invalid');
    for (const length of [0, 32, 63, 65, 128]) expect(open.check(message, new Uint8Array(length), signer.publicKey)).toBe('sig-length');
  });
});

describe('a key that is to be trusted', () => {
  it('has 32 bytes, a canonical y and no small order', () => {
    expect(isPublicKeyAcceptable(signer.publicKey)).toBe(true);
    expect(isPublicKeyAcceptable(signer.publicKey.slice(1))).toBe(false);
    expect(isPublicKeyAcceptable(new Uint8Array([...signer.publicKey, 0]))).toBe(false);
    expect(isPublicKeyAcceptable(new Uint8Array(0))).toBe(false);
    for (const point of smallOrder) expect(isPublicKeyAcceptable(fromHex(point))).toBe(false);
    for (let y = PRIME_P; y < 2n ** 255n; y++) expect(isPublicKeyAcceptable(littleEndian(y))).toBe(false);
  });

  it('is a point of the curve', () => {
    let points = 0;
    for (let y = 2n; y < 202n; y++) {
      // Small ones, and others all over the field.
      const spread = (y * bigOf(signer.publicKey)) % PRIME_P;
      for (const one of [y, spread]) {
        const isPoint = pointOf(one, false) !== undefined;
        if (isPoint) points++;
        expect(isPublicKeyAcceptable(littleEndian(one))).toBe(isPoint);
        expect(isPublicKeyAcceptable(littleEndian(one | (1n << 255n)))).toBe(isPoint);
      }
    }
    expect(points).toBeGreaterThan(150);
    expect(points).toBeLessThan(250);
  });
});
