/**
 * Puts what two lanes found out about a code into the journal, once. The process may have died between the record and the
 * note that it was made: the end of the journal is then asked first.
 */
import { z } from 'zod';
import { recordSchema } from '../sync/protocol/records.ts';
import type { Entry, Journal } from './journal/journal.ts';
import type { DoubleUse } from './peers/peer-store.ts';

/** What a dead process recorded last lies within so many records of the end. */
const RECORDS_BACK = 2_000;

/** `append` as the recorder has it: undefined where the record is not on disk. */
export function createDoubleUseRecorder(
  journal: Pick<Journal, 'lastSeq' | 'readAfter'>,
  append: (entry: Entry) => unknown,
): (doubleUse: DoubleUse) => boolean {
  let recorded: Set<string> | undefined;
  return ({ ref, other }) => {
    recorded ??= recordedSince(journal, Math.max(0, journal.lastSeq() - RECORDS_BACK));
    const name = `${ref} ${other.kioskId}`;
    if (recorded.has(name)) return true;
    if (append({ kind: 'double-use', ref, other }) === undefined) return false;
    recorded.add(name);
    return true;
  };
}

function recordedSince(journal: Pick<Journal, 'readAfter'>, seq: number): Set<string> {
  const names = journal.readAfter(seq, RECORDS_BACK).flatMap(({ line }) => {
    const record = readRecord(line);
    return record?.other === undefined ? [] : [`${record.ref} ${record.other.kioskId}`];
  });
  return new Set(names);
}

/** A record that was damaged on the disk names nothing. */
function readRecord(line: Uint8Array): z.infer<typeof recordSchema> | undefined {
  try {
    return recordSchema.parse(JSON.parse(new TextDecoder().decode(line)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
