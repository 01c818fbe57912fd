/** Opens stored batches: their lines, and the keys that their decisions were sealed under. */
import type { Outcome } from '../../credential/outcome.ts';
import { type Batch, readBatch } from '../../protocol/batch.ts';
import type { JournalRecord } from '../../protocol/records.ts';
import type { SealedDecision } from '../../protocol/sealed-decision.ts';
import { inflateBatch } from '../ingest/ingest.ts';
import type { ProjectionStore, SealHeader, StoredBatch, Unprojected } from '../store/store.ts';
import { acceptedRecords, openDecision, openSeal, type SealingSecrets, type SegmentKeys, sealIdsOf, sealsOf } from './project-batch.ts';

type OpenedKey = ReturnType<SegmentKeys>;
type KeyCache = (id: string, own: readonly SealHeader[]) => Promise<OpenedKey>;

const KEYS_MAX = 10_000;
const TAKE = 10;

/** Opening a seal is the dear part; a kiosk's records of an hour share one. */
export function segmentKeyCache(store: Pick<ProjectionStore, 'findSeal'>, secrets: SealingSecrets): KeyCache {
  const keys = new Map<string, Uint8Array>();
  return async (id, own) => {
    const known = keys.get(id);
    if (known !== undefined) return known;
    const header = own.find(({ recordId }) => recordId === id) ?? (await store.findSeal(id));
    if (header === undefined) return 'seal-missing';
    const opened = openSeal(header, secrets);
    if (!opened.ok) return opened.reason;
    if (keys.size >= KEYS_MAX) keys.clear();
    keys.set(id, opened.value);
    return opened.value;
  };
}

/** Throws where the store is damaged: ingest has read this very body. */
export async function openBatch(stored: StoredBatch, keyOf: KeyCache): Promise<{ readonly batch: Batch; readonly keys: SegmentKeys }> {
  const inflated = await inflateBatch(stored.body);
  const batch = inflated === undefined ? undefined : readBatch(inflated);
  if (batch?.ok !== true) throw new Error(`batch ${stored.journalId} up to ${stored.lastSeq} cannot be read any more`);
  const own = sealsOf(batch.value, stored);
  const opened = new Map<string, OpenedKey>();
  for (const id of sealIdsOf(batch.value, stored)) opened.set(id, await keyOf(id, own));
  return { batch: batch.value, keys: (id) => opened.get(id) ?? 'seal-missing' };
}

/** Every stored decision, batches newest first. */
export async function* storedDecisions(
  store: Pick<ProjectionStore, 'findSeal' | 'batchesBefore'>,
  secrets: SealingSecrets,
): AsyncGenerator<{ readonly record: JournalRecord; readonly decision: Outcome<SealedDecision, Unprojected['reason']> }> {
  const keyOf = segmentKeyCache(store, secrets);
  let place = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const taken = await store.batchesBefore(place, TAKE);
    for (const stored of taken) {
      const { batch, keys } = await openBatch(stored, keyOf);
      for (const record of acceptedRecords(batch, stored)) {
        if (record.kind === 'decision') yield { record, decision: openDecision(record, keys) };
      }
    }
    const last = taken.at(-1);
    if (last === undefined) return;
    place = last.place;
  }
}
