import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fixturePath, readJson } from '../../fixtures/corpus.ts';
import { soundBackend } from '../../fixtures/sound-backend.ts';
import { readCredential, writeCp2 } from './credential.ts';
import { StrictEd25519 } from './ed25519.ts';
import { stepAt, writeRotating } from './proof.ts';
import { parseTrustFile } from './trust.ts';

const profile = z
  .object({ now: z.number(), trust: z.unknown(), vectors: z.array(z.object({ id: z.string(), qr: z.string(), expect: z.string() })) })
  .parse(readJson(fixturePath('vectors/profile.json')));
const trust = parseTrustFile(profile.trust);
if (!trust.ok) throw new Error(trust.reason);

describe.each(['native', 'tweetnacl'] as const)('profile vectors with %s', (backend) => {
  const ed25519 = soundBackend(backend);

  it.each(profile.vectors)('$id gives $expect', ({ qr, expect: expected }) => {
    const result = readCredential(qr, { trust: trust.value, now: profile.now, ed25519 });
    const name = result.ok ? 'OK' : result.reason.toUpperCase().replaceAll('-', '_');
    expect(name).toBe(expected);
    expect(result).toEqual(readCredential(qr, { trust: trust.value, now: profile.now }));
  });
});

describe('profile vectors', () => {
  it('are 27 codes', () => {
    expect(profile.vectors).toHaveLength(27);
  });

  it('are read with the verifier that is given, both signatures of an app', () => {
    const [app] = profile.vectors.filter(({ id }) => id === 'ok-app-rotating');
    const answers = (...said: boolean[]) => {
      const ed25519 = new StrictEd25519('native', () => said.shift() === true);
      const read = readCredential(app?.qr ?? '', { trust: trust.value, now: profile.now, ed25519 });
      return read.ok ? 'ok' : read.reason;
    };
    expect([answers(false), answers(true, false), answers(true, true)]).toEqual(['sig-invalid', 'pop-invalid', 'ok']);
  });

  it('let nothing pass at a time, or within a limit, that is no number', () => {
    const good = profile.vectors.filter(({ expect: expected }) => expected === 'OK');
    expect(good).toHaveLength(4);
    for (const { qr } of good) {
      expect(readCredential(qr, { trust: trust.value, now: Number.NaN })).toMatchObject({ ok: false, reason: 'expired' });
      const limited = readCredential(qr, { trust: trust.value, now: profile.now, declarationAgeSMax: () => Number.NaN });
      expect(limited).toMatchObject({ ok: false, reason: 'declaration-stale' });
    }
  });
});

describe('the text of a rotating code', () => {
  it('is the same with the SHA-256 of the page on a phone as with the one of Node', () => {
    const cose = new Uint8Array(190).fill(7);
    const seed = new Uint8Array(32).fill(9);
    for (const now of [0, profile.now, 0xffff_ffff]) {
      expect(writeRotating(cose, seed, stepAt(now), sha256)).toBe(writeCp2(cose, seed, now));
    }
  });
});
