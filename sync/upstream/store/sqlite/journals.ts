/** Journals and their raw batches in SQLite: cursor, batch, index of records, rejects and alarms change together. */
import { z } from 'zod';
import type { Database } from '../../../../config/host/open-database.ts';
import { toHex } from '../../../credential/bytes.ts';
import { chainPoint, journalParent } from '../../../protocol/batch.ts';
import { limits } from '../../../protocol/limits.ts';
import {
  type Alarm,
  alarmCodes,
  type BatchCommit,
  type JournalStore,
  type QuarantinedBytes,
  type StoredBatch,
  type StoredJournal,
  type StoreName,
} from '../store.ts';

const blob = z.instanceof(Uint8Array).transform((buffer) => new Uint8Array(buffer));

const journalRow = z
  .object({
    journal_id: z.string(),
    kiosk_id: z.string(),
    kiosk_key: z.string(),
    parent: z.string().nullable(),
    n: z.number(),
    head: z.string(),
  })
  .transform(
    (row): StoredJournal => ({
      journalId: row.journal_id,
      kioskId: row.kiosk_id,
      kioskKey: row.kiosk_key,
      parent: row.parent === null ? undefined : journalParent.parse(JSON.parse(row.parent)),
      n: row.n,
      head: row.head,
    }),
  );

export const batchRow = z
  .object({
    journal_id: z.string(),
    first_seq: z.number(),
    accepted_from: z.number(),
    last_seq: z.number(),
    head: z.string(),
    skipped: z.string(),
    body: blob,
    after_revocation: z.number(),
  })
  .transform(
    (row): StoredBatch => ({
      journalId: row.journal_id,
      firstSeq: row.first_seq,
      acceptedFrom: row.accepted_from,
      lastSeq: row.last_seq,
      head: row.head,
      skipped: z.array(z.number()).parse(JSON.parse(row.skipped)),
      body: row.body,
      afterRevocation: row.after_revocation === 1,
    }),
  );

const alarmRow = z
  .object({
    code: z.enum(alarmCodes),
    kiosk_id: z.string(),
    detail: z.string(),
    first_at: z.number(),
    last_at: z.number(),
    count: z.number(),
  })
  .transform((row) => ({
    code: row.code,
    kioskId: row.kiosk_id,
    detail: row.detail,
    firstAtMs: row.first_at,
    lastAtMs: row.last_at,
    count: row.count,
  }));

/** Counts an alarm that is already raised instead of repeating it. */
export function alarmRaiser(database: Database): (alarm: Alarm, atMs: number) => void {
  const upsert = database.prepare(`
    INSERT INTO alarm (code, kiosk_id, detail, first_at, last_at, count) VALUES (?, ?, ?, ?, ?, 1)
    ON CONFLICT (code, kiosk_id, detail) DO UPDATE SET last_at = excluded.last_at, count = count + 1`);
  return ({ code, kioskId, detail }, atMs) => void upsert.run(code, kioskId, detail, atMs, atMs);
}

const HOUR_MS = 3_600_000;

