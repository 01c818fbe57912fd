/** Projected tables in SQLite, all made again from the raw batches at any time; and the questions asked of them. */
import { z } from 'zod';
import type { Database } from '../../../../config/host/open-database.ts';
import { countedVerdict } from '../../../protocol/reasons.ts';
import { recordId, uuidBytes, uuidText } from '../../../protocol/record-id.ts';
import {
  type Crossing,
  type CrossingQuery,
  type JournalEvent,
  type OverviewStore,
  type Projection,
  type ProjectionStore,
  ROLLUP_MS,
} from '../store.ts';
import { alarmRaiser, batchRow } from './journals.ts';

const sealRow = z.object({ seal_kid: z.string(), box: z.instanceof(Uint8Array).transform((buffer) => new Uint8Array(buffer)) });
const placeRow = z.object({ id: z.number() });
const checkpointRow = z
  .object({
    ...{ checkpoint_id: z.string(), pass: z.number(), deny: z.number(), see_staff: z.number(), already_recorded: z.number() },
    last_event_at: z.number(),
  })
  .transform((row) => ({
    checkpointId: row.checkpoint_id,
    pass: row.pass,
    deny: row.deny,
    seeStaff: row.see_staff,
    alreadyRecorded: row.already_recorded,
    lastEventAtMs: row.last_event_at,
  }));
const countsRow = z
  .object({ records: z.number(), crossings: z.number(), quarantined: z.number(), unprojected: z.number(), batches_waiting: z.number() })
  .transform(({ batches_waiting, ...row }) => ({ ...row, batchesWaiting: batches_waiting }));

export function sqliteProjections(database: Database): ProjectionStore {
  const selectBefore = database.prepare('SELECT * FROM batch WHERE id < ? ORDER BY id DESC LIMIT ?');
  const selectWaiting = database.prepare('SELECT * FROM batch WHERE projected = 0 ORDER BY id LIMIT ?');
  const selectSeal = database.prepare('SELECT seal_kid, box FROM seal WHERE record_id = ?');
  const insertSeal = database.prepare('INSERT OR IGNORE INTO seal (record_id, seal_kid, box) VALUES (?, ?, ?)');
  const insertUnprojected = database.prepare('INSERT OR IGNORE INTO unprojected (record_id, reason) VALUES (?, ?)');
  const markProjected = database.prepare('UPDATE batch SET projected = 1 WHERE journal_id = ? AND last_seq = ? AND projected = 0');
  const addCrossing = crossingWriter(database);
  const addEvent = eventWriter(database);
  const raise = alarmRaiser(database);

  const commit = database.transaction(({ batch, crossings, events, seals, unprojected, alarms, atMs }: Projection) => {
    // Two projectors may have read the same batch: the second one finds it done and changes nothing.
    if (markProjected.run(batch.journalId, batch.lastSeq).changes === 0) return;
    for (const seal of seals) insertSeal.run(uuidBytes(seal.recordId), seal.sealKid, seal.box);
    for (const crossing of crossings) addCrossing(crossing);
    for (const event of events) addEvent(event);
    for (const { recordId, reason } of unprojected) insertUnprojected.run(uuidBytes(recordId), reason);
    for (const alarm of alarms) raise(alarm, atMs);
  });
  const reset = database.transaction(() => {
    for (const table of ['crossing', 'event', 'seal', 'unprojected', 'counted']) database.exec(`DELETE FROM ${table}`);
    database.exec('UPDATE batch SET projected = 0');
  });
  return {
    unprojectedBatches: async (limit) => selectWaiting.all(limit).map((row) => batchRow.parse(row)),
    batchesBefore: async (place, limit) =>
      selectBefore.all(place, limit).map((row) => ({ ...batchRow.parse(row), place: placeRow.parse(row).id })),
    async findSeal(recordId) {
      const row = selectSeal.get(uuidBytes(recordId));
      if (row === undefined) return undefined;
      const { seal_kid, box } = sealRow.parse(row);
      return { recordId, sealKid: seal_kid, box };
    },
    commitProjection: async (projection) => commit.immediate(projection),
    resetProjection: async () => reset.immediate(),
  };
}

