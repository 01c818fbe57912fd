import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../sync/credential/bytes.ts';
import { readKeyring } from '../../sync/credential/keyring.ts';
import { type KeyringBody, rootFingerprint } from '../../sync/credential/keyring-body.ts';
import { type KeyringChain, parseKeyringChain } from '../../sync/credential/keyring-chain.ts';
import { signStatement } from '../../sync/credential/statement.ts';
import { extendChain, missingSignatures, unfinished } from './extend-chain.ts';

const key = (fill: number) => {
  const seed = new Uint8Array(32).fill(fill);
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  return { seed, hex: toHex(publicKey), pin: rootFingerprint(publicKey) };
};
type Key = ReturnType<typeof key>;
const [a, b, c, slice] = [key(1), key(2), key(3), key(4)];

function parse(text: string): KeyringChain {
  const chain = parseKeyringChain(text);
  if (!chain.ok) throw new Error(chain.reason);
  return chain.value;
}

function block(version: number, roots: readonly Key[], signers: readonly Key[], threshold = 1) {
  const body: KeyringBody = {
    ...{ version, issuedAt: '2026-01-01T00:00:00Z', expires: '2026-04-01T00:00:00Z', audience: '*', threshold },
    roots: roots.map(({ hex }) => hex),
    issuers: [],
    roles: { release: [], slice: [slice.hex], feed: [], receipt: [], fleet: [], config: [] },
    ...{ upstreamPins: [], sealing: '09'.padEnd(64, '0') },
  };
  return parse(signers.map(({ seed }) => signStatement('keyring', body, seed)).join('\n'))[0];
}

/** Versions in the file that came of one keyring after the other. */
function grown(...blocks: readonly ReturnType<typeof block>[]) {
  let chain: KeyringChain | undefined;
  for (const next of blocks) chain = parse(extendChain(chain, next));
  const text = (chain ?? []).map((one) => `${one.text}\n`).join('\n');
  return { versions: (chain ?? []).map(({ body }) => body.version), text };
}

describe('the file of a new keyring', () => {
  it('is that keyring alone while the roots stay', () => {
    expect(grown(block(1, [a], [a]), block(2, [a], [a]), block(3, [a], [a])).versions).toEqual([3]);
  });

  it('keeps what brought each root, and nothing else', () => {
    const all = [
      block(1, [a], [a]),
      block(2, [a], [a]),
      block(3, [b], [a, b]),
      block(4, [b], [b]),
      block(5, [b], [b]),
      block(6, [c], [b, c]),
      block(7, [c], [c]),
      block(8, [c], [c]),
    ];
    expect(grown(...all.slice(0, 3)).versions).toEqual([2, 3]);
    expect(grown(...all.slice(0, 5)).versions).toEqual([2, 3, 5]);
    const { versions, text } = grown(...all);
    expect(versions).toEqual([2, 3, 6, 8]);
    for (const { pin } of [a, b, c]) expect(readKeyring(text, pin)).toMatchObject({ ok: true, value: { version: 8 } });
  });

  it('keeps the first one for whoever is pinned to a root that did not sign again', () => {
    const { versions, text } = grown(block(1, [a, b, c], [a, b], 2), block(2, [a, b, c], [b, c], 2), block(3, [a, b, c], [b, c], 2));
    expect(versions).toEqual([1, 3]);
    for (const { pin } of [a, b, c]) expect(readKeyring(text, pin)).toMatchObject({ ok: true, value: { version: 3 } });
  });

  it('says who has still to sign', () => {
    const chain = parse(extendChain(parse(block(1, [a], [a]).text), block(2, [b, c], [a, b], 2)));
    expect(unfinished(chain)).toBe('keyring-new-root');
    const name = (hex: string) => (hex === a.hex ? 'A' : hex === b.hex ? 'B' : 'C');
    expect(missingSignatures(chain, name)).toEqual([
      'signed by: B, A',
      'each new root must sign: C',
      '1 more of its own roots must sign: C',
    ]);
    const old = parse(extendChain(parse(block(1, [a], [a]).text), block(2, [b], [b])));
    expect(missingSignatures(old, name)).toEqual(['signed by: B', '1 more of the roots before it must sign: A']);
    expect(unfinished(parse(extendChain(parse(block(1, [a], [a]).text), block(2, [b], [a, b]))))).toBeUndefined();
  });
});
