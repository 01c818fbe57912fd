import { expect, it } from 'vitest';
import { createSigner, signers, signsCorrectly } from './signer.ts';

it('signs the same bytes natively and in JavaScript', () => {
  for (let fill = 0; fill < 8; fill++) {
    const seed = new Uint8Array(32).fill(fill);
    const message = new Uint8Array(100).fill(fill);
    expect(signers.native(seed).sign(message)).toEqual(signers.tweetnacl(seed).sign(message));
    expect(signers.native(seed).publicKey).toEqual(createSigner(seed).publicKey);
  }
});

it('takes no back end that fails the known answer', () => {
  expect(signsCorrectly(signers.native)).toBe(true);
  expect(signsCorrectly((seed) => ({ ...signers.native(seed), sign: () => new Uint8Array(64) }))).toBe(false);
  expect(
    signsCorrectly(() => {
      throw new Error('no Ed25519 here');
    }),
  ).toBe(false);
});
