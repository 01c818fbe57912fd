/** Ids of issuers' keys that count no more, on disk and as a set in memory; in the file of the overlay, and in its transactions. */
import { z } from 'zod';
import type { Database } from '../../config/host/open-database.ts';
import type { TrustList } from '../../sync/credential/trust.ts';

const TABLE = 'CREATE TABLE IF NOT EXISTS killed_key (kid TEXT PRIMARY KEY, listed INTEGER NOT NULL) STRICT, WITHOUT ROWID';
const killRow = z.object({ kid: z.string(), listed: z.number() });
/** Of keys that the keyring does not list: whoever has stolen the feed's key must not fill the disk. */
const UNLISTED_KILLS_MAX = 4_096;

export function openKilledKeys(database: Database) {
  database.exec(TABLE);
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
