/** The registry in SQLite: who is held, what is revoked, the feed of urgent changes, published slices and their keys. */
import { z } from 'zod';
import type { Database } from '../../../../config/host/open-database.ts';
import { toHex } from '../../../credential/bytes.ts';
import { authorityDayStartMs } from '../../../protocol/authority-time.ts';
import { publishedBodySchema, statuses } from '../../../protocol/slice.ts';
import type {
  AuditEntry,
  ImportPlace,
  NumberedChange,
  PublishedSlice,
  RegistryChange,
  RegistryMoment,
  RegistryStore,
  RegistryVisitor,
  SliceAcceptance,
  StoreName,
} from '../store.ts';

const blob = z.instanceof(Uint8Array).transform((buffer) => new Uint8Array(buffer));

const subjectRow = z
  .object({ pseudonym: blob, status: z.enum(statuses), from_day: z.number(), until_day: z.number().nullable() })
  .transform((row) => ({
    kind: 'status' as const,
    pseudonym: row.pseudonym,
    status: row.status,
    fromDay: row.from_day,
    untilDay: row.until_day ?? undefined,
  }));
const revocationRow = z
  .object({ cti: blob, expires_at: z.number() })
  .transform((row) => ({ kind: 'revoked' as const, cti: row.cti, expiresAt: row.expires_at }));
const feedRow = z
  .discriminatedUnion('kind', [
    z.object({
      seq: z.number(),
      prev: z.number(),
      kind: z.literal('status'),
      id: blob,
      status: z.enum(statuses),
      from_day: z.number(),
      until_day: z.number().nullable(),
    }),
    z.object({ seq: z.number(), prev: z.number(), kind: z.literal('revoked'), id: blob, expires_at: z.number() }),
    z.object({ seq: z.number(), prev: z.number(), kind: z.literal('released'), id: blob }),
    z.object({ seq: z.number(), prev: z.number(), kind: z.literal('key-killed'), id: blob }),
  ])
  .transform((row): NumberedChange => {
    const { seq, prev, kind } = row;
    if (kind === 'revoked') return { seq, prev, kind, cti: row.id, expiresAt: row.expires_at };
    if (kind === 'released') return { seq, prev, kind, cti: row.id };
    if (kind === 'key-killed') return { seq, prev, kind, kid: row.id };
    return { seq, prev, kind, pseudonym: row.id, status: row.status, fromDay: row.from_day, untilDay: row.until_day ?? undefined };
  });
const auditRow = z
  .object({ at: z.number(), actor: z.string(), action: z.string(), detail: z.string() })
  .transform(({ at, ...row }): AuditEntry => ({ ...row, atMs: at }));
const sliceRow = z
  .object({
    slice_id: z.string(),
    version: z.number(),
    body: z.string(),
    manifest: z.string(),
    published_at: z.number(),
    revision: z.number(),
  })
  .transform(
    (row): PublishedSlice => ({
      sliceId: row.slice_id,
      version: row.version,
      body: publishedBodySchema.parse(JSON.parse(row.body)),
      manifest: row.manifest,
      publishedAtMs: row.published_at,
      revision: row.revision,
    }),
  );
const keyRow = z
  .object({ generation: z.number(), key: blob, created_at: z.number() })
  .transform((row) => ({ generation: row.generation, key: row.key, createdAtMs: row.created_at }));

