import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { toHex } from '../credential/bytes.ts';
import { credentialReasons } from '../credential/reasons.ts';
import { isSealingKeyAcceptable } from '../credential/sealing-key.ts';
import { authorityDay } from './authority-time.ts';
import { entryHash, genesisHash } from './chain.ts';
import { precedence, reasonOrder, reasons } from './reasons.ts';
import { recordId, uuidBytes, uuidText } from './record-id.ts';
import { openBox, openRecord, sealBox, sealRecord } from './sealing.ts';
import { idTag, normalisePlate, plateTag } from './tags.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('sealing', () => {
  const upstream = nacl.box.keyPair.fromSecretKey(new Uint8Array(32).fill(5));

  it('opens for the recipient only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes(32), (message, ephemeral) => {
        const sealed = sealBox(message, upstream.publicKey, ephemeral);
        expect(openBox(sealed, upstream.secretKey)).toEqual({ ok: true, value: message });
        expect(openBox(sealed, new Uint8Array(32).fill(6)).ok).toBe(false);
      }),
      { numRuns: 20 },
    );
  });

  it('hides the length of a record and refuses another index, key or byte', () => {
    const key = new Uint8Array(32).fill(7);
    const short = sealRecord(new Uint8Array([1, 2, 3]), key, 4);
    expect(short).toHaveLength(256 + 16);
    expect(sealRecord(new Uint8Array(254), key, 4)).toHaveLength(256 + 16);
    expect(sealRecord(new Uint8Array(255), key, 4)).toHaveLength(512 + 16);
    expect(openRecord(short, key, 4)).toEqual({ ok: true, value: new Uint8Array([1, 2, 3]) });
    expect(openRecord(short, key, 5).ok).toBe(false);
    expect(openRecord(short, new Uint8Array(32), 4).ok).toBe(false);
    expect(
      openRecord(
        short.map((byte, at) => (at === 20 ? byte ^ 1 : byte)),
        key,
        4,
      ).ok,
    ).toBe(false);
    expect(openRecord(new Uint8Array(3), key, 4).ok).toBe(false);
  });

  it('seals to no key of low order', () => {
    expect(isSealingKeyAcceptable(upstream.publicKey)).toBe(true);
    expect(isSealingKeyAcceptable(new Uint8Array(32))).toBe(false);
    expect(isSealingKeyAcceptable(Uint8Array.of(1, ...new Uint8Array(31)))).toBe(false);
    expect(isSealingKeyAcceptable(new Uint8Array(31))).toBe(false);
  });
});

describe('chain', () => {
  it('depends on journal, number, predecessor and every byte of the line', () => {
    const id = new Uint8Array(16).fill(1);
    const start = genesisHash(id, new Uint8Array(32));
    const base = toHex(entryHash(id, 1, start, new Uint8Array([1, 2])));
    const others = [
      entryHash(new Uint8Array(16), 1, start, new Uint8Array([1, 2])),
      entryHash(id, 2, start, new Uint8Array([1, 2])),
      entryHash(id, 1, new Uint8Array(32), new Uint8Array([1, 2])),
      entryHash(id, 1, start, new Uint8Array([1, 3])),
    ];
    expect(others.map(toHex)).not.toContain(base);
  });
});

describe('record ids', () => {
  it('are UUIDv7, sort by time and survive the way to bytes and back', () => {
    const id = recordId(1_700_000_000_000, new Uint8Array(10).fill(255));
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(recordId(1_700_000_000_001, new Uint8Array(10)) > id).toBe(true);
    expect(uuidText(uuidBytes(id))).toBe(id);
  });
});

describe('tags', () => {
  it('take every spelling of a plate for one plate', () => {
    const cti = new Uint8Array(8);
    expect(normalisePlate(' 59-c1 123.45 ')).toBe('59C112345');
    expect(plateTag(cti, '59-C1 123.45')).toEqual(plateTag(cti, '59c112345'));
    expect(plateTag(cti, '59C112346')).not.toEqual(plateTag(cti, '59C112345'));
    expect(idTag(cti, '079090123456')).toHaveLength(2);
  });
});

describe('reasons', () => {
  it('keep the order of the credential checks', () => {
    const places = credentialReasons.map(precedence);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('have words in both languages, an action unless they pass, and a code for staff where the screen is red or amber', () => {
    for (const name of reasonOrder) {
      const { verdict, screen, vi, en, actionVi, actionEn, code } = reasons[name];
      expect(vi.length * en.length).toBeGreaterThan(0);
      if (verdict !== 'pass') expect(actionVi.length * actionEn.length).toBeGreaterThan(0);
      if (screen === 'deny') expect(code).toMatch(/^D-\d\d$/);
      if (screen === 'see-staff') expect(code).toMatch(/^S-\d\d$/);
    }
  });
});

describe('days of the authority', () => {
  it('begin at midnight in Viet Nam', () => {
    expect(authorityDay(Date.UTC(2026, 0, 14, 16, 59, 59) / 1000) + 1).toBe(authorityDay(Date.UTC(2026, 0, 14, 17, 0, 0) / 1000));
  });
});
