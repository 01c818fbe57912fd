/**
 * What a batch is to upstream's copy of its journal: the next part, a repetition, a gap or a fork; and which of its records
 * are kept. Pure. Upstream never judges a crossing again: a record is refused only where it cannot be read or names
 * another kiosk, and then it lies in quarantine while the journal goes on.
 */
import { createHash } from 'node:crypto';
import { toHex } from '../../credential/bytes.ts';
import type { Batch, ChainPoint } from '../../protocol/batch.ts';
import type { RejectReason } from '../../protocol/receipt.ts';
import { uuidBytes } from '../../protocol/record-id.ts';
import { type JournalRecord, recordSchema } from '../../protocol/records.ts';

/** Where a batch stands to the cursor. `compare`: upstream's own hash at `n` decides between repetition and fork. */
export type Standing =
  | { readonly kind: 'gap' }
  | { readonly kind: 'fork' }
  | { readonly kind: 'append'; readonly from: number }
  | { readonly kind: 'compare'; readonly n: number };

export function standingOf({ header, hashes }: Batch, cursor: ChainPoint): Standing {
  const { firstSeq, prevHash, count } = header;
  const lastSeq = firstSeq + count - 1;
  if (firstSeq > cursor.n + 1) return { kind: 'gap' };
  if (firstSeq === cursor.n + 1) return prevHash === cursor.head ? { kind: 'append', from: firstSeq } : { kind: 'fork' };
  if (lastSeq < cursor.n) return { kind: 'compare', n: lastSeq };
  const own = hashes[cursor.n - firstSeq];
  return own !== undefined && toHex(own) === cursor.head ? { kind: 'append', from: cursor.n + 1 } : { kind: 'fork' };
}

export interface KeptEntry {
  readonly recordId: Uint8Array;
  readonly lineHash: Uint8Array;
}

export interface SortedLines {
  readonly entries: readonly KeptEntry[];
  readonly rejects: readonly { readonly n: number; readonly reason: RejectReason; readonly line: Uint8Array }[];
  /** Numbers of records that are refused or already kept under another number. */
  readonly skipped: readonly number[];
}

export interface ReadLine {
  readonly n: number;
  readonly line: Uint8Array;
  readonly lineHash: Uint8Array;
  readonly record: JournalRecord | undefined;
  readonly reason: RejectReason | undefined;
}

/** The records from `from` on, read and not yet compared with what is kept. */
export function readLines({ header, lines }: Batch, from: number, kioskId: string): ReadLine[] {
  return lines.slice(from - header.firstSeq).map((line, index) => {
    const parsed = parseLine(line, kioskId);
    const lineHash = new Uint8Array(createHash('sha256').update(line).digest());
    return typeof parsed === 'string'
      ? { n: from + index, line, lineHash, record: undefined, reason: parsed }
      : { n: from + index, line, lineHash, record: parsed, reason: undefined };
  });
}

/** `known`: hashes of lines that are kept already, by record id, both hex. */
export function sortLines(read: readonly ReadLine[], known: ReadonlyMap<string, string>): SortedLines {
  const kept = new Map(known);
  const entries: KeptEntry[] = [];
  const rejects: { n: number; reason: RejectReason; line: Uint8Array }[] = [];
  const skipped: number[] = [];
  for (const { n, line, lineHash, record, reason } of read) {
    const recordId = record === undefined ? undefined : uuidBytes(record.id);
    const earlier = recordId === undefined ? undefined : kept.get(toHex(recordId));
    if (recordId !== undefined && earlier === undefined) {
      kept.set(toHex(recordId), toHex(lineHash));
      entries.push({ recordId, lineHash });
      continue;
    }
    skipped.push(n);
    // The same record under a new number is how a journal goes on after a fork; the same id with other content is not.
    if (reason !== undefined) rejects.push({ n, reason, line });
    else if (earlier !== toHex(lineHash)) rejects.push({ n, reason: 'id-conflict', line });
  }
  return { entries, rejects, skipped };
}

function parseLine(line: Uint8Array, kioskId: string): JournalRecord | RejectReason {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return 'line-json';
    throw error;
  }
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) return 'line-schema';
  return parsed.data.kioskId === kioskId ? parsed.data : 'line-kiosk';
}

/** Boots take turns only where two machines write one journal: a boot that comes back after another is a clone. */
export function isInterleaved(boots: readonly string[], bootId: string): boolean {
  return boots.includes(bootId) && boots.at(-1) !== bootId;
}
