/** Tokens and kiosks in SQLite. */
import { z } from 'zod';
import type { Database } from '../../../../config/host/open-database.ts';
import type { EnrolledKiosk, EnrolmentToken, FleetStore } from '../store.ts';

const tokenRow = z
  .object({
    hash: z.string(),
    kiosk_id: z.string(),
    checkpoint_id: z.string(),
    lane: z.string(),
    expires_at: z.number(),
    used_by: z.string().nullable(),
  })
  .transform(
    (row): EnrolmentToken => ({
      hash: row.hash,
      kioskId: row.kiosk_id,
      checkpointId: row.checkpoint_id,
      lane: row.lane,
      expiresAtMs: row.expires_at,
      usedBy: row.used_by ?? undefined,
    }),
  );

const kioskRow = z
  .object({
    kiosk_id: z.string(),
    checkpoint_id: z.string(),
    lane: z.string(),
    signing_key: z.string(),
    sealing_key: z.string(),
    certificate: z.string(),
    enrolled_at: z.number(),
    revoked_at: z.number().nullable(),
    seen_at: z.number().nullable(),
  })
  .transform(
    (row): EnrolledKiosk => ({
      kioskId: row.kiosk_id,
      checkpointId: row.checkpoint_id,
      lane: row.lane,
      signingKey: row.signing_key,
      sealingKey: row.sealing_key,
      certificate: row.certificate,
      enrolledAtMs: row.enrolled_at,
      revokedAtMs: row.revoked_at ?? undefined,
      seenAtMs: row.seen_at ?? undefined,
    }),
  );

export function sqliteFleet(database: Database): FleetStore {
  const insertToken = database.prepare(
    'INSERT INTO token (hash, kiosk_id, checkpoint_id, lane, expires_at, used_by) VALUES (?, ?, ?, ?, ?, NULL)',
  );
  const selectToken = database.prepare('SELECT * FROM token WHERE hash = ?');
  const useToken = database.prepare('UPDATE token SET used_by = ? WHERE hash = ? AND used_by IS NULL');
  const putKiosk = database.prepare(`
    INSERT OR REPLACE INTO kiosk (kiosk_id, checkpoint_id, lane, signing_key, sealing_key, certificate, enrolled_at, revoked_at, seen_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)`);
  const selectKiosk = database.prepare('SELECT * FROM kiosk WHERE kiosk_id = ?');
  const selectKiosks = database.prepare('SELECT * FROM kiosk ORDER BY kiosk_id');
  const markSeen = database.prepare('UPDATE kiosk SET seen_at = ? WHERE kiosk_id = ?');
  const revoke = database.prepare('UPDATE kiosk SET revoked_at = coalesce(revoked_at, ?) WHERE kiosk_id = ?');
  const enrol = database.transaction((hash: string, kiosk: EnrolledKiosk): boolean => {
    if (useToken.run(kiosk.signingKey, hash).changes === 0) return false;
    const { kioskId, checkpointId, lane, signingKey, sealingKey, certificate, enrolledAtMs } = kiosk;
    putKiosk.run(kioskId, checkpointId, lane, signingKey, sealingKey, certificate, enrolledAtMs);
    return true;
  });
  return {
    async addToken({ hash, kioskId, checkpointId, lane, expiresAtMs }) {
      insertToken.run(hash, kioskId, checkpointId, lane, expiresAtMs);
    },
    async findToken(hash) {
      const row = selectToken.get(hash);
      return row === undefined ? undefined : tokenRow.parse(row);
    },
    enrol: async (hash, kiosk) => enrol.immediate(hash, kiosk),
    async findKiosk(kioskId) {
      const row = selectKiosk.get(kioskId);
      return row === undefined ? undefined : kioskRow.parse(row);
    },
    markSeen: async (kioskId, atMs) => void markSeen.run(atMs, kioskId),
    kiosks: async () => selectKiosks.all().map((row) => kioskRow.parse(row)),
    revokeKiosk: async (kioskId, atMs) => revoke.run(atMs, kioskId).changes > 0,
  };
}
