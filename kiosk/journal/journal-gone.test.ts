import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../config/faults.ts';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import { testCredential, testDecision, testJournalOptions } from '../../fixtures/test-journal.ts';
import { type JournalRecord, recordSchema } from '../../sync/protocol/records.ts';
import { type Journal, openJournal } from './journal.ts';
import type { JournalPlace, PlaceStore } from './journal-loss.ts';

let dataDir = '';
let journal: Journal;
let noted: JournalPlace | undefined;
let acknowledged: JournalPlace | undefined;
const place: PlaceStore = {
  read: () => noted,
  write: (next) => {
    noted = next;
  },
  acknowledged: () => acknowledged,
};
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'journal-gone-'));
  mkdirSync(join(dataDir, 'keys'));
  noted = undefined;
  acknowledged = undefined;
  journal = open();
});
afterEach(() => {
  journal.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const context = { nowMs: 1_768_446_000_000, clockState: 'unknown' } as const;
let boots = 0;
const open = () => openJournal({ ...testJournalOptions(dataDir), place }, createSimulatedHost(++boots));
const segment = (suffix = '') => join(dataDir, 'journal', `000001.db${suffix}`);
const records = (): JournalRecord[] =>
  journal.readAfter(journal.firstSeq(), 1_000).map(({ line }) => recordSchema.parse(JSON.parse(new TextDecoder().decode(line))));
const faultOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return undefined;
};
const pass = (number: number) => journal.append(testDecision(number), context).id;

const harms: Record<string, () => void> = {
  'its file is deleted': () => rmSync(segment()),
  'all its files are deleted': () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(segment(suffix), { force: true });
  },
  'its folder is deleted': () => rmSync(join(dataDir, 'journal'), { recursive: true }),
  'another file takes its place': () => {
    cpSync(segment(), segment('.copy'));
    renameSync(segment('.copy'), segment());
  },
  'its files are cut to nothing': () => {
    for (const suffix of ['', '-wal']) truncateSync(segment(suffix), 0);
  },
  'its log is deleted': () => rmSync(segment('-wal')),
};

describe('a journal that vanishes under a running kiosk', () => {
  it.each(Object.keys(harms))('lets nobody pass once %s, and goes on with every record in another one', (how) => {
    const kept = [1, 2, 3].map(pass);
    const before = journal.journalId();
    harms[how]?.();
    expect(faultOf(() => pass(4))).toBe('journal-gone');
    expect(journal.fault()).toBeUndefined();
    kept.push(pass(5));
    expect(journal.journalId()).not.toBe(before);
    expect(journal.parent()?.journalId).toBe(before);
    expect(records().flatMap(({ kind, id }) => (kind === 'decision' ? [id] : []))).toEqual(kept);
    expect(records().some(({ kind }) => kind === 'lost-range')).toBe(false);
    // And it is found again.
    journal.close();
    journal = open();
    expect(records().filter(({ kind }) => kind === 'decision')).toHaveLength(kept.length);
  });

  it('says so at the next look, also while nobody comes', () => {
    pass(1);
    rmSync(segment());
    expect(journal.fault()).toBe('journal-gone');
    expect(journal.fault()).toBeUndefined();
  });

  it('puts on record which records are lost where none can be saved, and still knows who passed', () => {
    for (const number of [1, 2, 3]) pass(number);
    const lost = { journalId: journal.journalId(), to: journal.lastSeq() };
    acknowledged = { journalId: lost.journalId, seq: 2 };
    rmSync(join(dataDir, 'journal'), { recursive: true });
    writeFileSync(join(dataDir, 'journal'), 'no folder');
    expect(journal.fault()).toBe('journal-gone');
    expect(journal.fault()).toBe('journal-unwritable');
    rmSync(join(dataDir, 'journal'));
    expect(journal.fault()).toBeUndefined();
    expect(journal.reuse.find(testCredential(2)).uses).toBe(1);
    pass(4);
    const found = records();
    expect(found.map(({ kind }) => kind)).toEqual(['fault', 'lost-range', 'seal', 'decision']);
    expect(found[0]?.fault).toBe('journal-gone');
    expect(found[1]?.lost).toEqual({ ...lost, from: 3, receipt: '' });
  });

  it('makes no journal in a data folder that is not there any more, and goes on with the old one once it is back', () => {
    pass(1);
    expect(journal.counts('2026-01-15').get('pass')).toBe(1);
    const before = journal.journalId();
    renameSync(dataDir, `${dataDir}.away`);
    mkdirSync(dataDir);
    expect(journal.fault()).toBe('journal-gone');
    expect(journal.fault()).toBe('journal-gone');
    expect(faultOf(() => pass(2))).toBe('journal-gone');
    expect(existsSync(join(dataDir, 'journal'))).toBe(false);
    expect(journal.counts('2026-01-15').get('pass')).toBe(1);
    rmSync(dataDir, { recursive: true });
    renameSync(`${dataDir}.away`, dataDir);
    expect(journal.fault()).toBeUndefined();
    pass(3);
    expect(journal.journalId()).toBe(before);
    expect(records().filter(({ kind }) => kind === 'decision')).toHaveLength(2);
  });
});

