import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fixturePath, readJson } from '../../fixtures/corpus.ts';
import { readCredential } from './credential.ts';
import { parseTrustFile } from './trust.ts';

const profile = z
  .object({ now: z.number(), trust: z.unknown(), vectors: z.array(z.object({ id: z.string(), qr: z.string(), expect: z.string() })) })
  .parse(readJson(fixturePath('vectors/profile.json')));
const trust = parseTrustFile(profile.trust);
if (!trust.ok) throw new Error(trust.reason);

describe('profile vectors', () => {
  it.each(profile.vectors)('$id gives $expect', ({ qr, expect: expected }) => {
    const result = readCredential(qr, { trust: trust.value, now: profile.now });
    const name = result.ok ? 'OK' : result.reason.toUpperCase().replaceAll('-', '_');
    expect(name).toBe(expected);
  });

  it('has all 27 codes', () => {
    expect(profile.vectors).toHaveLength(27);
  });
});
