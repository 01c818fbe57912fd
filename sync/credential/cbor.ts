/**
 * A strict subset of deterministic CBOR (RFC 8949 section 4.2.1): integers within 32 bits, byte and text strings,
 * arrays, maps with integer keys, and tag 18 at the root. Everything else is refused by name.
 * Reads attacker-controlled bytes: never throws, never allocates by a claimed length, never goes deeper than DEPTH_MAX.
 */
import { compareBytes, concatBytes } from './bytes.ts';
import { accept, type Outcome, refuse } from './outcome.ts';

export type CborValue = number | string | Uint8Array | readonly CborValue[] | CborMap | CborTagged;
export type CborMap = ReadonlyMap<number, CborValue>;
export interface CborTagged {
  readonly tag: 18;
  readonly content: CborValue;
}

export const cborReasons = [
  'cbor-truncated',
  'cbor-trailing',
  'cbor-non-canonical',
  'cbor-indefinite',
  'cbor-dup-key',
  'cbor-key-order',
  'cbor-key-type',
  'cbor-utf8',
  'cbor-type',
  'cbor-int-range',
  'cbor-tag',
  'cbor-depth',
  'cbor-malformed',
] as const;
export type CborReason = (typeof cborReasons)[number];

/** Nested arrays, maps and tags allowed, the root item counting as one. */
const DEPTH_MAX = 6;
const INT_MAX = 0xffff_ffff;
const TAG_SIGN1 = 18;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const UTF8_ENCODER = new TextEncoder();

/** Internal unwinding only: caught in decodeCbor, never seen outside this file. */
class Refusal extends Error {
  readonly reason: CborReason;
  constructor(reason: CborReason) {
    super(reason);
    this.reason = reason;
  }
}

/** Decodes exactly one item that fills `bytes`. `allowTag` admits tag 18 at the root, as a COSE_Sign1 carries it. */
export function decodeCbor(bytes: Uint8Array, allowTag = false): Outcome<CborValue, CborReason> {
  const reader = new Reader(bytes);
  try {
    const value = reader.item(1, allowTag);
    return reader.atEnd() ? accept(value) : refuse('cbor-trailing');
  } catch (error) {
    if (error instanceof Refusal) return refuse(error.reason);
    throw error;
  }
}

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  atEnd(): boolean {
    return this.offset === this.bytes.length;
  }

  item(depth: number, allowTag: boolean): CborValue {
    const initial = this.byte();
    const major = initial >> 5;
    const info = initial & 31;
    if (major === 7) return this.refuseSimple(info);
    const argument = this.argument(major, info);
    switch (major) {
      case 0:
        return integer(argument);
      case 1:
        return -1 - integer(argument);
      case 2:
        return this.take(argument).slice();
      case 3:
        return this.text(argument);
      case 4:
        return this.array(argument, depth);
      case 5:
        return this.map(argument, depth);
      default:
        return this.tagged(argument, depth, allowTag);
    }
  }

  private byte(): number {
    const byte = this.bytes[this.offset];
    if (byte === undefined) throw new Refusal('cbor-truncated');
    this.offset++;
    return byte;
  }

  private take(length: number): Uint8Array {
    if (length > this.bytes.length - this.offset) throw new Refusal('cbor-truncated');
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  /** The argument of a head, shortest form required (RFC 8949 section 4.2.1). A 64-bit one is exact only as far as its refusal needs. */
  private argument(major: number, info: number): number {
    if (info < 24) return info;
    if (info > 27) {
      const canBeIndefinite = major >= 2 && major <= 5;
      throw new Refusal(info === 31 && canBeIndefinite ? 'cbor-indefinite' : 'cbor-malformed');
    }
    const size = 1 << (info - 24);
    const at = this.offset;
    this.take(size);
    const [value, floor] =
      size === 1
        ? [this.view.getUint8(at), 24]
        : size === 2
          ? [this.view.getUint16(at), 0x100]
          : size === 4
            ? [this.view.getUint32(at), 0x1_0000]
            : [this.view.getUint32(at) * 0x1_0000_0000 + this.view.getUint32(at + 4), 0x1_0000_0000];
    if (value < floor) throw new Refusal('cbor-non-canonical');
    return value;
  }

  /** Major type 7 holds nothing this profile uses: floats, true, false, null, undefined and other simple values. */
  private refuseSimple(info: number): never {
    if (info >= 28) throw new Refusal('cbor-malformed');
    if (info >= 24) {
      const at = this.offset;
      this.take(1 << (info - 24));
      if (info === 24 && this.view.getUint8(at) < 32) throw new Refusal('cbor-malformed');
    }
    throw new Refusal('cbor-type');
  }

  private text(length: number): string {
    const raw = this.take(length);
    try {
      return UTF8.decode(raw);
    } catch (error) {
      if (error instanceof TypeError) throw new Refusal('cbor-utf8');
      throw error;
    }
  }

  private array(count: number, depth: number): CborValue[] {
    this.enter(count, 1, depth);
    const items: CborValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.item(depth + 1, false));
    return items;
  }

  private map(count: number, depth: number): CborMap {
    this.enter(count, 2, depth);
    const entries = new Map<number, CborValue>();
    let previous: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < count; i++) {
      const start = this.offset;
      if ((this.bytes[start] ?? 0) >> 5 > 1) throw new Refusal('cbor-key-type');
      const key = this.item(depth + 1, false);
      if (typeof key !== 'number') throw new Refusal('cbor-key-type');
      if (entries.has(key)) throw new Refusal('cbor-dup-key');
      const encoded = this.bytes.subarray(start, this.offset);
      if (compareBytes(previous, encoded) > 0) throw new Refusal('cbor-key-order');
      previous = encoded;
      entries.set(key, this.item(depth + 1, false));
    }
    return entries;
  }

  private tagged(tag: number, depth: number, allowTag: boolean): CborTagged {
    if (!allowTag || tag !== TAG_SIGN1) throw new Refusal('cbor-tag');
    return { tag: TAG_SIGN1, content: this.item(depth + 1, false) };
  }

  /** A count that cannot fit in what is left is truncation, found before anything is read or stored. */
  private enter(count: number, bytesPerEntry: number, depth: number): void {
    if (depth > DEPTH_MAX) throw new Refusal('cbor-depth');
    if (count * bytesPerEntry > this.bytes.length - this.offset) throw new Refusal('cbor-truncated');
  }
}

