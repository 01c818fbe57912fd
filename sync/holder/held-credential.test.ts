import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { phoneCredential } from '../../fixtures/phone-credential.ts';
import { encodeBase45 } from '../credential/base45.ts';
import { writeCp1, writeCp2 } from '../credential/credential.ts';
import { writeCredentialLink } from './credential-link.ts';
import { readHeld, takeCredential } from './held-credential.ts';

const NOW = 1_768_446_000;
const DAY_S = 86_400;
const own = nacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(1));
const other = nacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(2));
const PAGE = 'http://10.0.0.2:8746/';
const take = (given: string, held?: string) => {
  const before = held === undefined ? undefined : readHeld(held, own.publicKey);
  return takeCredential(given, own.publicKey, before?.ok === true ? before.value : undefined, NOW);
};
const reasonOf = (given: string, held?: string) => {
  const taken = take(given, held);
  return taken.ok ? 'ok' : taken.reason;
};

describe('a code that comes to a phone', () => {
  const text = phoneCredential(own.publicKey, NOW);

  it('is taken as a text and as a link, and kept as it was issued', () => {
    for (const given of [text, writeCredentialLink(PAGE, text), decodeURIComponent(writeCredentialLink(PAGE, text)), `\n${text}\n`]) {
      const taken = take(given);
      expect(taken.ok && taken.value.text).toBe(text);
      expect(taken.ok && taken.value.claims.maskedName).toBe('NGUYEN V* A*');
    }
  });

  it("is refused when it names another phone's key, or none", () => {
    expect(reasonOf(phoneCredential(other.publicKey, NOW))).toBe('device-key-other');
    expect(reasonOf(phoneCredential(undefined, NOW))).toBe('device-key-missing');
  });

  it('is refused when it is a rotating one, which counts for a moment only, or no travel code', () => {
    const held = take(text);
    const rotating = held.ok ? writeCp2(held.value.cose, new Uint8Array(32).fill(1), NOW) : '';
    expect(rotating).toMatch(/^CP2:/);
    for (const given of [rotating, '', 'HC1:6BF', PAGE, `${PAGE}#`, 'hello']) expect(reasonOf(given)).toBe('prefix-unknown');
  });

  it('is refused by the name of what is wrong with it', () => {
    expect(reasonOf('CP1:!')).toBe('b45-char');
    const held = take(text);
    const cose = held.ok ? held.value.cose : new Uint8Array();
    expect(reasonOf(writeCp1(cose.subarray(0, -1)))).toBe('cbor-truncated');
    expect(reasonOf(writeCp1(Uint8Array.of(...cose, 0)))).toBe('cbor-trailing');
    expect(reasonOf(`CP1:${'0'.repeat(600)}`)).toBe('qr-too-long');
    expect(reasonOf(`CP1:${encodeBase45(Uint8Array.of(0x80))}`)).toBe('cose-tag');
  });

  it('never makes the page throw, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('%', '#', 'C', 'P', '1', ':', 'E', '9') })), (given) => {
        expect(take(given).ok).toBe(false);
        expect(take(`${PAGE}#CP1:${given}`).ok).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes the place of an earlier one, also where it ends sooner', () => {
    const sooner = phoneCredential(own.publicKey, NOW, { expiresAt: NOW + 3_600 });
    const taken = take(sooner, text);
    expect(taken.ok && taken.value.text).toBe(sooner);
  });

  it('does not take the place of one that still counts when it is over itself', () => {
    const over = phoneCredential(own.publicKey, NOW - 2 * DAY_S);
    expect(reasonOf(over)).toBe('ok');
    expect(reasonOf(over, text)).toBe('held-is-newer');
    expect(reasonOf(over, over)).toBe('ok');
  });
});
