/** The hash chain of a journal: changing, dropping or reordering a stored line changes every later hash (pure). */
import { createHash } from 'node:crypto';

const JOURNAL_DOMAIN = 'CPK/journal/1';
const ENTRY_DOMAIN = 'CPK/entry/1';

/** entry_hash(0). `journalId` 16 bytes, `kioskKey` the kiosk's Ed25519 public key. */
export function genesisHash(journalId: Uint8Array, kioskKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(JOURNAL_DOMAIN).update(journalId).update(kioskKey).digest());
}

/** entry_hash(n): over journal, number, the hash before, and the SHA-256 of the exact stored bytes of the line. */
export function entryHash(journalId: Uint8Array, n: number, previous: Uint8Array, line: Uint8Array): Uint8Array {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(n));
  const lineHash = createHash('sha256').update(line).digest();
  return new Uint8Array(
    createHash('sha256').update(ENTRY_DOMAIN).update(journalId).update(number).update(previous).update(lineHash).digest(),
  );
}
