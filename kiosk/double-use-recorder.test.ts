import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSimulatedHost, SIMULATED_START_MS } from '../fixtures/simulated-host.ts';
import { testDecision, testJournalOptions } from '../fixtures/test-journal.ts';
import { recordSchema } from '../sync/protocol/records.ts';
import { createDoubleUseRecorder } from './double-use-recorder.ts';
import { type Entry, type Journal, openJournal } from './journal/journal.ts';

const context = { nowMs: SIMULATED_START_MS, clockState: 'trusted' } as const;
const other = { kioskId: 'k2', bootId: 'b', counter: 3 };
let folder: string;
let journal: Journal;
let ref: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'double-use-'));
  journal = openJournal(testJournalOptions(folder), createSimulatedHost());
  ref = journal.append(testDecision(1), context).id;
});
afterEach(() => {
  journal.close();
  rmSync(folder, { recursive: true, force: true });
});

const append = (entry: Entry) => journal.append(entry, context);
const records = () =>
  journal
    .readAfter(0, 1_000)
    .map(({ line }) => recordSchema.parse(JSON.parse(new TextDecoder().decode(line))))
    .filter(({ kind }) => kind === 'double-use');

it('writes one record that names both passes', () => {
  const record = createDoubleUseRecorder(journal, append);
  expect(record({ ref, passedAtMs: 1, other })).toBe(true);
  expect(record({ ref, passedAtMs: 1, other })).toBe(true);
  expect(records()).toMatchObject([{ ref, other }]);
});

it('writes none a second time that a process wrote which died before it could remember', () => {
  createDoubleUseRecorder(journal, append)({ ref, passedAtMs: 1, other });
  // Everything that was in memory is gone.
  expect(createDoubleUseRecorder(journal, append)({ ref, passedAtMs: 1, other })).toBe(true);
  expect(records()).toHaveLength(1);
  expect(createDoubleUseRecorder(journal, append)({ ref, passedAtMs: 1, other: { ...other, kioskId: 'k3' } })).toBe(true);
  expect(records()).toHaveLength(2);
});

it('says so where the journal does not take it, and tries again', () => {
  let takes = false;
  const record = createDoubleUseRecorder(journal, (entry) => (takes ? append(entry) : undefined));
  expect(record({ ref, passedAtMs: 1, other })).toBe(false);
  takes = true;
  expect(record({ ref, passedAtMs: 1, other })).toBe(true);
  expect(records()).toHaveLength(1);
});
