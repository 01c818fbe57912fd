import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fixturePath, readJson } from '../../fixtures/corpus.ts';
import { bigOf, challenge, IDENTITY, littleEndian, multiply, ORDER_L, signOddly, TORSION } from '../../fixtures/edwards.ts';
import { soundBackend } from '../../fixtures/sound-backend.ts';
import { fromHex } from './bytes.ts';
import { createSigner, signers } from './signer.ts';

const backends = ['native', 'tweetnacl'] as const;
const strict = backends.map(soundBackend);
const smallOrder = z
  .array(z.string())
  .parse(readJson(fixturePath('vectors/small_order_points_14.json')))
  .map(fromHex);

/** What each back end says; they must all say the same. */
function verdict(message: Uint8Array, signature: Uint8Array, key: Uint8Array) {
  const [first, ...rest] = strict.map((backend) => backend.check(message, signature, key) ?? 'holds');
  for (const other of rest) expect(other).toBe(first);
  return first;
}

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const text = fc.uint8Array({ maxLength: 80 });

describe('signatures that nobody made honestly', () => {
  const signer = createSigner(new Uint8Array(32).fill(3));
  const message = Uint8Array.of(9, 9);
  const signature = signer.sign(message);
  const s = bigOf(signature.slice(32));

  it('are refused with S + kL for every k that fits, though tweetnacl alone takes the first', () => {
    let tried = 0;
    for (let k = 1n; s + k * ORDER_L < 2n ** 256n; k++) {
      const moved = join(signature.slice(0, 32), littleEndian(s + k * ORDER_L));
      expect(verdict(message, moved, signer.publicKey)).toBe('sig-s-range');
      if (k === 1n) expect(nacl.sign.detached.verify(message, moved, signer.publicKey)).toBe(true);
      tried++;
    }
    expect(tried).toBeGreaterThanOrEqual(14);
    expect(verdict(message, join(signature.slice(0, 32), littleEndian(ORDER_L)), signer.publicKey)).toBe('sig-s-range');
    expect(verdict(message, join(signature.slice(0, 32), littleEndian(ORDER_L - 1n)), signer.publicKey)).toBe('sig-invalid');
  });

  it('are refused under a key or an R of small order, which alone verify anything', () => {
    let alone = 0;
    for (const key of smallOrder) {
      for (const r of smallOrder) {
        const forged = join(r, new Uint8Array(32));
        if (r === key && nacl.sign.detached.verify(message, forged, key)) alone++;
        expect(verdict(message, forged, key)).toBe('sig-r-invalid');
      }
      expect(verdict(message, signature, key)).toBe('sig-invalid');
    }
    expect(alone).toBeGreaterThan(0);
  });

  it('are refused under a key of small order with an R that anybody can choose', () => {
    let alone = 0;
    for (let k = 0n; k < 8n; k++) {
      // No secret is needed: of some messages in eight, under the neutral point of all, S = r is the signature.
      for (let n = 1n; n <= 8n; n++) {
        const { key, signature: forged } = signOddly(Uint8Array.of(Number(n)), 0n, 3000n + n, [multiply(TORSION, k), IDENTITY]);
        if (n === 1n && nacl.sign.detached.verify(Uint8Array.of(1), forged, key)) alone++;
        expect(verdict(Uint8Array.of(Number(n)), forged, key)).toBe('sig-invalid');
      }
    }
    expect(alone).toBeGreaterThan(0);
  });

  it('get one verdict where the key has a part of small order: the equation without cofactor', () => {
    const torsion = Array.from({ length: 8 }, (_, k) => multiply(TORSION, BigInt(k)));
    expect(new Set(torsion.map(({ x, y }) => `${x} ${y}`)).size).toBe(8);
    const seen = new Set<string>();
    for (let n = 1n; n <= 24n; n++) {
      const part = torsion[Number(n % 8n)] ?? IDENTITY;
      const body = Uint8Array.of(Number(n));
      const { key, signature: odd } = signOddly(body, 1000n + n, 2000n + n, [part, IDENTITY]);
      const spoilt = multiply(part, challenge(odd.slice(0, 32), key, body));
      const expected = spoilt.x === 0n && spoilt.y === 1n ? 'holds' : 'sig-invalid';
      expect(verdict(body, odd, key)).toBe(expected);
      seen.add(expected);
      // The same part in R instead: no multiple of it is ever added back.
      const inR = signOddly(body, 1000n + n, 2000n + n, [IDENTITY, part]);
      expect(verdict(body, inR.signature, inR.key)).toBe(n % 8n === 0n ? 'holds' : 'sig-invalid');
    }
    expect([...seen].sort()).toEqual(['holds', 'sig-invalid']);
  });

  it('are refused with an R or under a key that is no point', () => {
    const noPoint = littleEndian(2n);
    expect(verdict(message, join(noPoint, signature.slice(32)), signer.publicKey)).toBe('sig-invalid');
    expect(verdict(message, signature, noPoint)).toBe('sig-invalid');
  });
});

describe('both back ends', () => {
  it('say the same of honest signatures, and of these with one bit flipped', () => {
    fc.assert(
      fc.property(seed, text, fc.nat({ max: 96 * 8 - 1 }), (secret, message, bit) => {
        const signer = createSigner(secret);
        const signature = signer.sign(message);
        expect(verdict(message, signature, signer.publicKey)).toBe('holds');
        const row = join(signature, signer.publicKey);
        row[bit >> 3] = (row[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(verdict(message, row.slice(0, 64), row.slice(64))).toMatch(/^sig-(s-range|r-invalid|invalid)$/);
      }),
      { numRuns: 60 },
    );
  });

  it('throw at nothing, whatever its bytes and lengths, and say the same of it', () => {
    const around = (length: number) =>
      fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: length, maxLength: length }), fc.constantFrom(...smallOrder));
    fc.assert(
      fc.property(text, around(64), around(32), (message, signature, key) => {
        expect(verdict(message, signature, key)).toMatch(signature.length === 64 ? /^sig-(s-range|r-invalid|invalid)$/ : /^sig-length$/);
      }),
      { numRuns: 2_000 },
    );
    // S is nearly always too large above: the same again behind that rule.
    fc.assert(
      fc.property(text, fc.uint8Array({ minLength: 63, maxLength: 63 }), around(32), (message, signature, key) => {
        expect(verdict(message, join(signature, Uint8Array.of(0)), key)).toMatch(/^sig-(r-invalid|invalid)$/);
      }),
      { numRuns: 100 },
    );
  });

  it('sign the same bytes from the same seed', () => {
    fc.assert(
      fc.property(seed, text, (secret, message) => {
        const [native, tweetnacl] = [signers.native(secret), signers.tweetnacl(secret)];
        expect(native.publicKey).toEqual(tweetnacl.publicKey);
        expect(native.sign(message)).toEqual(tweetnacl.sign(message));
      }),
      { numRuns: 60 },
    );
  });
});