export function sqliteRegistry(database: Database): Omit<RegistryStore, keyof StoreName> {
  const selectFeed = database.prepare('SELECT * FROM feed WHERE seq > ? ORDER BY seq LIMIT ?');
  const selectHead = database.prepare('SELECT coalesce(max(seq), 0) FROM feed').pluck();
  const selectNumbers = database.prepare('SELECT seq FROM feed WHERE seq <= ? ORDER BY seq DESC LIMIT ?').pluck();
  const selectRevision = database.prepare('SELECT revision FROM registry_revision').pluck();
  const raiseRevision = database.prepare('UPDATE registry_revision SET revision = revision + 1');
  const insertAudit = database.prepare('INSERT INTO registry_audit (at, actor, action, detail) VALUES (?, ?, ?, ?)');
  const selectAudit = database.prepare('SELECT at, actor, action, detail FROM registry_audit ORDER BY id DESC LIMIT ?');
  const selectSubjects = database.prepare("SELECT * FROM subject WHERE status <> 'clear' OR region IN (SELECT value FROM json_each(?))");
  const selectRevoked = database.prepare('SELECT * FROM revocation WHERE expires_at >= ?');
  const selectKilled = database.prepare('SELECT kid FROM killed_key ORDER BY kid').pluck();
  const selectSlices = database.prepare('SELECT * FROM slice WHERE slice_id = ? ORDER BY version DESC LIMIT ?');
  const insertSlice = database.prepare(`
    INSERT INTO slice (slice_id, version, body, manifest, published_at, revision) VALUES (?, ?, ?, ?, ?, ?)`);
  const selectNewestKey = database.prepare('SELECT * FROM slice_key WHERE slice_id = ? ORDER BY generation DESC LIMIT 1');
  const selectKey = database.prepare('SELECT * FROM slice_key WHERE slice_id = ? AND generation = ?');
  const insertKey = database.prepare('INSERT INTO slice_key (slice_id, generation, key, created_at) VALUES (?, ?, ?, ?)');
  const selectPlace = database.prepare('SELECT line FROM registry_import WHERE digest = ?').pluck();
  const putPlace = database.prepare('INSERT INTO registry_import VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET line = excluded.line');
  const dropPlace = database.prepare('DELETE FROM registry_import WHERE digest = ?');
  const selectSubjectKey = database.prepare('SELECT key_check FROM subject_key').pluck();
  const insertSubjectKey = database.prepare('INSERT OR IGNORE INTO subject_key VALUES (1, ?)');
  const dropRefusal = database.prepare('DELETE FROM slice_refusal WHERE slice_id = ?');
  const selectSetBack = database.prepare("SELECT 1 FROM slice_refusal WHERE slice_id = ? AND reason = 'set-back'");
  const dropAcceptance = database.prepare('DELETE FROM slice_word WHERE slice_id = ? AND at = ?');
  const apply = changeWriter(database);
  const announce = feedWriter(database);

  const change = database.transaction(
    (changes: readonly RegistryChange[], urgent: boolean, audit: AuditEntry, place?: ImportPlace): number => {
      let changed = 0;
      for (const one of changes) {
        if (!apply(one)) continue;
        changed++;
        if (urgent || one.kind === 'key-killed') announce(one, audit.atMs);
      }
      if (changed > 0) raiseRevision.run();
      if (place !== undefined) putPlace.run(place.digest, place.line);
      // An act that found everything so already is still one.
      const isVain = changed === 0 && changes.length > 0;
      insertAudit.run(
        audit.atMs,
        audit.actor,
        audit.action,
        isVain ? `${audit.detail}${audit.detail && '; '}nothing changed` : audit.detail,
      );
      return changed;
    },
  );
  const publish = database.transaction((slice: PublishedSlice, word: SliceAcceptance | undefined): boolean => {
    const { sliceId, version, body, manifest, publishedAtMs, revision } = slice;
    // A kiosk may have said so while the slice was built.
    if (selectSetBack.get(sliceId) !== undefined && word?.setBack !== true) return false;
    insertSlice.run(sliceId, version, JSON.stringify(body), manifest, publishedAtMs, revision);
    dropRefusal.run(sliceId);
    if (word !== undefined) dropAcceptance.run(sliceId, word.atMs);
    return true;
  });
  const head = () => z.number().parse(selectHead.get());
  const revision = () => z.number().parse(selectRevision.get());
  // One transaction: rows and feed number belong together.
  const exportAll = database.transaction((nowS: number, regions: readonly number[], visitor: RegistryVisitor): RegistryMoment => {
    for (const row of selectSubjects.iterate(JSON.stringify(regions))) visitor.status(subjectRow.parse(row));
    // To the end of their day, by which they are counted.
    for (const row of selectRevoked.iterate(authorityDayStartMs(nowS * 1000) / 1000)) visitor.revoked(revocationRow.parse(row));
    return { feedSeq: head(), revision: revision() };
  });

  return {
    changeRegistry: async (changes, urgent, audit, place) => change.immediate(changes, urgent, audit, place),
    importProgress: async (digest) => z.number().parse(selectPlace.get(digest) ?? 0),
    finishImport: async (digest) => void dropPlace.run(digest),
    feedAfter: async (seq, limit) => selectFeed.all(seq, limit).map((row) => feedRow.parse(row)),
    feedHead: async () => head(),
    feedNumbers: async (upTo, limit) => z.array(z.number()).parse(selectNumbers.all(upTo, limit)),
    killedKeys: async () => selectKilled.all().map((kid) => toHex(blob.parse(kid))),
    registryRevision: async () => revision(),
    subjectKeyCheck: async () => z.string().optional().parse(selectSubjectKey.get()),
    async rememberSubjectKey(check) {
      insertSubjectKey.run(check);
      return z.string().parse(selectSubjectKey.get());
    },
    exportRegistry: (nowS, regions, visitor) => exportAll(nowS, regions, visitor),
    addAudit: async ({ atMs, actor, action, detail }) => void insertAudit.run(atMs, actor, action, detail),
    audit: async (limit) => selectAudit.all(limit).map((row) => auditRow.parse(row)),
    publishedSlices: async (sliceId, limit) => selectSlices.all(sliceId, limit).map((row) => sliceRow.parse(row)),
    publishSlice: async (slice, word) => publish.immediate(slice, word),
    async sliceKey(sliceId, generation) {
      const row = generation === undefined ? selectNewestKey.get(sliceId) : selectKey.get(sliceId, generation);
      return row === undefined ? undefined : keyRow.parse(row);
    },
    addSliceKey: async (sliceId, generation, key, createdAtMs) => void insertKey.run(sliceId, generation, key, createdAtMs),
  };
}