/**
 * Counts of earlier builds had "already recorded" among those that went to staff, in a table called rollup: they are made
 * again from the crossings, once.
 */
export function recount(database: Database): void {
  const isOld = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rollup'").get() !== undefined;
  if (!isOld) return;
  const crossings = database.prepare(`
    INSERT INTO counted (checkpoint_id, slot, verdict, count, last_event_at)
    SELECT checkpoint_id, event_at / ${ROLLUP_MS} * ${ROLLUP_MS} AS slot, CASE reason WHEN 'already-recorded' THEN reason ELSE verdict END AS counted_as,
      count(*), max(event_at)
    FROM crossing GROUP BY checkpoint_id, slot, counted_as`);
  database
    .transaction(() => {
      database.exec('DELETE FROM counted');
      crossings.run();
      database.exec('DROP TABLE rollup');
    })
    .immediate();
}

function crossingWriter(database: Database): (crossing: Crossing) => void {
  const insert = database.prepare(`
    INSERT OR IGNORE INTO crossing (record_id, kiosk_id, checkpoint_id, lane, event_at, record_at, verdict, reason, class, kid, cti,
      subject, vehicle, form, direction, plate, grade, after_revocation)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const count = database.prepare(`
    INSERT INTO counted (checkpoint_id, slot, verdict, count, last_event_at) VALUES (?, ?, ?, 1, ?)
    ON CONFLICT (checkpoint_id, slot, verdict)
    DO UPDATE SET count = count + 1, last_event_at = max(last_event_at, excluded.last_event_at)`);
  return (crossing) => {
    const isNew =
      insert.run(
        uuidBytes(crossing.recordId),
        crossing.kioskId,
        crossing.checkpointId,
        crossing.lane,
        crossing.eventAtMs,
        crossing.recordAtMs,
        crossing.verdict,
        crossing.reason,
        crossing.class ?? null,
        crossing.kid ?? null,
        crossing.cti ?? null,
        crossing.subject ?? null,
        crossing.vehicle ?? null,
        crossing.form ?? null,
        crossing.direction ?? null,
        crossing.plate ?? null,
        crossing.grade,
        crossing.afterRevocation ? 1 : 0,
      ).changes === 1;
    if (!isNew) return;
    const slot = Math.floor(crossing.eventAtMs / ROLLUP_MS) * ROLLUP_MS;
    count.run(crossing.checkpointId, slot, countedVerdict(crossing), crossing.eventAtMs);
  };
}

function eventWriter(database: Database): (event: JournalEvent) => void {
  const insert = database.prepare(`
    INSERT OR IGNORE INTO event (record_id, kind, ref, kiosk_id, checkpoint_id, lane, event_at, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  return ({ recordId, kind, ref, kioskId, checkpointId, lane, eventAtMs, value }) => {
    const refBytes = ref === undefined ? null : uuidBytes(ref);
    insert.run(uuidBytes(recordId), kind, refBytes, kioskId, checkpointId, lane, eventAtMs, value ?? null);
  };
}

const blobOrNull = z
  .instanceof(Uint8Array)
  .nullable()
  .transform((buffer) => (buffer === null ? undefined : new Uint8Array(buffer)));
const textOrNull = z
  .string()
  .nullable()
  .transform((text) => text ?? undefined);
const crossingRow = z
  .object({
    record_id: z.instanceof(Uint8Array),
    kiosk_id: z.string(),
    checkpoint_id: z.string(),
    lane: z.string(),
    event_at: z.number(),
    record_at: z.number(),
    verdict: z.string(),
    reason: z.string(),
    class: z.number().nullable(),
    kid: textOrNull,
    cti: blobOrNull,
    subject: blobOrNull,
    vehicle: blobOrNull,
    form: textOrNull,
    direction: textOrNull,
    plate: textOrNull,
    grade: z.string(),
    after_revocation: z.number(),
  })
  .transform(
    (row): Crossing => ({
      recordId: uuidText(row.record_id),
      kioskId: row.kiosk_id,
      checkpointId: row.checkpoint_id,
      lane: row.lane,
      eventAtMs: row.event_at,
      recordAtMs: row.record_at,
      verdict: row.verdict,
      reason: row.reason,
      class: row.class ?? undefined,
      kid: row.kid,
      cti: row.cti,
      subject: row.subject,
      vehicle: row.vehicle,
      form: row.form,
      direction: row.direction,
      plate: row.plate,
      grade: row.grade,
      afterRevocation: row.after_revocation === 1,
    }),
  );

function selectCrossings(database: Database, query: CrossingQuery): Crossing[] {
  const conditions = [
    { sql: 'kiosk_id = ?', value: query.kioskId },
    { sql: 'checkpoint_id = ?', value: query.checkpointId },
    { sql: 'subject = ?', value: query.subject },
    { sql: 'cti = ?', value: query.cti },
    { sql: 'vehicle = ?', value: query.vehicle },
    { sql: 'event_at >= ?', value: query.fromMs },
    { sql: 'event_at < ?', value: query.untilMs },
  ].filter(({ value }) => value !== undefined);
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`;
  const select = database.prepare(`SELECT * FROM crossing${where} ORDER BY event_at, record_id`);
  return select.all(...conditions.map(({ value }) => value)).map((row) => crossingRow.parse(row));
}

export function sqliteOverview(database: Database): OverviewStore {
  const selectCheckpoints = database.prepare(`
    SELECT checkpoint_id,
      sum(CASE verdict WHEN 'pass' THEN count ELSE 0 END) AS pass,
      sum(CASE verdict WHEN 'deny' THEN count ELSE 0 END) AS deny,
      sum(CASE verdict WHEN 'see-staff' THEN count ELSE 0 END) AS see_staff,
      sum(CASE verdict WHEN 'already-recorded' THEN count ELSE 0 END) AS already_recorded,
      max(last_event_at) AS last_event_at
    FROM counted WHERE slot >= ? GROUP BY checkpoint_id ORDER BY checkpoint_id`);
  const selectCounts = database.prepare(`
    SELECT (SELECT coalesce(sum(n), 0) FROM journal) AS records, (SELECT count(*) FROM crossing) AS crossings,
      (SELECT count(*) FROM quarantine) AS quarantined, (SELECT count(*) FROM unprojected) AS unprojected,
      (SELECT count(*) FROM batch WHERE projected = 0) AS batches_waiting`);
  const pruneBatches = database.prepare('DELETE FROM batch WHERE received_at < ? AND projected = 1');
  const pruned = [
    'DELETE FROM crossing WHERE event_at < ?',
    'DELETE FROM event WHERE event_at < ?',
    'DELETE FROM counted WHERE slot < ?',
  ].map((sql) => database.prepare(sql));
  const pruneEntries = database.prepare('DELETE FROM entry WHERE record_id < ?');
  const prune = database.transaction((beforeMs: number): number => {
    pruneEntries.run(uuidBytes(recordId(beforeMs, new Uint8Array(10))));
    for (const statement of pruned) statement.run(beforeMs);
    return pruneBatches.run(beforeMs).changes;
  });
  return {
    crossingsOf: async (query) => selectCrossings(database, query),
    checkpoints: async (sinceMs) => selectCheckpoints.all(sinceMs).map((row) => checkpointRow.parse(row)),
    counts: async () => countsRow.parse(selectCounts.get()),
    prune: async (beforeMs) => prune.immediate(beforeMs),
  };
}
