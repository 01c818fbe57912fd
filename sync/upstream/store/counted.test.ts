/** What the centre counts of crossings, in a real store: newly projected ones, and those of a store that an earlier build made. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWritable } from '../../../config/host/open-database.ts';
import { openTestStore } from '../../../fixtures/test-store.ts';
import { type Crossing, ROLLUP_MS } from './store.ts';

const AT_MS = Date.UTC(2026, 0, 15, 3);
const crossing = (number: number, verdict: string, reason: string): Crossing => ({
  recordId: `01890000-0000-7000-8000-${String(number).padStart(12, '0')}`,
  ...{ kioskId: 'k1', checkpointId: 'c1', lane: '1', eventAtMs: AT_MS + number * 1_000, recordAtMs: AT_MS, verdict, reason },
  ...{ class: 2, kid: undefined, cti: undefined, subject: undefined, vehicle: undefined, form: undefined, direction: undefined },
  ...{ plate: undefined, grade: 'fresh', afterRevocation: false },
});
const crossings = [
  crossing(1, 'pass', 'ok'),
  crossing(2, 'see-staff', 'already-recorded'),
  crossing(3, 'see-staff', 'already-recorded'),
  crossing(4, 'see-staff', 'status-hold'),
  crossing(5, 'deny', 'expired'),
];
const counted = { checkpointId: 'c1', pass: 1, deny: 1, seeStaff: 1, alreadyRecorded: 2, lastEventAtMs: AT_MS + 5_000 };

describe('the counts of a checkpoint', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'counted-'));
    file = join(folder, 'store.db');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const project = async () => {
    const store = openTestStore(file);
    const database = openWritable(file);
    database
      .prepare(
        `INSERT INTO batch (journal_id, first_seq, accepted_from, last_seq, head, skipped, body, signature, received_at, after_revocation)
         VALUES ('j', 1, 1, 9, '', '[]', x'', '', 0, 0)`,
      )
      .run();
    database.close();
    const batch = { journalId: 'j', lastSeq: 9 };
    await store.commitProjection({ batch, crossings, events: [], seals: [], unprojected: [], alarms: [], atMs: AT_MS });
    return store;
  };

  it('have what was already recorded apart from what went to staff', async () => {
    const store = await project();
    expect(await store.checkpoints(AT_MS)).toEqual([counted]);
    await store.close();
  });

  it('are made again, once, in a store that counted it among what went to staff', async () => {
    await (await project()).close();
    const database = openWritable(file);
    database.exec(`
      DELETE FROM counted;
      CREATE TABLE rollup (checkpoint_id TEXT, slot INTEGER, verdict TEXT, count INTEGER, last_event_at INTEGER,
        PRIMARY KEY (checkpoint_id, slot, verdict)) STRICT, WITHOUT ROWID;
      INSERT INTO rollup VALUES ('c1', ${Math.floor(AT_MS / ROLLUP_MS) * ROLLUP_MS}, 'see-staff', 3, ${AT_MS + 4_000});
    `);
    database.close();
    for (const _time of [1, 2]) {
      const store = openTestStore(file);
      expect(await store.checkpoints(AT_MS)).toEqual([counted]);
      await store.close();
    }
  });
});
