/**
 * What a raw batch means: opens the seals of its decisions and gives the rows that people ask for. Pure but for the seals
 * that it looks up; the same batch always gives the same rows, so that all of them can be made again.
 */
import { credentialClasses } from '../../credential/claims.ts';
import { accept, type Outcome, refuse } from '../../credential/outcome.ts';
import type { Batch } from '../../protocol/batch.ts';
import { type JournalRecord, recordSchema } from '../../protocol/records.ts';
import { parseSealedDecision, type SealedDecision } from '../../protocol/sealed-decision.ts';
import { openBox, openRecord } from '../../protocol/sealing.ts';
import type { Alarm, Crossing, JournalEvent, Projection, SealHeader, StoredBatch, Unprojected } from '../store/store.ts';

/** Secrets that seals were made to, by the first 8 hex digits of SHA-256(public key). */
export type SealingSecrets = ReadonlyMap<string, Uint8Array>;

/** Opened segment keys by the id of their seal record. */
export type SegmentKeys = (sealId: string) => Uint8Array | 'seal-missing' | 'seal-key-missing' | 'seal-invalid';

export type ProjectedRows = Pick<Projection, 'crossings' | 'events' | 'seals' | 'unprojected' | 'alarms'>;

/** The seal headers that a batch brings, first: decisions of the same batch rest on them. */
export function sealsOf(batch: Batch, stored: StoredBatch): SealHeader[] {
  return acceptedRecords(batch, stored).flatMap(({ id, seal }) =>
    seal === undefined ? [] : [{ recordId: id, sealKid: seal.sealKid, box: new Uint8Array(Buffer.from(seal.box, 'base64url')) }],
  );
}

/** Opens the segment key of a seal. */
export function openSeal({ sealKid, box }: SealHeader, secrets: SealingSecrets): Outcome<Uint8Array, 'seal-key-missing' | 'seal-invalid'> {
  const secret = secrets.get(sealKid);
  if (secret === undefined) return refuse('seal-key-missing');
  const key = openBox(box, secret);
  return key.ok ? key : refuse('seal-invalid');
}

/** Ids of the seals that the decisions of a batch were made under. */
export function sealIdsOf(batch: Batch, stored: StoredBatch): string[] {
  return [...new Set(acceptedRecords(batch, stored).flatMap(({ sealRef }) => sealRef?.id ?? []))];
}

export function projectBatch(batch: Batch, stored: StoredBatch, segmentKey: SegmentKeys): ProjectedRows {
  const crossings: Crossing[] = [];
  const events: JournalEvent[] = [];
  const unprojected: Unprojected[] = [];
  const alarms: Alarm[] = [];
  for (const record of acceptedRecords(batch, stored)) {
    if (record.kind !== 'decision') {
      events.push(eventOf(record));
      if (record.fault === 'journal-gone' && record.kind === 'fault') alarms.push(goneAlarm(record));
      if (record.lost !== undefined) alarms.push(lostAlarm(record.kioskId, record.lost));
      if (record.other !== undefined) alarms.push(doubleUseAlarm(record, record.other));
      if (record.fault === 'page-link-reused') alarms.push({ code: record.fault, kioskId: record.kioskId, detail: '' });
      continue;
    }
    const opened = openDecision(record, segmentKey);
    if (opened.ok) crossings.push({ ...crossingOf(record, opened.value), afterRevocation: stored.afterRevocation });
    else {
      unprojected.push({ recordId: record.id, reason: opened.reason });
      if (opened.reason === 'seal-mismatch') alarms.push({ code: 'seal-mismatch', kioskId: record.kioskId, detail: record.id });
    }
  }
  return { crossings, events, seals: sealsOf(batch, stored), unprojected, alarms };
}

/** Ingest has refused what cannot be read; what is left parses. */
export function acceptedRecords({ header, lines }: Batch, { acceptedFrom, skipped }: StoredBatch): JournalRecord[] {
  const isSkipped = new Set(skipped);
  return lines.flatMap((line, index) => {
    const n = header.firstSeq + index;
    if (n < acceptedFrom || isSkipped.has(n)) return [];
    return [recordSchema.parse(JSON.parse(new TextDecoder().decode(line)))];
  });
}

/** The sealed part repeats what the clear part says: a clear part that was exchanged shows here. */
export function openDecision(record: JournalRecord, segmentKey: SegmentKeys): Outcome<SealedDecision, Unprojected['reason']> {
  if (record.sealRef === undefined || record.sealed === undefined) return refuse('seal-missing');
  const key = segmentKey(record.sealRef.id);
  if (typeof key === 'string') return refuse(key);
  const plaintext = openRecord(new Uint8Array(Buffer.from(record.sealed, 'base64url')), key, record.sealRef.index);
  if (!plaintext.ok) return plaintext;
  const decision = parseSealedDecision(plaintext.value);
  if (!decision.ok) return decision;
  const { recordId, kioskId, checkpointId, eventTimeMs } = decision.value;
  const agrees =
    recordId === record.id &&
    kioskId === record.kioskId &&
    checkpointId === record.checkpointId &&
    eventTimeMs === Date.parse(record.eventTime);
  return agrees ? accept(decision.value) : refuse('seal-mismatch');
}

function crossingOf(record: JournalRecord, decision: SealedDecision): Omit<Crossing, 'afterRevocation'> {
  const { claims } = decision;
  return {
    recordId: record.id,
    kioskId: record.kioskId,
    checkpointId: record.checkpointId,
    lane: record.lane,
    eventAtMs: decision.eventTimeMs,
    recordAtMs: Date.parse(record.recordTime),
    verdict: decision.verdict,
    reason: decision.reason,
    class: claims?.class,
    kid: decision.kid,
    cti: claims?.cti,
    subject: claims?.subject,
    vehicle: claims?.class === credentialClasses.vehicle ? claims.subject : undefined,
    form: decision.form,
    direction: decision.direction,
    plate: decision.plate,
    grade: decision.grade,
  };
}

function eventOf(record: JournalRecord): JournalEvent {
  const { id, kind, ref, kioskId, checkpointId, lane, eventTime, painted, laneState, fault, lost, time, other } = record;
  const state = laneState === undefined ? fault : fault === undefined ? laneState : `${laneState} ${fault}`;
  const range = lost === undefined ? undefined : `${lost.journalId} ${lost.from}-${lost.to}`;
  const set = time === undefined ? undefined : `${time.source} ${time.before} ${time.shiftMs}`;
  const elsewhere = other && `${other.kioskId} ${other.bootId} ${other.counter}`;
  return {
    recordId: id,
    kind,
    ref,
    kioskId,
    checkpointId,
    lane,
    eventAtMs: Date.parse(eventTime),
    value: painted ?? state ?? range ?? set ?? elsewhere,
  };
}

/** The pass that it speaks of is found by its id among the crossings. */
function doubleUseAlarm({ kioskId, ref }: JournalRecord, other: NonNullable<JournalRecord['other']>): Alarm {
  return { code: 'double-use', kioskId, detail: `crossing ${ref} and one at ${other.kioskId}` };
}

/** Also where the kiosk could save all of it: somebody reached into its data folder, or its disk did. */
function goneAlarm({ kioskId, eventTime }: JournalRecord): Alarm {
  return { code: 'journal-truncated', kioskId, detail: `the kiosk found its journal deleted, replaced or cut at ${eventTime}` };
}

function lostAlarm(kioskId: string, { journalId, from, to }: NonNullable<JournalRecord['lost']>): Alarm {
  return { code: 'record-lost', kioskId, detail: `journal ${journalId} records ${from} to ${to}` };
}
