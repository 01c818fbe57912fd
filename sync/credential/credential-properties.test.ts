import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flipBit } from '../../fixtures/rules/rule.ts';
import { soundBackend } from '../../fixtures/sound-backend.ts';
import { decodeBase45, encodeBase45 } from './base45.ts';
import { toHex } from './bytes.ts';
import { type Claims, encodeClaims } from './claims.ts';
import { keyId, signSign1 } from './cose.ts';
import { readCredential, writeCp1, writeCp2 } from './credential.ts';
import { STEP_S } from './proof.ts';
import { createSigner } from './signer.ts';

const issuer = createSigner(new Uint8Array(32).fill(51));
const deviceSeed = new Uint8Array(32).fill(52);
const deviceKey = createSigner(deviceSeed).publicKey;
const trust = new Map([
  [toHex(keyId(issuer.publicKey)), { publicKey: issuer.publicKey, status: 'active' as const, classes: new Set([1, 2, 3, 4, 5, 6]) }],
]);

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const nameLetter = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ *');
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

/** Claims that hold at some time, and this time. */
const good: fc.Arbitrary<{ claims: Claims; now: number }> = fc
  .record({
    now: fc.integer({ min: 1_700_000_000, max: 4_000_000_000 }),
    spanS: fc.integer({ min: 2, max: 7 * 86_400 }),
    part: fc.double({ min: 0, max: 0.999, noNaN: true }),
    ageS: fc.integer({ min: -60, max: 72 * 3_600 }),
    class: fc.integer({ min: 1, max: 6 }),
    cti: bytes(8),
    subject: bytes(12),
    subjectKeyCheck: optional(bytes(3)),
    maskedName: optional(fc.string({ unit: nameLetter, minLength: 1, maxLength: 16 })),
    areas: fc.array(fc.integer({ min: 0, max: 99_999 }), { minLength: 1, maxLength: 4 }),
    plateTag: bytes(4),
    hasPlate: fc.boolean(),
    purpose: fc.integer({ min: 0, max: 0xffff_ffff }),
    idTag: optional(bytes(2)),
    maxUses: optional(fc.integer({ min: 1, max: 99 })),
    isApp: fc.boolean(),
  })
  .map(({ now, spanS, part, ageS, plateTag, hasPlate, maskedName, idTag, maxUses, subjectKeyCheck, isApp, ...rest }) => {
    const notBefore = now - Math.floor(part * (spanS - 1));
    return {
      now,
      claims: {
        ...rest,
        notBefore,
        expiresAt: notBefore + spanS,
        declaredAt: now - ageS,
        ...((hasPlate || rest.class === 3 || rest.class === 4) && { plateTag }),
        ...(maskedName !== undefined && { maskedName }),
        ...(subjectKeyCheck !== undefined && { subjectKeyCheck }),
        ...(idTag !== undefined && { idTag }),
        ...(maxUses !== undefined && { maxUses }),
        ...(isApp && { deviceKey }),
      },
    };
  });

function write(claims: Claims, now: number) {
  const cose = signSign1(encodeClaims(claims), issuer);
  return claims.deviceKey === undefined ? writeCp1(cose) : writeCp2(cose, deviceSeed, now);
}

describe('a credential', () => {
  it('reads as the claims that were written', () => {
    fc.assert(
      fc.property(good, ({ claims, now }) => {
        const read = readCredential(write(claims, now), { trust, now });
        const isApp = claims.deviceKey !== undefined;
        const kid = toHex(keyId(issuer.publicKey));
        const value = { form: isApp ? 'app' : 'paper', kid, claims, ...(isApp && { step: Math.floor(now / STEP_S) }) };
        expect(read).toEqual({ ok: true, value });
      }),
      { numRuns: 150 },
    );
  });

  it('is refused with any one bit of it flipped', () => {
    let flips = 0;
    fc.assert(
      fc.property(good, ({ claims, now }) => {
        const text = write(claims, now);
        const decoded = decodeBase45(text.slice(4));
        if (!decoded.ok) throw new Error(decoded.reason);
        const body = decoded.value;
        const accepted: number[] = [];
        for (let bit = 0; bit < body.length * 8; bit++) {
          const flipped = text.slice(0, 4) + encodeBase45(flipBit(body, bit));
          if (readCredential(flipped, { trust, now }).ok) accepted.push(bit);
          flips++;
        }
        expect(accepted).toEqual([]);
      }),
      { numRuns: 6 },
    );
    expect(flips).toBeGreaterThan(6_000);
  });

  it('is refused by tweetnacl too with one bit of it flipped', () => {
    const ed25519 = soundBackend('tweetnacl');
    fc.assert(
      fc.property(good, fc.nat(), ({ claims, now }, at) => {
        const body = signSign1(encodeClaims(claims), issuer);
        const bit = at % (body.length * 8);
        // An app would prove the flipped one just as well: the issuer's signature alone must refuse it.
        const read = (cose: Uint8Array) =>
          readCredential(claims.deviceKey ? writeCp2(cose, deviceSeed, now) : writeCp1(cose), { trust, now, ed25519 }).ok;
        expect(read(body)).toBe(true);
        expect(read(flipBit(body, bit))).toBe(false);
      }),
      { numRuns: 30 },
    );
  });
});
