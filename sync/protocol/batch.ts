/**
 * A batch of journal lines on the wire: NDJSON, first a header line, then the records exactly as they lie in the journal.
 * A line is never parsed and written again on the way, because the chain is over its bytes. Compression is the caller's.
 */
import { z } from 'zod';
import { concatBytes, fromHex, toHex } from '../credential/bytes.ts';
import { accept, type Outcome, refuse } from '../credential/outcome.ts';
import { entryHash, genesisHash } from './chain.ts';
import { limits } from './limits.ts';

export const journalIdText = z.string().regex(/^[0-9a-f]{32}$/);
export const hashText = z.string().regex(/^[0-9a-f]{64}$/);

/** A place in a journal: `head` is entry_hash(n). */
export const chainPoint = z.strictObject({ n: z.number().int().min(0), head: hashText });
export type ChainPoint = z.infer<typeof chainPoint>;

export const journalParent = chainPoint.extend({ journalId: journalIdText });
export type JournalParent = z.infer<typeof journalParent>;

export const batchHeaderSchema = z.strictObject({
  v: z.literal(1),
  journalId: journalIdText,
  /** The journal that this one continues after a fork or a lost range, and the last point that they share. */
  parent: journalParent.nullable(),
  kioskId: z.string().min(1).max(64),
  firstSeq: z.number().int().min(1),
  count: z.number().int().min(1).max(limits.batchRecords),
  /** entry_hash(firstSeq - 1). */
  prevHash: hashText,
  /** entry_hash of the last record. */
  headHash: hashText,
  bootId: z.string().regex(/^[0-9a-f]{1,32}$/),
});
export type BatchHeader = z.infer<typeof batchHeaderSchema>;

export interface Batch {
  readonly header: BatchHeader;
  /** Without line ends. */
  readonly lines: readonly Uint8Array[];
  /** entry_hash of each line, in order. */
  readonly hashes: readonly Uint8Array[];
}

export type BatchReason = 'batch-header' | 'batch-count' | 'batch-line-length' | 'batch-chain';

const LINE_END = 0x0a;

export function writeBatch(header: BatchHeader, lines: readonly Uint8Array[]): Uint8Array {
  const end = Uint8Array.of(LINE_END);
  return concatBytes([new TextEncoder().encode(JSON.stringify(header)), end, ...lines.flatMap((line) => [line, end])]);
}

/** Reads a batch and computes its chain from `prevHash`; the lines themselves are not parsed. */
export function readBatch(bytes: Uint8Array): Outcome<Batch, BatchReason> {
  const [headerLine, ...lines] = splitLines(bytes);
  const header = headerLine === undefined ? undefined : parseHeader(headerLine);
  if (header === undefined) return refuse('batch-header');
  if (lines.length !== header.count) return refuse('batch-count');
  if (lines.some((line) => line.length === 0 || line.length > limits.lineBytes)) return refuse('batch-line-length');
  const hashes = chainOf(header, lines);
  const last = hashes.at(-1);
  return last !== undefined && toHex(last) === header.headHash ? accept({ header, lines, hashes }) : refuse('batch-chain');
}

/** The hash from which record 1 of a journal is chained. */
export function journalStart(journalId: string, kioskKey: Uint8Array): string {
  return toHex(genesisHash(fromHex(journalId), kioskKey));
}

function chainOf({ journalId, firstSeq, prevHash }: BatchHeader, lines: readonly Uint8Array[]): Uint8Array[] {
  const id = fromHex(journalId);
  const hashes: Uint8Array[] = [];
  let previous = fromHex(prevHash);
  for (const [index, line] of lines.entries()) {
    previous = entryHash(id, firstSeq + index, previous, line);
    hashes.push(previous);
  }
  return hashes;
}

/** What follows the last line end is a line too, and then refused by the count: a cut batch is no batch. */
function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(LINE_END, start);
    const end = found < 0 ? bytes.length : found;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

function parseHeader(line: Uint8Array): BatchHeader | undefined {
  try {
    const parsed = batchHeaderSchema.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line)));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