describe('a journal that vanished while no kiosk ran', () => {
  it('is on record at the next start, from what the centre had to what was noted', () => {
    for (const number of [1, 2, 3]) pass(number);
    const { journalId, lastSeq } = { journalId: journal.journalId(), lastSeq: journal.lastSeq() };
    journal.close();
    acknowledged = { journalId, seq: 1 };
    rmSync(join(dataDir, 'journal'), { recursive: true });
    journal = open();
    pass(4);
    expect(records().slice(0, 2)).toMatchObject([
      { kind: 'fault', fault: 'journal-gone' },
      { kind: 'lost-range', lost: { journalId, from: 2, to: lastSeq } },
    ]);
  });

  it.each([
    { how: 'is deleted', isCopy: false },
    { how: 'is an older copy', isCopy: true },
  ])('and $how is on record although those that found it first recorded nothing', ({ isCopy }) => {
    pass(1);
    journal.close();
    cpSync(join(dataDir, 'journal'), join(dataDir, 'copy'), { recursive: true });
    journal = open();
    const copied = journal.lastSeq();
    for (const number of [2, 3]) pass(number);
    const { journalId, lastSeq } = { journalId: journal.journalId(), lastSeq: journal.lastSeq() };
    journal.close();
    rmSync(join(dataDir, 'journal'), { recursive: true });
    if (isCopy) cpSync(join(dataDir, 'copy'), join(dataDir, 'journal'), { recursive: true });
    for (let count = 0; count < 2; count++) {
      journal = open();
      journal.close();
    }
    journal = open();
    pass(4);
    const from = isCopy ? copied + 1 : 1;
    const lost = () => records().filter(({ kind }) => kind === 'fault' || kind === 'lost-range');
    expect(lost()).toMatchObject([
      { kind: 'fault', fault: 'journal-gone' },
      { kind: 'lost-range', lost: { journalId, from, to: lastSeq } },
    ]);
    // Once.
    journal.close();
    journal = open();
    pass(5);
    expect(lost()).toHaveLength(2);
  });

  it('gives no number twice where an older copy of it was put there', () => {
    pass(1);
    journal.close();
    cpSync(join(dataDir, 'journal'), join(dataDir, 'copy'), { recursive: true });
    journal = open();
    const kept = [pass(2), pass(3)];
    const { journalId, lastSeq } = { journalId: journal.journalId(), lastSeq: journal.lastSeq() };
    journal.close();
    rmSync(join(dataDir, 'journal'), { recursive: true });
    renameSync(join(dataDir, 'copy'), join(dataDir, 'journal'));
    journal = open();
    pass(4);
    expect(journal.journalId()).not.toBe(journalId);
    const [range] = records().flatMap(({ lost }) => lost ?? []);
    expect(range).toEqual({ journalId, from: lastSeq - kept.length, to: lastSeq, receipt: '' });
  });

  it('is whole after every stop, and after a fork', () => {
    pass(1);
    journal.close();
    journal = open();
    pass(2);
    journal.startNewJournal(1, undefined, context);
    journal.startNewJournal(0, undefined, context);
    journal.close();
    journal = open();
    pass(3);
    expect(records().filter(({ kind }) => kind === 'fault' || kind === 'lost-range')).toEqual([]);
  });
});
