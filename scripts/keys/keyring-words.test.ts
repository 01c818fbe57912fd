import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../sync/credential/bytes.ts';
import type { KeyringBody } from '../../sync/credential/keyring-body.ts';
import { draftProblems } from './keyring-draft.ts';
import { compareKeyrings, describeKeyring, expiryWarnings, keyringWarnings, kidOf, validityWords } from './keyring-words.ts';

const key = (fill: number) => toHex(nacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(fill)).publicKey);
const base: KeyringBody = {
  ...{ version: 5, issuedAt: '2026-01-01T00:00:00Z', expires: '2026-03-01T00:00:00Z', audience: '*' },
  roots: [key(1), key(2)],
  threshold: 1,
  issuers: [{ key: key(3), status: 'active', classes: [2], areas: [79] }],
  roles: { release: [key(4)], slice: [key(5)], feed: [key(6)], receipt: [key(7)], fleet: [key(8)], config: [key(9)] },
  sealing: '09'.padEnd(64, '0'),
  upstreamPins: [],
};
const [issuer] = base.issuers;
if (issuer === undefined) throw new Error('no issuer');
const kid = kidOf(key(3));
const nowMs = Date.parse('2026-01-02T00:00:00Z');

describe('what has changed', () => {
  it.each<[string, Partial<KeyringBody>, string[]]>([
    ['nothing', {}, []],
    [
      'an issuer that comes',
      { issuers: [issuer, { ...issuer, key: key(20) }] },
      [`+ issuer ${kidOf(key(20))}: active, classes 2, areas 79`],
    ],
    ['an issuer that goes', { issuers: [] }, [`- issuer ${kid}: active, classes 2, areas 79`]],
    [
      'an issuer that may do more',
      { issuers: [{ key: key(3), status: 'active', classes: [2, 5] }] },
      [`~ issuer ${kid}: active, classes 2, areas 79 -> active, classes 2, 5, all areas`],
    ],
    [
      'an issuer that retires',
      { issuers: [{ ...issuer, status: 'retired', retiredAt: 1_767_225_600 }] },
      [`~ issuer ${kid}: active, classes 2, areas 79 -> retired since 2026-01-01T00:00Z, classes 2, areas 79`],
    ],
    ['a key of a role', { roles: { ...base.roles, feed: [key(21)] } }, [`+ feed key ${kidOf(key(21))}`, `- feed key ${kidOf(key(6))}`]],
    ['a root', { roots: [key(1), key(22)] }, [`+ root ${kidOf(key(22))}`, `- root ${kidOf(key(2))}`]],
    ['how many roots sign', { threshold: 2 }, ['roots that must sign: 1 -> 2']],
    ['a pin of TLS', { upstreamPins: ['ab'.repeat(32)] }, ['+ TLS pin abababababababab...']],
    ['the mark of a demo', { demo: true }, ['marked as demo']],
  ])('is said: %s', (_name, change, lines) => {
    expect(compareKeyrings(base, { ...base, ...change })).toEqual(lines);
  });

  it('names the sealing key as records do', () => {
    const [line] = compareKeyrings(base, { ...base, sealing: '08'.padEnd(64, '0') });
    expect(line).toMatch(/^sealing key: [0-9a-f]{8} -> [0-9a-f]{8}$/);
  });
});

describe('what is to be seen to', () => {
  it('is nothing in a good keyring', () => {
    expect([...expiryWarnings(base, nowMs), ...keyringWarnings(base), ...draftProblems(base)]).toEqual([]);
    expect(describeKeyring(base)).toHaveLength(2 + 1 + 1 + 6 + 1);
    expect(validityWords(base, nowMs)).toContain('58 days left');
  });

  it.each<[string, Partial<KeyringBody>, RegExp]>([
    ['one root', { roots: [key(1)] }, /there is one root/],
    ['all roots needed', { threshold: 2 }, /all 2 roots must sign/],
    ['an issuer for every area', { issuers: [{ key: key(3), status: 'active', classes: [2] }] }, /may name every area/],
    ['an issuer retired without a time', { issuers: [issuer, { ...issuer, key: key(20), status: 'retired' }] }, /retired without a time/],
    ['no active issuer', { issuers: [] }, /no issuer is active/],
    ['a role without a key', { roles: { ...base.roles, receipt: [] } }, /no receipt key/],
    ['a demo', { demo: true }, /marked as demo/],
  ])('is said: %s', (_name, change, words) => {
    expect(keyringWarnings({ ...base, ...change })).toEqual([expect.stringMatching(words)]);
  });

  it('includes its end, three weeks before', () => {
    const at = (text: string) => expiryWarnings(base, Date.parse(text));
    expect(at('2026-02-08T00:00:00Z')).toEqual([]);
    expect(at('2026-02-08T00:00:01Z')).toEqual([expect.stringContaining('expires in 20 days')]);
    expect(at('2026-02-15T00:00:01Z')).toEqual([expect.stringContaining('expires in 13 days')]);
    expect(at('2026-03-01T00:00:01Z')).toEqual([expect.stringContaining('has expired')]);
    expect(expiryWarnings({ ...base, expires: '2027-01-01T00:00:00Z' }, nowMs)).toEqual([expect.stringContaining('valid for 365 days')]);
  });

  it.each<[string, Partial<KeyringBody>, RegExp]>([
    ['a key with two duties', { roles: { ...base.roles, feed: [key(3)] } }, /listed twice, as issuer and as feed key/],
    ['a key that is none', { issuers: [{ ...issuer, key: '00'.repeat(32) }] }, /no Ed25519 key/],
    ['more signatures than roots', { threshold: 3 }, /only 2 are listed/],
    ['a sealing key of low order', { sealing: '00'.repeat(32) }, /nobody may seal/],
  ])('is a reason to sign nothing: %s', (_name, change, words) => {
    expect(draftProblems({ ...base, ...change })).toEqual([expect.stringMatching(words)]);
  });
});
