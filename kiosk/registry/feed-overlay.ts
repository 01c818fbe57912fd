/**
 * What the feed has brought since the slice was built: holds and their end, revoked and released credentials. Looked up
 * before the slice, because it is newer. On disk with its cursor in one transaction, so that an urgent hold outlives a
 * restart and no entry is asked for twice. Killed keys stay apart: no slice holds them, so no slice takes them away; only a
 * keyring that has settled them does.
 */
import { z } from 'zod';
import { Fault } from '../../config/faults.ts';
import { type Database, openWritable } from '../../config/host/open-database.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import type { TrustList } from '../../sync/credential/trust.ts';
import { type FeedEntry, type FeedPage, feedEntrySchema } from '../../sync/protocol/feed.ts';

export interface FeedCursor {
  readonly sliceId: string;
  readonly generation: number;
  readonly seq: number;
}

/** That at `issuedAtMs` slice `sliceVersion` was current and every entry up to the cursor was here. */
export interface Freshness {
  readonly sliceVersion: number;
  /** The keyring that was current then. */
  readonly keyringVersion?: number | undefined;
  readonly issuedAtMs: number;
}

export interface FeedOverlay {
  /** Newest status entry of a row key. */
  status(key: Uint8Array): Extract<FeedEntry, { kind: 'status' }> | undefined;
  /** Newest word on a credential id; undefined: the slice says. */
  revoked(cti: Uint8Array): boolean | undefined;
  /** Ids of issuers' keys that count no more; another set where it has changed. */
  killed(): ReadonlySet<string>;
  cursor(): FeedCursor | undefined;
  freshness(): Freshness | undefined;
  /**
   * Applies a page that was asked for at the cursor; throws for another. `isWhole`: no entry is missing before or in it; else
   * it still counts, and says nothing about how fresh the whole is.
   */
  apply(page: FeedPage, isWhole: boolean): void;
  /**
   * A slice is in use that holds everything up to `cursor.seq`: entries up to there go. All go where the generation changed, or
   * where one of the keys that were believed before is missing in `signers` (key ids): what a stolen key has said must not
   * outlive it, and the feed is asked again for what is true.
   */
  startFrom(cursor: FeedCursor, signers: readonly string[]): void;
  /**
   * A keyring is in use: `stated` are the kills of the slice beside it, which are kept too. Those go that it revokes itself,
   * and those that a keyring listed once and this one does not; what no keyring has listed yet may be listed by the next.
   */
  settleKills(stated: readonly string[], trust: TrustList): void;
  /** Knows nothing any more, and lets go of the file. */
  discard(): void;
  close(): void;
}

