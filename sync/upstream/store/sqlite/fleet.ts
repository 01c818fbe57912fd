/** Tokens and kiosks in SQLite. */
import { z } from 'zod';
import type { Database } from '../../../../config/host/open-database.ts';
import { commandKinds, heartbeatSchema } from '../../../protocol/heartbeat.ts';
import { type RemoteConfig, remoteConfigSchema } from '../../../protocol/remote-config.ts';
import type {
  ConfigChange,
  EnrolledKiosk,
  EnrolmentToken,
  FleetStore,
  KioskCommand,
  KioskReport,
  StoreName,
  TakenRequests,
} from '../store.ts';

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

const reportRow = z
  .object({ kiosk_id: z.string(), at: z.number(), body: z.string() })
  .transform((row): KioskReport => ({ kioskId: row.kiosk_id, atMs: row.at, heartbeat: heartbeatSchema.parse(JSON.parse(row.body)) }));
const commandRow = z
  .object({
    id: z.string(),
    kiosk_id: z.string(),
    kind: z.enum(commandKinds),
    given_at: z.number(),
    done_at: z.number().nullable(),
    ok: z.number().nullable(),
    detail: z.string().nullable(),
  })
  .transform(
    (row): KioskCommand => ({
      id: row.id,
      kioskId: row.kiosk_id,
      kind: row.kind,
      givenAtMs: row.given_at,
      done: row.done_at === null ? undefined : { atMs: row.done_at, ok: row.ok === 1, detail: row.detail ?? '' },
    }),
  );
const takenRow = z
  .object({ created_s: z.number(), nonces: z.string() })
  .transform((row): TakenRequests => ({ createdS: row.created_s, nonces: z.array(z.string()).parse(JSON.parse(row.nonces)) }));
const configRow = z.object({ body: z.string(), version: z.number() });

/** Heartbeats, commands, options. */
function sqliteReports(
  database: Database,
): Pick<
  FleetStore,
  | 'takenRequests'
  | 'heartbeats'
  | 'heartbeatOf'
  | 'putHeartbeat'
  | 'addCommand'
  | 'commands'
  | 'putConfig'
  | 'changeConfig'
  | 'configOf'
  | 'configFor'
> {
  const selectReport = database.prepare('SELECT * FROM heartbeat WHERE kiosk_id = ?');
  const selectReports = database.prepare('SELECT * FROM heartbeat ORDER BY kiosk_id');
  const putReport = database.prepare(
    'INSERT INTO heartbeat VALUES (?, ?, ?) ON CONFLICT (kiosk_id) DO UPDATE SET at = excluded.at, body = excluded.body',
  );
  const insertCommand = database.prepare('INSERT INTO command (id, kiosk_id, kind, given_at) VALUES (?, ?, ?, ?)');
  const selectCommands = database.prepare('SELECT * FROM command WHERE kiosk_id = ? ORDER BY given_at DESC LIMIT ?');
  const closeCommand = database.prepare(
    'UPDATE command SET done_at = ?, ok = ?, detail = ? WHERE id = ? AND kiosk_id = ? AND done_at IS NULL',
  );
  const newestConfig = database.prepare('SELECT coalesce(max(version), 0) FROM kiosk_config').pluck();
  const selectConfig = database.prepare('SELECT body, version FROM kiosk_config WHERE scope = ?');
  const upsertConfig = database.prepare(
    'INSERT INTO kiosk_config VALUES (?, ?, ?) ON CONFLICT (scope) DO UPDATE SET body = excluded.body, version = excluded.version',
  );
  const selectTaken = database.prepare('SELECT created_s, nonces FROM taken_request WHERE kiosk_id = ? AND signing_key = ?');
  const putTaken = database.prepare('INSERT OR REPLACE INTO taken_request (kiosk_id, signing_key, created_s, nonces) VALUES (?, ?, ?, ?)');
  const take = database.transaction(({ kioskId, atMs, heartbeat }: KioskReport, signingKey: string, taken: TakenRequests) => {
    putTaken.run(kioskId, signingKey, taken.createdS, JSON.stringify(taken.nonces));
    putReport.run(kioskId, atMs, JSON.stringify(heartbeat));
    for (const { id, ok, detail } of heartbeat.done) closeCommand.run(atMs, ok ? 1 : 0, detail, id, kioskId);
  });
  const configOf = (scope: string) => {
    const row = selectConfig.get(scope);
    const { body, version } = row === undefined ? { body: '{}', version: 0 } : configRow.parse(row);
    return { values: remoteConfigSchema.shape.values.parse(JSON.parse(body)), version };
  };
  const putConfig = (scope: string, values: RemoteConfig['values'], atMs: number) => {
    const version = Math.max(z.number().parse(newestConfig.get()) + 1, Math.floor(atMs / 1000));
    upsertConfig.run(scope, JSON.stringify(values), version);
  };
  const changeConfig = database.transaction((scope: string, { set, unset }: ConfigChange, atMs: number) => {
    const kept = Object.entries(configOf(scope).values).filter(([name]) => !unset.includes(name));
    const values = { ...Object.fromEntries(kept), ...set };
    putConfig(scope, values, atMs);
    return values;
  });
  return {
    heartbeats: async () => selectReports.all().map((row) => reportRow.parse(row)),
    async heartbeatOf(kioskId) {
      const row = selectReport.get(kioskId);
      return row === undefined ? undefined : reportRow.parse(row);
    },
    async takenRequests(kioskId, signingKey) {
      const row = selectTaken.get(kioskId, signingKey);
      return row === undefined ? undefined : takenRow.parse(row);
    },
    putHeartbeat: async (report, signingKey, taken) => take.immediate(report, signingKey, taken),
    addCommand: async ({ id, kioskId, kind, givenAtMs }) => void insertCommand.run(id, kioskId, kind, givenAtMs),
    commands: async (kioskId, limit) => selectCommands.all(kioskId, limit).map((row) => commandRow.parse(row)),
    putConfig: async (scope, values, atMs) => putConfig(scope, values, atMs),
    changeConfig: async (scope, change, atMs) => changeConfig.immediate(scope, change, atMs),
    configOf: async (scope) => configOf(scope).values,
    async configFor(kioskId) {
      const [all, own] = [configOf('*'), configOf(kioskId)];
      return { version: Math.max(all.version, own.version), values: { ...all.values, ...own.values } };
    },
  };
}

export function sqliteFleet(database: Database): Omit<FleetStore, keyof StoreName> {
  const insertToken = database.prepare(
    'INSERT INTO token (hash, kiosk_id, checkpoint_id, lane, expires_at, used_by) VALUES (?, ?, ?, ?, ?, NULL)',
  );
  const selectToken = database.prepare('SELECT * FROM token WHERE hash = ?');
  const selectUnused = database.prepare('SELECT * FROM token WHERE used_by IS NULL AND expires_at > ? ORDER BY expires_at');
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
    unusedTokens: async (afterMs) => selectUnused.all(afterMs).map((row) => tokenRow.parse(row)),
    enrol: async (hash, kiosk) => enrol.immediate(hash, kiosk),
    async findKiosk(kioskId) {
      const row = selectKiosk.get(kioskId);
      return row === undefined ? undefined : kioskRow.parse(row);
    },
    markSeen: async (kioskId, atMs) => void markSeen.run(atMs, kioskId),
    kiosks: async () => selectKiosks.all().map((row) => kioskRow.parse(row)),
    revokeKiosk: async (kioskId, atMs) => revoke.run(atMs, kioskId).changes > 0,
    ...sqliteReports(database),
  };
}
