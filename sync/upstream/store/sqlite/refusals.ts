/** Slices that are not published without an operator's word, and the words given, in SQLite. */
import { z } from 'zod';
import type { Database } from '../../../../config/host/open-database.ts';
import { sliceHoldsSchema } from '../../../protocol/slice-loss.ts';
import type { AuditEntry, RefusalStore, SliceAcceptance, SliceRefusal } from '../store.ts';

const refusalRow = z
  .object({
    slice_id: z.string(),
    reason: z.enum(['loss', 'set-back']),
    at: z.number(),
    revision: z.number(),
    from_status: z.number(),
    from_revoked: z.number(),
    to_status: z.number(),
    to_revoked: z.number(),
  })
  .transform(
    (row): SliceRefusal => ({
      sliceId: row.slice_id,
      reason: row.reason,
      atMs: row.at,
      revision: row.revision,
      from: { status: row.from_status, revoked: row.from_revoked },
      to: { status: row.to_status, revoked: row.to_revoked },
    }),
  );
const acceptanceRow = z
  .object({ slice_id: z.string(), at: z.number(), to_status: z.number(), to_revoked: z.number(), set_back: z.number() })
  .transform(
    (row): SliceAcceptance => ({
      sliceId: row.slice_id,
      atMs: row.at,
      to: { status: row.to_status, revoked: row.to_revoked },
      setBack: row.set_back !== 0,
    }),
  );
const heldRow = z.object({ version: z.number(), issued_at: z.string(), holds: z.string() });

export function sqliteRefusals(database: Database, storeId: string): RefusalStore {
  const select = database.prepare('SELECT * FROM slice_refusal WHERE slice_id = ?');
  const selectAll = database.prepare('SELECT * FROM slice_refusal ORDER BY slice_id');
  const put = database.prepare(`
    INSERT INTO slice_refusal VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (slice_id) DO UPDATE SET revision = excluded.revision, from_status = excluded.from_status,
      from_revoked = excluded.from_revoked, to_status = excluded.to_status, to_revoked = excluded.to_revoked`);
  const setBack = database.prepare(
    `INSERT INTO slice_refusal SELECT DISTINCT slice_id, 'set-back', ?, -1, 0, 0, 0, 0 FROM slice WHERE true
     ON CONFLICT (slice_id) DO UPDATE SET reason = excluded.reason WHERE reason <> excluded.reason`,
  );
  const selectAcceptance = database.prepare('SELECT * FROM slice_word WHERE slice_id = ?');
  const putAcceptance = database.prepare('INSERT OR REPLACE INTO slice_word VALUES (?, ?, ?, ?, ?)');
  const dropAcceptance = database.prepare('DELETE FROM slice_word WHERE slice_id = ? AND at = ?');
  const insertAudit = database.prepare('INSERT INTO registry_audit (at, actor, action, detail) VALUES (?, ?, ?, ?)');
  const selectHeld = database.prepare(`
    SELECT version, json_extract(body, '$.issuedAt') AS issued_at, json_extract(body, '$.holds') AS holds FROM slice
    WHERE slice_id = ? AND published_at >= ? AND json_extract(body, '$.holds') IS NOT NULL ORDER BY version DESC LIMIT ?`);
  const newest = database.prepare('SELECT coalesce(max(version), 0) FROM slice').pluck();
  const versions = database.prepare('SELECT version FROM slice WHERE slice_id = ? ORDER BY version DESC LIMIT ?').pluck();
  const known = database.prepare('SELECT 1 FROM slice WHERE version = ? LIMIT 1').pluck();
  // Marks are the same in every later manifest: the newest publication has the last one.
  const accepted = database
    .prepare(
      `SELECT coalesce(max(json_extract(mark.value, '$.version')), 0)
       FROM (SELECT body FROM slice ORDER BY version DESC LIMIT 16) AS newest, json_each(newest.body, '$.acceptedLosses') AS mark
       WHERE json_extract(mark.value, '$.setBack')`,
    )
    .pluck();
  const accept = database.transaction((words: readonly SliceAcceptance[], audit: AuditEntry) => {
    for (const { sliceId, atMs, to, setBack } of words) putAcceptance.run(sliceId, atMs, to.status, to.revoked, setBack ? 1 : 0);
    insertAudit.run(audit.atMs, audit.actor, audit.action, audit.detail);
  });
  return {
    async sliceRefusal(sliceId) {
      const row = select.get(sliceId);
      return row === undefined ? undefined : refusalRow.parse(row);
    },
    sliceRefusals: async () => selectAll.all().map((row) => refusalRow.parse(row)),
    async putSliceRefusal({ sliceId, atMs, revision, from, to }) {
      put.run(sliceId, 'loss', atMs, revision, from.status, from.revoked, to.status, to.revoked);
    },
    markSetBack: async (atMs) => setBack.run(atMs).changes > 0,
    async sliceAcceptance(sliceId) {
      const row = selectAcceptance.get(sliceId);
      return row === undefined ? undefined : acceptanceRow.parse(row);
    },
    dropAcceptance: async ({ sliceId, atMs }) => void dropAcceptance.run(sliceId, atMs),
    acceptSlices: async (words, audit) => accept.immediate(words, audit),
    async heldSlices(sliceId, sinceMs, limit) {
      return selectHeld
        .all(sliceId, sinceMs, limit)
        .map((row) => heldRow.parse(row))
        .map(({ version, issued_at, holds }) => ({
          storeId,
          version,
          issuedAt: issued_at,
          holds: sliceHoldsSchema.parse(JSON.parse(holds)),
        }));
    },
    publishedVersions: async (sliceId, limit) => versions.all(sliceId, limit).map((version) => z.number().parse(version)),
    knowsSlice: async (version) => known.get(version) !== undefined,
    acceptedVersion: async () => z.number().parse(accepted.get()),
    newestSliceVersion: async () => z.number().parse(newest.get()),
  };
}