/** Applies one change; false where everything is so already. */
function changeWriter(database: Database): (change: RegistryChange) => boolean {
  const putSubject = database.prepare(`
    INSERT INTO subject (pseudonym, status, from_day, until_day, region) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (pseudonym) DO UPDATE SET status = excluded.status, from_day = excluded.from_day, until_day = excluded.until_day,
      region = coalesce(excluded.region, region)
    WHERE status IS NOT excluded.status OR from_day IS NOT excluded.from_day OR until_day IS NOT excluded.until_day
      OR region IS NOT coalesce(excluded.region, region)`);
  const putRevocation = database.prepare(`
    INSERT INTO revocation (cti, expires_at) VALUES (?, ?)
    ON CONFLICT (cti) DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at < excluded.expires_at`);
  const release = database.prepare('DELETE FROM revocation WHERE cti = ?');
  const kill = database.prepare('INSERT INTO killed_key (kid) VALUES (?) ON CONFLICT DO NOTHING');
  return (change) => {
    if (change.kind === 'key-killed') return kill.run(change.kid).changes > 0;
    if (change.kind === 'revoked') return putRevocation.run(change.cti, change.expiresAt).changes > 0;
    if (change.kind === 'released') return release.run(change.cti).changes > 0;
    return putSubject.run(change.pseudonym, change.status, change.fromDay, change.untilDay ?? null, change.region ?? null).changes > 0;
  };
}

function feedWriter(database: Database): (change: RegistryChange, atMs: number) => void {
  const selectHead = database.prepare('SELECT coalesce(max(seq), 0) FROM feed').pluck();
  const insert = database.prepare(`
    INSERT INTO feed (seq, prev, kind, id, status, from_day, until_day, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  return (change, atMs) => {
    const prev = z.number().parse(selectHead.get());
    const seq = Math.max(prev + 1, Math.floor(atMs));
    if (change.kind === 'status')
      insert.run(seq, prev, 'status', change.pseudonym, change.status, change.fromDay, change.untilDay ?? null, null);
    else if (change.kind === 'key-killed') insert.run(seq, prev, change.kind, change.kid, null, null, null, null);
    else insert.run(seq, prev, change.kind, change.cti, null, null, null, change.kind === 'revoked' ? change.expiresAt : null);
  };
}