function integer(argument: number): number {
  if (argument > INT_MAX) throw new Refusal('cbor-int-range');
  return argument;
}

/** Encodes deterministically what decodeCbor reads. Throws RangeError on an integer that is not whole or beyond 32 bits. */
export function encodeCbor(value: CborValue): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return concatBytes(parts);
}

function write(value: CborValue, parts: Uint8Array[]): void {
  if (typeof value === 'number') {
    parts.push(value >= 0 ? head(0, value) : head(1, -1 - value));
  } else if (typeof value === 'string') {
    const raw = UTF8_ENCODER.encode(value);
    parts.push(head(3, raw.length), raw);
  } else if (value instanceof Uint8Array) {
    parts.push(head(2, value.length), value);
  } else if (isCborMap(value)) {
    const entries = [...value].map(([key, item]) => ({ key: encodeCbor(key), item }));
    entries.sort((a, b) => compareBytes(a.key, b.key));
    parts.push(head(5, entries.length));
    for (const { key, item } of entries) {
      parts.push(key);
      write(item, parts);
    }
  } else if (isCborArray(value)) {
    parts.push(head(4, value.length));
    for (const item of value) write(item, parts);
  } else {
    parts.push(head(6, value.tag));
    write(value.content, parts);
  }
}

export function isCborMap(value: CborValue | undefined): value is CborMap {
  return value instanceof Map;
}

export function isCborArray(value: CborValue | undefined): value is readonly CborValue[] {
  return Array.isArray(value);
}

function head(major: number, argument: number): Uint8Array {
  if (!Number.isInteger(argument) || argument < 0 || argument > INT_MAX) throw new RangeError(`CBOR argument ${argument}`);
  const type = major << 5;
  if (argument < 24) return Uint8Array.of(type | argument);
  if (argument < 0x100) return Uint8Array.of(type | 24, argument);
  if (argument < 0x1_0000) return Uint8Array.of(type | 25, argument >> 8, argument & 0xff);
  const bytes = new Uint8Array(5);
  bytes[0] = type | 26;
  new DataView(bytes.buffer).setUint32(1, argument);
  return bytes;
}
