import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { corpusPath, fixturePath, readJson } from '../../fixtures/corpus.ts';
import { isPublicKeyAcceptable, openEd25519, type StrictEd25519 } from './ed25519.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const backends = ['native', 'tweetnacl'] as const;

function backendOf(name: (typeof backends)[number]): StrictEd25519 {
  const backend = openEd25519(name);
  if (backend === undefined) throw new Error(`${name} fails its self-test`);
  return backend;
}

const smallOrder = z.array(z.string()).parse(readJson(fixturePath('vectors/small_order_points_14.json')));

describe.each(backends)('strict Ed25519 on %s', (name) => {
  const backend = backendOf(name);

  it('refuses the 14 small-order points as key and as R', () => {
    expect(smallOrder).toHaveLength(14);
    for (const point of smallOrder) {
      expect(isPublicKeyAcceptable(hex(point))).toBe(false);
      expect(
        backend.check(hex(''), hex(point + '00'.repeat(32)), hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')),
      ).toBe('sig-r-invalid');
    }
  });

  const wycheproof = corpusPath('vectors/wycheproof/ed25519_test.json');
  it.skipIf(wycheproof === undefined)('gives the expected verdict on all 151 Wycheproof cases', () => {
    const file = z
      .object({
        testGroups: z.array(
          z.object({
            publicKey: z.object({ pk: z.string() }),
            tests: z.array(z.object({ tcId: z.number(), msg: z.string(), sig: z.string(), result: z.enum(['valid', 'invalid']) })),
          }),
        ),
      })
      .parse(readJson(wycheproof ?? ''));
    const wrong: number[] = [];
    let count = 0;
    for (const group of file.testGroups) {
      for (const test of group.tests) {
        count++;
        const holds = backend.check(hex(test.msg), hex(test.sig), hex(group.publicKey.pk)) === undefined;
        if (holds !== (test.result === 'valid')) wrong.push(test.tcId);
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBe(151);
  });

  const rfc8032 = corpusPath('vectors/rfc/rfc8032_ed25519.json');
  it.skipIf(rfc8032 === undefined)('agrees with RFC 8032 section 7.1', () => {
    const cases = z
      .array(z.object({ public: z.string(), message: z.string(), signature: z.string(), result: z.string() }))
      .parse(readJson(rfc8032 ?? ''));
    for (const test of cases) {
      expect(backend.check(hex(test.message), hex(test.signature), hex(test.public)) === undefined).toBe(test.result === 'valid');
    }
  });
});
