import { decode as oracleDecode, Tag } from 'cbor2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readJson } from '../../fixtures/corpus.ts';
import { describeWithCorpus } from '../../fixtures/describe-with-corpus.ts';
import { decodeBase45, encodeBase45 } from './base45.ts';
import { fromHex, toHex } from './bytes.ts';
import { type CborValue, decodeCbor, encodeCbor, isCborArray, isCborMap } from './cbor.ts';
import { readCredential } from './credential.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const trust = new Map();

describe('base45 (RFC 9285)', () => {
  it.each([
    ['AB', 'BB8'],
    ['Hello!!', '%69 VD92EX0'],
    ['base-45', 'UJCLQE7W581'],
    ['ietf!', 'QED8WEX0'],
    ['', ''],
  ])('writes and reads %s as %s', (plain, coded) => {
    expect(encodeBase45(bytesOf(plain))).toBe(coded);
    expect(decodeBase45(coded)).toEqual({ ok: true, value: bytesOf(plain) });
  });

  it.each([
    ['GGW', 'b45-overflow'],
    [':::', 'b45-overflow'],
    ['::', 'b45-overflow'],
    ['A', 'b45-length'],
    ['BB8A', 'b45-length'],
    ['bb8', 'b45-char'],
    ['BB8\n', 'b45-char'],
    ['BÉ8', 'b45-char'],
  ])('refuses %j as %s', (coded, reason) => {
    expect(decodeBase45(coded)).toEqual({ ok: false, reason });
  });

  it('reads every group of two and three characters that stands for bytes, and no other', () => {
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
    const wrong: string[] = [];
    const hold = (text: string, value: number, most: number) => {
      const read = decodeBase45(text);
      const isRight = value > most ? !read.ok && read.reason === 'b45-overflow' : read.ok && encodeBase45(read.value) === text;
      if (!isRight) wrong.push(text);
    };
    for (let a = 0; a < 45; a++) {
      for (let b = 0; b < 45; b++) {
        const pair = alphabet.charAt(a) + alphabet.charAt(b);
        hold(pair, a + 45 * b, 0xff);
        for (let c = 0; c < 45; c++) hold(pair + alphabet.charAt(c), a + 45 * b + 2025 * c, 0xffff);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('refuses every character outside its alphabet, wherever it stands', () => {
    const wrong: number[] = [];
    for (let code = 0; code < 0x1_0000; code++) {
      const isIn = /^[0-9A-Z $%*+\-./:]$/.test(String.fromCharCode(code));
      for (const at of [0, 1, 2]) {
        const read = decodeBase45([...'000'].map((zero, i) => (i === at ? String.fromCharCode(code) : zero)).join(''));
        if ((!read.ok && read.reason === 'b45-char') === isIn) wrong.push(code);
      }
    }
    expect(wrong).toEqual([]);
  });

  describeWithCorpus(['vectors/rfc/rfc9285_base45.json'], 'RFC 9285', ([path = '']) => {
    const { valid, invalid } = z
      .object({ valid: z.array(z.object({ text: z.string(), hex: z.string() })), invalid: z.array(z.object({ text: z.string() })) })
      .parse(readJson(path));

    it('is followed both ways in all 20 examples', () => {
      for (const { text, hex } of valid) {
        expect(decodeBase45(text)).toEqual({ ok: true, value: fromHex(hex) });
        expect(encodeBase45(fromHex(hex))).toBe(text);
      }
      for (const { text } of invalid) expect(decodeBase45(text).ok).toBe(false);
      expect([valid.length, invalid.length]).toEqual([9, 11]);
    });
  });

  it('reads back whatever it writes, and has one spelling for each value', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (value) => {
        expect(decodeBase45(encodeBase45(value))).toEqual({ ok: true, value });
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:') }), (text) => {
        const read = decodeBase45(text);
        if (read.ok) expect(encodeBase45(read.value)).toBe(text);
      }),
    );
  });
});

describe('hex', () => {
  it('is written and read as Node does, and ends where it is no hex', () => {
    const hexLike = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEFgx \u00e9') });
    fc.assert(
      fc.property(hexLike, (text) => {
        expect([...fromHex(text)]).toEqual([...Buffer.from(text, 'hex')]);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
      }),
    );
  });
});

describe('the CBOR subset', () => {
  const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 3 },
      fc.integer({ min: -0xffff_ffff, max: 0xffff_ffff }),
      fc.string({ unit: 'grapheme', maxLength: 30 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.array(fc.tuple(fc.integer({ min: -70_000, max: 70_000 }), tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
    ),
  }));

  /** Arrays, maps and bytes of both decoders in one form. */
  const plain = (item: unknown): unknown => {
    if (item instanceof Uint8Array) return Buffer.from(item).toString('hex');
    if (Array.isArray(item)) return item.map(plain);
    if (item instanceof Map) return new Map([...item].map(([key, inner]) => [Number(key), plain(inner)]));
    if (item instanceof Tag) return { tag: Number(item.tag), content: plain(item.contents) };
    if (typeof item === 'bigint') return Number(item);
    if (typeof item === 'object' && item !== null && 'tag' in item && 'content' in item)
      return { tag: item.tag, content: plain(item.content) };
    if (typeof item === 'object' && item !== null) {
      return new Map(Object.entries(item).map(([key, inner]) => [Number(key), plain(inner)]));
    }
    return item;
  };

  it('writes what an independent decoder reads, and reads it back', () => {
    fc.assert(
      fc.property(value, (item) => {
        const coded = encodeCbor(item);
        expect(plain(oracleDecode(coded))).toEqual(plain(item));
        const read = decodeCbor(coded);
        expect(read.ok && plain(read.value)).toEqual(plain(item));
      }),
      { numRuns: 300 },
    );
  });

  it('reads what is nearly right only where an independent decoder reads the same and it would write the same', () => {
    let [read, refused] = [0, 0];
    fc.assert(
      fc.property(value, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean(), (item, at, byte, isTagged) => {
        const coded = isTagged ? encodeCbor({ tag: 18, content: item }) : encodeCbor(item);
        coded[at % coded.length] = byte;
        const own = decodeCbor(coded, true);
        if (!own.ok) {
          refused++;
          return;
        }
        read++;
        expect(plain(own.value)).toEqual(plain(oracleDecode(coded)));
        expect(encodeCbor(own.value)).toEqual(coded);
      }),
      { numRuns: 4_000 },
    );
    // Neither half of the test is empty.
    expect(Math.min(read, refused)).toBeGreaterThan(500);
  });

  it('accepts nothing that it would write differently, and throws on nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, allowTag) => {
        const read = decodeCbor(bytes, allowTag);
        if (read.ok) expect(encodeCbor(read.value)).toEqual(bytes);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['1800', 'cbor-non-canonical'],
    ['5900', 'cbor-truncated'],
    ['5bffffffffffffffff', 'cbor-truncated'],
    ['9f01ff', 'cbor-indefinite'],
    ['a201010102', 'cbor-dup-key'],
    ['a202010101', 'cbor-key-order'],
    ['a1616101', 'cbor-key-type'],
    ['61ff', 'cbor-utf8'],
    ['f6', 'cbor-type'],
    ['f93c00', 'cbor-type'],
    ['1b0000000100000000', 'cbor-int-range'],
    ['d81e01', 'cbor-tag'],
    ['818181818181818101', 'cbor-depth'],
    ['0101', 'cbor-trailing'],
    ['1c', 'cbor-malformed'],
    ['', 'cbor-truncated'],
  ])('refuses %s as %s', (hex, reason) => {
    expect(decodeCbor(fromHex(hex))).toEqual({ ok: false, reason });
  });

  it('knows its own kinds', () => {
    expect(isCborArray([1])).toBe(true);
    expect(isCborMap(new Map())).toBe(true);
    expect(isCborMap([1])).toBe(false);
  });
});

describe('hostile texts', () => {
  it('give a named reason, whatever they are', () => {
    fc.assert(
      fc.property(fc.constantFrom('CP1:', 'CP2:', ''), fc.string({ maxLength: 600 }), (prefix, rest) => {
        expect(readCredential(prefix + rest, { trust, now: 0 }).ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.constantFrom('CP1:', 'CP2:'), fc.uint8Array({ maxLength: 200 }), (prefix, bytes) => {
        expect(readCredential(prefix + encodeBase45(bytes), { trust, now: 0 }).ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