const TABLES = `
CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS killed_key (kid TEXT PRIMARY KEY, listed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;
const cursorSchema = z.object({ sliceId: z.string(), generation: z.number(), seq: z.number() });
const signersSchema = z.array(z.string());
const freshnessSchema = z.object({ sliceVersion: z.number(), keyringVersion: z.number().optional(), issuedAtMs: z.number() });
const bodyRow = z.object({ body: z.string() });
const killRow = z.object({ kid: z.string(), listed: z.number() });
/** Of keys that the keyring does not list: whoever has stolen the feed's key must not fill the disk. */
const UNLISTED_KILLS_MAX = 4_096;

/** Throws Fault('journal-unwritable') where the file cannot be had. */
export function openFeedOverlay(file: string): FeedOverlay {
  let database: Database;
  try {
    database = openWritable(file);
    database.exec(TABLES);
  } catch (error) {
    throw new Fault('journal-unwritable', `${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const selectEntries = database.prepare('SELECT body FROM entry ORDER BY seq');
  const insertEntry = database.prepare('INSERT INTO entry (seq, body) VALUES (?, ?)');
  const deleteUpTo = database.prepare('DELETE FROM entry WHERE seq <= ?');
  const deleteAll = database.prepare('DELETE FROM entry');
  const selectState = database.prepare('SELECT body FROM state WHERE name = ?');
  const putState = database.prepare('INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body');
  const read = (name: string): unknown => {
    const row = selectState.get(name);
    return row === undefined ? undefined : JSON.parse(bodyRow.parse(row).body);
  };

  const byKey = new Map<string, Extract<FeedEntry, { kind: 'status' }>>();
  const byCti = new Map<string, boolean>();
  let cursor = cursorSchema.optional().parse(read('cursor'));
  let freshness = freshnessSchema.nullish().parse(read('freshness')) ?? undefined;
  let believed = signersSchema.catch([]).parse(read('signers'));

  const kills = openKills(database);

  const remember = (entry: FeedEntry) => {
    if (entry.kind === 'key-killed') return;
    if (entry.kind === 'status') byKey.set(entry.key, entry);
    else byCti.set(entry.cti, entry.kind === 'revoked');
  };
  const rebuild = () => {
    byKey.clear();
    byCti.clear();
    for (const row of selectEntries.all()) remember(feedEntrySchema.parse(JSON.parse(bodyRow.parse(row).body)));
  };
  const store = database.transaction((page: FeedPage, next: FeedCursor, fresh: Freshness | undefined) => {
    for (const entry of page.entries) {
      if (entry.kind === 'key-killed') kills.add(entry.kid);
      else insertEntry.run(entry.seq, JSON.stringify(entry));
    }
    putState.run('cursor', JSON.stringify(next));
    if (fresh !== undefined) putState.run('freshness', JSON.stringify(fresh));
  });
  const reset = database.transaction((next: FeedCursor, keepsEntries: boolean, signers: readonly string[]) => {
    if (keepsEntries) deleteUpTo.run(next.seq);
    else deleteAll.run();
    putState.run('signers', JSON.stringify(signers));
    if (!keepsEntries) putState.run('freshness', 'null');
    putState.run('cursor', JSON.stringify(keepsEntries && cursor !== undefined ? { ...next, seq: Math.max(next.seq, cursor.seq) } : next));
  });

  rebuild();
  return {
    status: (key) => byKey.get(toHex(key)),
    revoked: (cti) => byCti.get(toHex(cti)),
    killed: kills.ids,
    cursor: () => cursor,
    freshness: () => freshness,
    apply(page, isWhole) {
      if (cursor === undefined || page.after !== cursor.seq || page.sliceId !== cursor.sliceId || page.generation !== cursor.generation) {
        throw new Error(`a page after ${page.after} does not follow ${cursor?.seq}`);
      }
      const next = { ...cursor, seq: page.upTo };
      // Only a page that leaves nothing behind says how fresh the whole is.
      const { sliceVersion, keyringVersion, issuedAt } = page;
      const fresh = page.more || !isWhole ? undefined : { sliceVersion, keyringVersion, issuedAtMs: Date.parse(issuedAt) };
      store(page, next, fresh);
      kills.read();
      for (const entry of page.entries) remember(entry);
      cursor = next;
      freshness = fresh ?? freshness;
    },
    startFrom(next, signers) {
      const isSameKey = cursor !== undefined && cursor.sliceId === next.sliceId && cursor.generation === next.generation;
      const isSame = isSameKey && believed.every((kid) => signers.includes(kid));
      const isKnown = isSame && believed.length === signers.length;
      if (isKnown && cursor !== undefined && cursor.seq >= next.seq && byKey.size + byCti.size === 0) return;
      reset(next, isSame, signers);
      believed = [...signers];
      if (!isSame) freshness = undefined;
      cursor = cursorSchema.parse(read('cursor'));
      rebuild();
    },
    settleKills: kills.settle,
    discard() {
      byKey.clear();
      byCti.clear();
      cursor = undefined;
      freshness = undefined;
      database.close();
    },
    close: () => database.close(),
  };
}

/** Killed keys on disk, and as a set in memory. */
function openKills(database: Database) {
  const select = database.prepare('SELECT kid, listed FROM killed_key');
  const insert = database.prepare('INSERT INTO killed_key (kid, listed) VALUES (?, 0) ON CONFLICT DO NOTHING');
  const markListed = database.prepare('UPDATE killed_key SET listed = 1 WHERE kid = ?');
  const remove = database.prepare('DELETE FROM killed_key WHERE kid = ?');
  const count = database.prepare('SELECT count(*) FROM killed_key').pluck();
  let ids: ReadonlySet<string> = new Set();
  let trusted: TrustList = new Map();
  const read = () => {
    const now = new Set(select.all().map((row) => killRow.parse(row).kid));
    if (now.size !== ids.size || [...now].some((kid) => !ids.has(kid))) ids = now;
  };
  const add = (kid: string) => {
    if (trusted.has(kid) || z.number().parse(count.get()) < UNLISTED_KILLS_MAX) insert.run(kid);
  };
  const settle = database.transaction((stated: readonly string[]) => {
    for (const kid of stated) add(kid);
    for (const row of select.all()) {
      const { kid, listed } = killRow.parse(row);
      const issuer = trusted.get(kid);
      if (issuer?.status === 'revoked' || (issuer === undefined && listed === 1)) remove.run(kid);
      else if (issuer !== undefined && listed === 0) markListed.run(kid);
    }
  });
  read();
  return {
    ids: () => ids,
    add,
    read,
    settle(stated: readonly string[], trust: TrustList) {
      trusted = trust;
      settle(stated);
      read();
    },
  };
}

/** An overlay that knows nothing: a kiosk without upstream. */
export const noOverlay: Pick<FeedOverlay, 'status' | 'revoked'> = { status: () => undefined, revoked: () => undefined };