export function sqliteJournals(database: Database): Omit<JournalStore, keyof StoreName> {
  const selectJournal = database.prepare('SELECT * FROM journal WHERE journal_id = ?');
  const selectBoundaries = database.prepare('SELECT last_seq AS n, head FROM batch WHERE journal_id = ? ORDER BY last_seq DESC LIMIT ?');
  const selectBatch = database.prepare('SELECT * FROM batch WHERE journal_id = ? AND last_seq >= ? ORDER BY last_seq LIMIT 1');
  const selectHash = database.prepare('SELECT line_hash FROM entry WHERE record_id = ?').pluck();
  const selectBoots = database.prepare('SELECT boot_id FROM boot WHERE journal_id = ? ORDER BY first_n, first_at').pluck();
  const selectAlarms = database.prepare('SELECT * FROM alarm ORDER BY last_at DESC LIMIT ?');
  const insertJournal = database.prepare(
    'INSERT OR IGNORE INTO journal (journal_id, kiosk_id, kiosk_key, parent, n, head) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const moveCursor = database.prepare('UPDATE journal SET n = ?, head = ? WHERE journal_id = ? AND n = ? AND head = ?');
  const insertBatch = database.prepare(`
    INSERT INTO batch (journal_id, first_seq, accepted_from, last_seq, head, skipped, body, signature, received_at, after_revocation)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const insertEntry = database.prepare('INSERT INTO entry (record_id, line_hash) VALUES (?, ?)');
  const insertReject = database.prepare(
    'INSERT OR IGNORE INTO quarantine (journal_id, n, reason, line, kiosk_id, received_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const insertBoot = database.prepare('INSERT OR IGNORE INTO boot (journal_id, boot_id, first_at, first_n) VALUES (?, ?, ?, ?)');
  const markSeen = database.prepare('UPDATE kiosk SET seen_at = ? WHERE kiosk_id = ?');
  const raise = alarmRaiser(database);
  const isRejected = database.prepare('SELECT 1 FROM quarantine WHERE journal_id = ? AND n = ?');
  const sumQuarantined = database
    .prepare('SELECT coalesce(sum(length(line)), 0) FROM quarantine WHERE kiosk_id = ? AND received_at > ?')
    .pluck();
  const keepDamaged = database.transaction(({ kioskId, journalId, n, bytes, receivedAtMs }: QuarantinedBytes): boolean => {
    const sent = z.number().parse(sumQuarantined.get(kioskId, receivedAtMs - HOUR_MS));
    // Sent again, by the kiosk or by somebody who saw it: kept once, and told once.
    if (isRejected.get(journalId, n) !== undefined) return true;
    if (sent + bytes.length > limits.quarantineHourBytes) return false;
    insertReject.run(journalId, n, 'damaged', bytes, kioskId, receivedAtMs);
    raise({ code: 'record-damaged', kioskId, detail: `journal ${journalId} record ${n}` }, receivedAtMs);
    return true;
  });

  const advance = ({ expected, journal }: BatchCommit): boolean => {
    const { journalId, kioskId, kioskKey, parent, n, head } = journal;
    if (expected !== undefined) return moveCursor.run(n, head, journalId, expected.n, expected.head).changes === 1;
    return insertJournal.run(journalId, kioskId, kioskKey, parent === undefined ? null : JSON.stringify(parent), n, head).changes === 1;
  };
  const commit = database.transaction((given: BatchCommit): boolean => {
    if (!advance(given)) return false;
    const { batch, journal, receivedAtMs } = given;
    insertBatch.run(
      batch.journalId,
      batch.firstSeq,
      batch.acceptedFrom,
      batch.lastSeq,
      batch.head,
      JSON.stringify(batch.skipped),
      batch.body,
      given.signature,
      receivedAtMs,
      batch.afterRevocation ? 1 : 0,
    );
    for (const { recordId, lineHash } of given.entries) insertEntry.run(recordId, lineHash);
    for (const { n, reason, line } of given.rejects) {
      insertReject.run(batch.journalId, n, reason, line, journal.kioskId, receivedAtMs);
    }
    for (const alarm of given.alarms) raise(alarm, receivedAtMs);
    insertBoot.run(batch.journalId, given.bootId, receivedAtMs, batch.acceptedFrom);
    markSeen.run(receivedAtMs, journal.kioskId);
    return true;
  });

  return {
    async findJournal(journalId) {
      const row = selectJournal.get(journalId);
      return row === undefined ? undefined : journalRow.parse(row);
    },
    boundaries: async (journalId, limit) => selectBoundaries.all(journalId, limit).map((row) => chainPoint.parse(row)),
    async batchWith(journalId, n) {
      const row = selectBatch.get(journalId, n);
      return row === undefined ? undefined : batchRow.parse(row);
    },
    async lineHashes(recordIds) {
      const found = new Map<string, string>();
      for (const id of recordIds) {
        const hash = selectHash.get(id);
        if (hash !== undefined) found.set(toHex(id), toHex(blob.parse(hash)));
      }
      return found;
    },
    boots: async (journalId) => selectBoots.all(journalId).map((row) => z.string().parse(row)),
    commitBatch: async (given) => commit.immediate(given),
    quarantine: async (item) => keepDamaged.immediate(item),
    raiseAlarm: async (alarm, atMs) => raise(alarm, atMs),
    alarms: async (limit) => selectAlarms.all(limit).map((row) => alarmRow.parse(row)),
  };
}
