import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { toHex } from './bytes.ts';
import { parseSign1, signSign1 } from './cose.ts';
import { readCredential, writeCp1 } from './credential.ts';
import { readKeyring } from './keyring.ts';
import { type KeyringBody, keyringSchema, rootFingerprint } from './keyring-body.ts';
import { openStatement, parseEnvelopes, signStatement } from './statement.ts';

const key = (fill: number) => {
  const seed = new Uint8Array(32).fill(fill);
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  return { seed, publicKey, hex: toHex(publicKey) };
};
const [root, second, issuer, release, slice] = [key(1), key(2), key(3), key(4), key(5)];
const pin = rootFingerprint(root.publicKey);

const body = (change: Partial<KeyringBody> = {}): KeyringBody => ({
  version: 5,
  issuedAt: '2026-01-01T00:00:00Z',
  expires: '2026-04-01T00:00:00Z',
  audience: '*',
  roots: [root.hex],
  threshold: 1,
  issuers: [{ key: issuer.hex, status: 'active', classes: [2] }],
  roles: { release: [release.hex], slice: [slice.hex], feed: [], receipt: [], fleet: [], config: [] },
  upstreamPins: [],
  sealing: '09'.padEnd(64, '0'),
  ...change,
});
const reasonOf = (text: string, pinned = pin) => {
  const read = readKeyring(text, pinned);
  return read.ok ? 'ok' : read.reason;
};

describe('keyring', () => {
  it('is believed when the pinned root signed it', () => {
    const read = readKeyring(signStatement('keyring', body(), root.seed), pin);
    expect(read).toMatchObject({ ok: true, value: { version: 5, demo: false } });
  });

  it('is refused under another root, another signer, or one changed byte', () => {
    const good = signStatement('keyring', body(), root.seed);
    expect(reasonOf(good, rootFingerprint(second.publicKey))).toBe('keyring-root');
    expect(reasonOf(signStatement('keyring', body(), second.seed))).toBe('keyring-root');
    const bytes = Buffer.from(good, 'base64url');
    const at = bytes.indexOf('2026-04');
    bytes[at + 3] = '9'.charCodeAt(0);
    expect(reasonOf(bytes.toString('base64url'))).toBe('keyring-root');
  });

  it('needs as many roots as its threshold says, over the same bytes', () => {
    const two = body({ roots: [root.hex, second.hex], threshold: 2 });
    const first = signStatement('keyring', two, root.seed);
    expect(reasonOf(first)).toBe('keyring-threshold');
    expect(reasonOf(`${first}\n${first}\n`)).toBe('keyring-threshold');
    expect(reasonOf(`${first}\n${signStatement('keyring', two, second.seed)}\n`)).toBe('ok');
    expect(reasonOf(`${first}\n${signStatement('keyring', { ...two, version: 6 }, second.seed)}\n`)).toBe('statement-type');
  });

  it('lets no key serve two duties', () => {
    const shared = body({ roles: { release: [release.hex], slice: [issuer.hex], feed: [], receipt: [], fleet: [], config: [] } });
    expect(reasonOf(signStatement('keyring', shared, root.seed))).toBe('keyring-keys');
  });

  it('refuses small-order keys and the published test keys', () => {
    const weak = body({ issuers: [{ key: '00'.repeat(32), status: 'active', classes: [2] }] });
    expect(reasonOf(signStatement('keyring', weak, root.seed))).toBe('keyring-keys');
    const known = body({
      issuers: [{ key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', status: 'active', classes: [2] }],
    });
    expect(reasonOf(signStatement('keyring', known, root.seed))).toBe('keyring-test-key');
    expect(reasonOf(signStatement('keyring', { ...known, demo: true } as KeyringBody, root.seed))).toBe('ok');
  });

  it('refuses what is no statement', () => {
    expect(reasonOf('')).toBe('statement-encoding');
    expect(reasonOf('not base64!')).toBe('statement-encoding');
    expect(reasonOf('AAAA')).toMatch(/^(cbor|cose)-/);
    expect(reasonOf(signStatement('policy', body(), root.seed))).toBe('statement-type');
  });
});

describe('the envelope', () => {
  it('lets no statement stand for another kind, nor for a credential', () => {
    const policy = parseEnvelopes(signStatement('policy', body(), root.seed));
    if (!policy.ok) throw new Error(policy.reason);
    const keys = new Map([[policy.value[0].message.kid, root.publicKey]]);
    expect(openStatement(policy.value[0], 'keyring', keys, keyringSchema)).toEqual({ ok: false, reason: 'statement-type' });
    const bytes = new Uint8Array(Buffer.from(signStatement('keyring', body(), issuer.seed), 'base64url'));
    const trust = new Map([[toHex(new Uint8Array(4)), { publicKey: issuer.publicKey, status: 'active' as const, classes: new Set([2]) }]]);
    expect(readCredential(writeCp1(bytes), { trust, now: 0 })).toMatchObject({ ok: false });
    const credential = signSign1(new Uint8Array([1]), issuer.seed);
    expect(parseSign1(credential, { contentType: 'required' })).toEqual({ ok: false, reason: 'cose-shape' });
  });
});
