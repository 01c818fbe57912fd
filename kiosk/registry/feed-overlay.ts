/**
 * What the feed has brought since the slice was built: holds and their end, revoked and released credentials. Looked up
 * before the slice, because it is newer. On disk with its cursor in one transaction, so that an urgent hold outlives a
 * restart and no entry is asked for twice. Killed keys stay apart: no slice holds them, so no slice takes them away; only a
 * keyring that has settled them does.
 */
import { z } from 'zod';
import { Fault } from '../../config/faults.ts';
import { diskTrouble, errorText } from '../../config/host/disk-error.ts';
import { type Database, openWritable } from '../../config/host/open-database.ts';
import { watchOwnDatabase } from '../../config/host/watched-file.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import type { TrustList } from '../../sync/credential/trust.ts';
import { type FeedEntry, type FeedPage, feedEntrySchema } from '../../sync/protocol/feed.ts';
import { type Heard, holdsAll, missingSchema, UNKNOWN_HEARD } from './feed-memory.ts';
import { openKilledKeys } from './killed-keys.ts';

export interface FeedCursor {
  readonly sliceId: string;
  readonly storeId: string;
  readonly generation: number;
  /** Which row key the entries are made with. */
  readonly keyCheck: string;
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
  /** The newest entry that was heard, here or in what is missing: a slice that knows its successor must know it too. */
  heardSeq(): number | undefined;
  freshness(): Freshness | undefined;
  /**
   * Applies a page that was asked for at the cursor; throws for another. `isWhole`: no entry is missing before or in it; else
   * it still counts, and says nothing about how fresh the whole is.
   */
  apply(page: FeedPage, isWhole: boolean): void;
  /**
   * A slice is in use that holds everything up to `cursor.seq`: entries up to there go; all go where the row key or the centre's store changed.
   * Where one of the keys that were believed before is missing in `signers` (key ids), the feed is asked again from the slice
   * on: what a stolen key has said must not outlive it. What let somebody pass goes at once; what held somebody, when the feed
   * has said everything anew.
   */
  startFrom(cursor: FeedCursor, signers: readonly string[]): void;
  /**
   * `feed-damaged`: what lies on the disk is not what was written. `feed-rebuilding`: entries are missing, so nobody may pass
   * until the feed has said everything anew, or a slice is in use that holds them.
   */
  fault(): 'feed-damaged' | 'feed-rebuilding' | undefined;
  /** Entries are missing that were heard, unless the slice that is in use next holds them. */
  markMissing(heard: Heard): void;
  /**
   * A keyring is in use: `stated` are the kills of the slice beside it, which are kept too. Those go that it revokes itself,
   * and those that a keyring listed once and this one does not; what no keyring has listed yet may be listed by the next.
   */
  settleKills(stated: readonly string[], trust: TrustList): void;
  /** Knows nothing any more, and lets go of the file. */
  discard(): void;
  close(): void;
}

/** What the lists ask of it, whoever keeps it whole. */
export type ListsOverlay = Omit<FeedOverlay, 'fault' | 'markMissing'>;

