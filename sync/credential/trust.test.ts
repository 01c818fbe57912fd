import { describe, expect, it } from 'vitest';
import { revokeKeys, type TrustedIssuer } from './trust.ts';

const issuer = (status: TrustedIssuer['status']): TrustedIssuer => ({ publicKey: new Uint8Array(32), status, classes: new Set([2]) });
const trust = new Map([
  ['00000001', issuer('active')],
  ['00000002', issuer('retired')],
  ['00000003', issuer('revoked')],
]);

describe('a killed key', () => {
  it('counts as revoked, active or retired, and no other is touched', () => {
    const after = revokeKeys(trust, ['00000001', '00000002']);
    expect([...after].map(([kid, { status }]) => [kid, status])).toEqual([
      ['00000001', 'revoked'],
      ['00000002', 'revoked'],
      ['00000003', 'revoked'],
    ]);
    expect([...trust.values()].map(({ status }) => status)).toEqual(['active', 'retired', 'revoked']);
    expect(revokeKeys(trust, ['00000001']).get('00000002')).toBe(trust.get('00000002'));
  });

  it('makes no list of what is not in it', () => {
    expect(revokeKeys(trust, ['00000003', 'ffffffff'])).toBe(trust);
    expect(revokeKeys(trust, [])).toBe(trust);
  });
});
