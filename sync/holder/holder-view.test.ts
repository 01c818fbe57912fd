import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { phoneCredential, phoneTrust } from '../../fixtures/phone-credential.ts';
import { readCredential, writeCp2 } from '../credential/credential.ts';
import { readHeld } from './held-credential.ts';
import { holderView } from './holder-view.ts';

const NOW = 1_768_446_000;
const seed = new Uint8Array(32).fill(1);
const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
const read = readHeld(phoneCredential(publicKey, NOW, { notBefore: NOW, expiresAt: NOW + 600 }), publicKey);
if (!read.ok) throw new Error(read.reason);
const held = read.value;
const stateAt = (unixS: number, isHidden = false) => holderView(held, unixS * 1000, isHidden).state;

describe('what the page shows', () => {
  it('is nothing without a credential', () => {
    expect(holderView(undefined, NOW * 1000, false)).toEqual({ state: 'empty' });
  });

  it('is a code exactly while the lane would accept it', () => {
    const trust = phoneTrust();
    for (const at of [NOW - 3_600, NOW - 61, NOW - 60, NOW, NOW + 300, NOW + 599, NOW + 600, NOW + 3_600]) {
      const verdict = readCredential(writeCp2(held.cose, seed, at), { trust, now: at });
      expect([at - NOW, stateAt(at)]).toEqual([at - NOW, verdict.ok ? 'code' : verdict.reason]);
    }
  });

  it('ends within the second of its expiry', () => {
    expect(holderView(held, (NOW + 600) * 1000 - 1, false).state).toBe('code');
    expect(holderView(held, (NOW + 600) * 1000, false).state).toBe('expired');
  });

  it('counts down to the next step, and is that step at its instant', () => {
    const first = holderView(held, (NOW + 30) * 1000 - 1, false);
    expect(first).toEqual({ state: 'code', step: NOW / 30, remainingMs: 1 });
    expect(holderView(held, (NOW + 30) * 1000, false)).toEqual({ state: 'code', step: NOW / 30 + 1, remainingMs: 30_000 });
  });

  it('is no code while nobody sees the page', () => {
    expect(stateAt(NOW, true)).toBe('hidden');
    expect(stateAt(NOW + 600, true)).toBe('expired');
  });
});
