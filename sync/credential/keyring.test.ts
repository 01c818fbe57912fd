import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fixturePath, readJson } from '../../fixtures/corpus.ts';
import { toHex } from './bytes.ts';
import { keyId, signSign1 } from './cose.ts';
import { readCredential, writeCp1 } from './credential.ts';
import { readKeyring } from './keyring.ts';
import { type KeyringBody, keyringSchema, rootFingerprint } from './keyring-body.ts';
import { parseSign1 } from './sign1.ts';
import { openStatement, parseEnvelopes, roleNames, signStatement } from './statement.ts';
import { parseTrustFile } from './trust.ts';

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

describe('the keys in a keyring', () => {
  const smallOrder = z.array(z.string()).parse(readJson(fixturePath('vectors/small_order_points_14.json')));
  const ff = (first: string, last: string) => `${first}${'ff'.repeat(30)}${last}`;
  /** Where a key can stand. */
  const places: Record<string, (hex: string) => Partial<KeyringBody>> = {
    root: (hex) => ({ roots: [root.hex, hex] }),
    issuer: (hex) => ({ issuers: [{ key: hex, status: 'active', classes: [2] }] }),
    'revoked issuer': (hex) => ({ issuers: [{ key: hex, status: 'revoked', classes: [2] }] }),
    ...Object.fromEntries(
      roleNames.map((role) => [role, (hex: string) => ({ roles: { ...body().roles, release: [], slice: [], [role]: [hex] } })]),
    ),
  };
  const reasonsIn = (hex: string) =>
    new Set(Object.values(places).map((place) => reasonOf(signStatement('keyring', body(place(hex)), root.seed))));

  it('may stand anywhere where they are good', () => {
    expect(Object.keys(places)).toHaveLength(9);
    expect(reasonsIn(key(77).hex)).toEqual(new Set(['ok']));
  });

  it.each([
    ...smallOrder.map((point) => ['is of small order', point] as const),
    // y = 3 and y = p - 3 have a point; written as p + 3 it is not canonical.
    ['has a y that is not below p', ff('f0', '7f')] as const,
    ['has a y that is not below p', ff('f0', 'ff')] as const,
    ['is no point of the curve', '02'.padEnd(64, '0')] as const,
    ['is no point of the curve', `${'02'.padEnd(62, '0')}80`] as const,
  ])('are refused wherever one %s: %s', (_, hex) => {
    expect(reasonsIn(hex)).toEqual(new Set(['keyring-keys']));
    const trust = { [toHex(keyId(new Uint8Array(Buffer.from(hex, 'hex'))))]: { pk: hex, status: 'active', classes: [1] } };
    expect(parseTrustFile(trust)).toMatchObject({ ok: false, reason: expect.stringContaining('not a valid Ed25519 public key') });
  });

  it.each([key(77).hex.slice(2), `${key(77).hex}00`, '', key(77).hex.toUpperCase()])(
    'are refused unless written as 64 lower-case digits: %j',
    (hex) => {
      expect(reasonsIn(hex)).toEqual(new Set(['statement-schema']));
      expect(reasonOf(signStatement('keyring', body({ sealing: hex }), root.seed))).toBe('statement-schema');
      expect(parseTrustFile({ '00000000': { pk: hex, status: 'active', classes: [1] } }).ok).toBe(false);
    },
  );

  it('stand there once', () => {
    expect(reasonsIn(root.hex)).toEqual(new Set(['keyring-keys']));
    const twice: Partial<KeyringBody>[] = [
      { issuers: [1, 2].map((only) => ({ key: issuer.hex, status: 'active', classes: [only] })) },
      { roles: { ...body().roles, release: [release.hex, release.hex] } },
    ];
    for (const change of twice) expect(reasonOf(signStatement('keyring', body(change), root.seed))).toBe('keyring-keys');
  });

  it('have ids of their own: of two with one id neither is believed', () => {
    // Found by trying: the seeds are these numbers, big-endian in 32 bytes.
    const [one, other] = [34_433, 170_398].map((number) => {
      const seed = new Uint8Array(32);
      new DataView(seed.buffer).setUint32(28, number);
      return nacl.sign.keyPair.fromSeed(seed).publicKey;
    });
    if (one === undefined || other === undefined) throw new Error('two seeds');
    expect(toHex(one)).not.toBe(toHex(other));
    expect(keyId(one)).toEqual(keyId(other));
    const withBoth: Partial<KeyringBody>[] = [
      { issuers: [one, other].map((publicKey) => ({ key: toHex(publicKey), status: 'active', classes: [2] })) },
      { issuers: [{ key: toHex(one), status: 'active', classes: [2] }], roles: { ...body().roles, release: [toHex(other)] } },
      ...roleNames.map((role) => ({ roles: { ...body().roles, [role]: [toHex(one), toHex(other)] } })),
    ];
    for (const change of withBoth) expect(reasonOf(signStatement('keyring', body(change), root.seed))).toBe('keyring-keys');
    for (const alone of [one, other]) expect(reasonsIn(toHex(alone))).toEqual(new Set(['ok']));
  });

  it('are filed in a trust list under the hash of the key and nothing else', () => {
    const entry = (kid: string) => ({ [kid]: { pk: issuer.hex, status: 'active', classes: [2] } });
    const kid = toHex(keyId(issuer.publicKey));
    expect(parseTrustFile(entry(kid)).ok).toBe(true);
    expect(parseTrustFile(entry(toHex(keyId(release.publicKey))))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('is not the id of its key'),
    });
    for (const wrong of [kid.slice(2), `${kid}00`, kid.toUpperCase(), '']) expect(parseTrustFile(entry(wrong)).ok).toBe(false);
  });

  it('hold no sealing key that shares a secret with everybody', () => {
    const lowOrder = [
      '00'.repeat(32),
      '01'.padEnd(64, '0'),
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      ff('ec', '7f'),
      ff('ed', '7f'),
      ff('ee', '7f'),
    ];
    for (const hex of lowOrder) {
      expect(reasonOf(signStatement('keyring', body({ sealing: hex }), root.seed))).toBe('keyring-keys');
      // The top bit means nothing to X25519.
      const top = hex.slice(0, 62) + (Number.parseInt(hex.slice(62), 16) | 0x80).toString(16);
      expect(reasonOf(signStatement('keyring', body({ sealing: top }), root.seed))).toBe('keyring-keys');
    }
    expect(reasonOf(signStatement('keyring', body({ sealing: '02'.padEnd(64, '0') }), root.seed))).toBe('ok');
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