const TABLES = `
CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS doubtful (body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;
const cursorSchema = z.object({ sliceId: z.string(), storeId: z.string(), generation: z.number(), keyCheck: z.string(), seq: z.number() });
const signersSchema = z.array(z.string());
const freshnessSchema = z.object({ sliceVersion: z.number(), keyringVersion: z.number().optional(), issuedAtMs: z.number() });
const bodyRow = z.object({ body: z.string() });

/** Throws Fault('journal-unwritable') where the file cannot be had, Fault('feed-damaged') where it is not what was written. */
export function openFeedOverlay(file: string): FeedOverlay {
  try {
    const database = openWritable(file, (fresh) => void fresh.exec(TABLES));
    try {
      return wrapOverlay(database, file);
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    const isUnread = error instanceof SyntaxError || error instanceof z.ZodError;
    const trouble = isUnread ? 'damaged' : diskTrouble(error);
    if (trouble === undefined) throw error;
    const code = trouble === 'damaged' ? 'feed-damaged' : trouble === 'full' ? 'disk-full' : 'journal-unwritable';
    throw new Fault(code, `${file}: ${errorText(error)}`, { cause: error });
  }
}

function wrapOverlay(database: Database, file: string): FeedOverlay {
  const watch = watchOwnDatabase(file);
  const selectState = database.prepare('SELECT body FROM state WHERE name = ?');
  const putState = database.prepare('INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body');
  const read = (name: string): unknown => {
    const row = selectState.get(name);
    return row === undefined ? undefined : JSON.parse(bodyRow.parse(row).body);
  };
  const put = (name: string, value: unknown) => putState.run(name, JSON.stringify(value));

  // A cursor of an earlier version names no key: what was kept under it is asked for anew.
  let cursor = cursorSchema.optional().catch(undefined).parse(read('cursor'));
  let freshness = freshnessSchema.nullish().parse(read('freshness')) ?? undefined;
  let believed = signersSchema.catch([]).parse(read('signers'));
  let missing = missingSchema.nullish().parse(read('missing')) ?? undefined;
  const entries = openEntries(database);
  const kills = openKilledKeys(database);

  const store = database.transaction((page: FeedPage, next: FeedCursor, fresh: Freshness | undefined) => {
    for (const entry of page.entries) {
      if (entry.kind === 'key-killed') kills.add(entry.kid);
      else entries.insert(entry);
    }
    put('cursor', next);
    if (fresh === undefined) return;
    put('freshness', fresh);
    put('missing', null);
    entries.dropDoubtful();
  });
  const reset = database.transaction((next: FeedCursor, keeps: 'entries' | 'holds' | 'nothing', signers: readonly string[]) => {
    if (keeps === 'entries') entries.dropUpTo(next.seq);
    else entries.dropAll(keeps === 'holds');
    put('signers', signers);
    if (keeps !== 'entries') put('freshness', null);
    put('cursor', keeps === 'entries' && cursor !== undefined ? { ...next, seq: Math.max(next.seq, cursor.seq) } : next);
  });

  return {
    status: entries.status,
    revoked: entries.revoked,
    killed: kills.ids,
    cursor: () => cursor,
    heardSeq: () => (missing === undefined || missing.seq === UNKNOWN_HEARD.seq ? cursor?.seq : Math.max(missing.seq, cursor?.seq ?? 0)),
    freshness: () => freshness,
    apply(page, isWhole) {
      if (cursor === undefined || page.after !== cursor.seq || !isSamePlace(cursor, page)) {
        throw new Error(`a page after ${page.after} does not follow ${cursor?.seq}`);
      }
      const next = { ...cursor, seq: page.upTo };
      // Only a page that leaves nothing behind says how fresh the whole is.
      const { sliceVersion, keyringVersion, issuedAt } = page;
      const fresh = page.more || !isWhole ? undefined : { sliceVersion, keyringVersion, issuedAtMs: Date.parse(issuedAt) };
      store(page, next, fresh);
      kills.read();
      entries.read(page.entries);
      cursor = next;
      freshness = fresh ?? freshness;
      if (fresh !== undefined) missing = undefined;
    },
    fault: () => (!watch.isWhole() ? 'feed-damaged' : missing === undefined ? undefined : 'feed-rebuilding'),
    markMissing(heard) {
      put('missing', heard);
      missing = heard;
    },
    startFrom(next, signers) {
      if (missing !== undefined && holdsAll(next, missing)) {
        put('missing', null);
        missing = undefined;
      }
      const isSameKey = cursor !== undefined && isSamePlace(cursor, next);
      const isSame = isSameKey && believed.every((kid) => signers.includes(kid));
      const isKnown = isSame && believed.length === signers.length;
      if (isKnown && cursor !== undefined && cursor.seq >= next.seq && entries.isEmpty()) return;
      reset(next, isSame ? 'entries' : isSameKey ? 'holds' : 'nothing', signers);
      believed = [...signers];
      if (!isSame) freshness = undefined;
      cursor = cursorSchema.parse(read('cursor'));
      entries.read();
    },
    settleKills: kills.settle,
    discard() {
      entries.forget();
      cursor = undefined;
      freshness = undefined;
      database.close();
    },
    close: () => database.close(),
  };
}

type Place = Pick<FeedCursor, 'sliceId' | 'storeId' | 'keyCheck'>;

function isSamePlace(one: Place, other: Place): boolean {
  return one.sliceId === other.sliceId && one.storeId === other.storeId && one.keyCheck === other.keyCheck;
}

/** Entries on disk, and by what they are about in memory. */
function openEntries(database: Database) {
  const select = database.prepare('SELECT body FROM entry ORDER BY seq');
  const insert = database.prepare('INSERT INTO entry (seq, body) VALUES (?, ?)');
  const removeUpTo = database.prepare('DELETE FROM entry WHERE seq <= ?');
  const removeAll = database.prepare('DELETE FROM entry');
  const selectDoubtful = database.prepare('SELECT body FROM doubtful');
  const insertDoubtful = database.prepare('INSERT INTO doubtful (body) VALUES (?)');
  const removeDoubtful = database.prepare('DELETE FROM doubtful');
  const byKey = new Map<string, Extract<FeedEntry, { kind: 'status' }>>();
  const byCti = new Map<string, boolean>();
  let isInDoubt = false;
  // What was asked for anew counts before what is in doubt.
  const stored = () => [...selectDoubtful.all(), ...select.all()].map(entryOf);
  const remember = (entry: FeedEntry) => {
    if (entry.kind === 'key-killed') return;
    if (entry.kind === 'status') byKey.set(entry.key, entry);
    else byCti.set(entry.cti, entry.kind === 'revoked');
  };
  /** `added`: all that has changed on disk, unless something was in doubt. */
  const read = (added?: readonly FeedEntry[]) => {
    if (added === undefined || isInDoubt) {
      byKey.clear();
      byCti.clear();
      for (const entry of stored()) remember(entry);
      isInDoubt = selectDoubtful.get() !== undefined;
    } else for (const entry of added) remember(entry);
  };
  read();
  return {
    read,
    status: (key: Uint8Array) => byKey.get(toHex(key)),
    revoked: (cti: Uint8Array) => byCti.get(toHex(cti)),
    isEmpty: () => byKey.size + byCti.size === 0,
    forget() {
      byKey.clear();
      byCti.clear();
    },
    insert: (entry: FeedEntry) => insert.run(entry.seq, JSON.stringify(entry)),
    dropUpTo: (seq: number) => removeUpTo.run(seq),
    dropDoubtful: () => removeDoubtful.run(),
    dropAll(keepsHolds: boolean) {
      const holds = keepsHolds ? stored().filter(isRestrictive) : [];
      removeAll.run();
      removeDoubtful.run();
      for (const entry of holds) insertDoubtful.run(JSON.stringify(entry));
    },
  };
}

function entryOf(row: unknown): FeedEntry {
  return feedEntrySchema.parse(JSON.parse(bodyRow.parse(row).body));
}

/** Whether it keeps somebody from passing. */
function isRestrictive(entry: FeedEntry): boolean {
  return entry.kind === 'status' ? entry.status !== 'clear' : entry.kind === 'revoked';
}

/** An overlay that knows nothing: a kiosk without upstream. */
export const noOverlay: Pick<FeedOverlay, 'status' | 'revoked'> = { status: () => undefined, revoked: () => undefined };
