import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { toHex } from './bytes.ts';
import { readKeyring } from './keyring.ts';
import { type KeyringBody, rootFingerprint } from './keyring-body.ts';
import type { RootAnchor } from './keyring-chain.ts';
import { signStatement } from './statement.ts';

const key = (fill: number) => {
  const seed = new Uint8Array(32).fill(fill);
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  return { seed, hex: toHex(publicKey), pin: rootFingerprint(publicKey) };
};
type Key = ReturnType<typeof key>;
const [a, b, c, d, slice] = [key(1), key(2), key(3), key(4), key(5)];

/** One block: a keyring with these roots, and who signed it. */
function block(version: number, roots: readonly Key[], signers: readonly Key[], change: Partial<KeyringBody> = {}): string {
  const body: KeyringBody = {
    ...{ version, issuedAt: '2026-01-01T00:00:00Z', expires: '2026-04-01T00:00:00Z', audience: '*' },
    roots: roots.map(({ hex }) => hex),
    threshold: 1,
    issuers: [],
    roles: { release: [], slice: [slice.hex], feed: [], receipt: [], fleet: [], config: [] },
    upstreamPins: [],
    sealing: '09'.padEnd(64, '0'),
    ...change,
  };
  return signers.map(({ seed }) => `${signStatement('keyring', body, seed)}\n`).join('');
}
const file = (...blocks: readonly string[]) => blocks.join('\n');
const read = (text: string, pin = a.pin, known?: RootAnchor) => {
  const keyring = readKeyring(text, pin, known);
  return keyring.ok ? keyring.value.version : keyring.reason;
};

const first = block(1, [a], [a]);
const toB = block(2, [b], [a, b]);
const toC = block(3, [c], [b, c]);

describe('a chain of keyrings', () => {
  it('leads from the pinned root to a keyring that it never signed', () => {
    expect(read(file(first, toB, toC, block(9, [c], [c])))).toBe(9);
    expect(read(file(first, toB, toC))).toBe(3);
  });

  it('is believed from any root that once stood in it, by who was provisioned later', () => {
    const text = file(first, toB, toC, block(9, [c], [c]));
    expect([a, b, c, d].map(({ pin }) => read(text, pin))).toEqual([9, 9, 9, 'keyring-root']);
  });

  it('ends where a root that was dropped signs again', () => {
    expect(read(file(first, toB, block(9, [a], [a])))).toBe('keyring-chain');
    expect(read(file(first, toB, block(9, [b], [a])))).toBe('keyring-chain');
    expect(read(file(first, toB, block(9, [a, b], [a])))).toBe('keyring-chain');
    expect(read(file(first, toB, toC, block(9, [c], [a, b])))).toBe('keyring-chain');
  });

  it('needs both, the roots before and those that come', () => {
    expect(read(file(first, block(2, [b], [a])))).toBe('keyring-new-root');
    expect(read(file(first, block(2, [b], [b])))).toBe('keyring-chain');
    expect(read(file(first, block(2, [b, c], [a, b])))).toBe('keyring-new-root');
    expect(read(file(first, block(2, [b, c], [a, b, c])))).toBe(2);
    expect(read(file(first, block(2, [a, b], [b])))).toBe('keyring-chain');
  });

  it('asks as many of the roots before as those ask, and as many of the new ones as these ask', () => {
    const two = block(1, [a, b, c], [a, b], { threshold: 2 });
    expect(read(file(two, block(2, [a, d], [a, d])))).toBe('keyring-chain');
    expect(read(file(two, block(2, [a, d], [a, c, d])))).toBe(2);
    expect(read(file(two, block(2, [a, b, c], [b, c], { threshold: 2 })))).toBe(2);
    expect(read(file(first, block(2, [a, b, c], [a, b, c], { threshold: 3 })))).toBe(2);
    expect(read(file(two, block(2, [a, b, c], [b, c], { threshold: 3 })))).toBe('keyring-threshold');
  });

  it('rises in its versions', () => {
    expect(read(file(first, block(1, [b], [a, b])))).toBe('keyring-version');
    expect(read(file(block(5, [a], [a]), block(4, [b], [a, b])))).toBe('keyring-version');
    expect(read(file(toB, first))).toBe('keyring-version');
    // The order of the file is its order, also before the pinned root.
    expect(read(file(block(8, [d], [d]), first, toB))).toBe('keyring-version');
  });

  it('has no step left out', () => {
    expect(read(file(first, toC))).toBe('keyring-chain');
    expect(read(toB)).toBe('keyring-root');
  });

  it('is bounded', () => {
    const long = Array.from({ length: 16 }, (_, index) => block(index + 1, [a], [a]));
    expect(read(file(...long))).toBe(16);
    expect(read(file(...long, block(17, [a], [a])))).toBe('keyring-length');
    expect(
      read(
        block(
          1,
          [a],
          Array.from({ length: 17 }, () => a),
        ),
      ),
    ).toBe('keyring-length');
    expect(read(`${first}${'A'.repeat(1 << 20)}`)).toBe('keyring-length');
  });

  it('takes line ends at its ends for nothing, and no block for what is none', () => {
    expect(read(`\n\n${file(first, toB)}\n\n`)).toBe(2);
    expect(read(file(first, 'AAAA\n', toB))).toMatch(/^(cbor|cose)-/);
    expect(read(file(first, `${toB}${first}`))).toBe('statement-type');
  });
});

describe('a kiosk that knows newer roots', () => {
  const known = { version: 2, roots: [b.hex], threshold: 1 };
  it('believes no chain that the dropped root has begun anew', () => {
    const stolen = file(first, block(9, [a], [a]));
    expect(read(stolen)).toBe(9);
    expect(read(stolen, a.pin, known)).toBe('keyring-chain');
    expect(read(block(9, [a], [a]), a.pin, known)).toBe('keyring-chain');
    expect(read(block(9, [a, b], [a]), a.pin, known)).toBe('keyring-chain');
    expect(read(file(first, block(3, [d], [a, d]), block(9, [d], [d])), a.pin, known)).toBe('keyring-chain');
  });

  it('believes what follows, and what it has', () => {
    expect(read(file(first, toB), a.pin, known)).toBe(2);
    expect(read(file(first, toB, toC, block(9, [c], [c])), a.pin, known)).toBe(9);
    expect(read(first, a.pin, known)).toBe(1);
  });
});
