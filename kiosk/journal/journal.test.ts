import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../config/faults.ts';
import { builtPath } from '../../config/host/install-paths.ts';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import { testCredential, testDecision, testJournalOptions, testSealing } from '../../fixtures/test-journal.ts';
import { describeWith } from '../../fixtures/tools.ts';
import { entryHash, genesisHash } from '../../sync/protocol/chain.ts';
import { type JournalRecord, recordSchema } from '../../sync/protocol/records.ts';
import { parseSealedDecision } from '../../sync/protocol/sealed-decision.ts';
import { openBox, openRecord } from '../../sync/protocol/sealing.ts';
import { openJournal } from './journal.ts';
import { openKioskState } from './kiosk-state.ts';

let dataDir = '';
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'journal-test-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const context = { nowMs: 1_768_446_000_000, clockState: 'unknown' } as const;
const open = (recordsPerSegment = 10_000) => openJournal({ ...testJournalOptions(dataDir), recordsPerSegment }, createSimulatedHost());
const parse = (line: Uint8Array): JournalRecord => recordSchema.parse(JSON.parse(new TextDecoder().decode(line)));
const faultOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
};
const segmentFile = (name = '000001.db') => join(dataDir, 'journal', name);

describe('journal', () => {
  it('chains every line from the genesis of journal and kiosk key', () => {
    const journal = open();
    for (let number = 0; number < 5; number++) journal.append(testDecision(number), context);
    const lines = journal.readAfter(0, 100);
    journal.close();
    const head = new Database(segmentFile(), { readonly: true }).prepare('SELECT journal_id FROM head').pluck().get() as Buffer;
    const journalId = new Uint8Array(head);
    let hash = genesisHash(journalId, testJournalOptions('').kioskPublicKey);
    for (const { seq, line, hash: stored } of lines) {
      hash = entryHash(journalId, seq, hash, line);
      expect(stored).toEqual(hash);
    }
    expect(lines.map(({ line }) => parse(line).kind)).toEqual(['seal', 'decision', 'decision', 'decision', 'decision', 'decision']);
  });

  it('seals who crossed so that only upstream reads it', () => {
    const journal = open();
    const record = journal.append(testDecision(77), context);
    const [sealLine, decisionLine] = journal.readAfter(0, 10).map(({ line }) => parse(line));
    journal.close();
    const key = openBox(new Uint8Array(Buffer.from(sealLine?.seal?.box ?? '', 'base64url')), testSealing.secretKey);
    expect(decisionLine?.sealRef).toEqual({ id: sealLine?.id, index: 0 });
    if (!key.ok) throw new Error('the box does not open');
    const plain = openRecord(new Uint8Array(Buffer.from(decisionLine?.sealed ?? '', 'base64url')), key.value, 0);
    if (!plain.ok) throw new Error('the record does not open');
    const sealed = parseSealedDecision(plain.value);
    expect(sealed).toMatchObject({
      ok: true,
      value: {
        recordId: record.id,
        kioskId: 'k1',
        checkpointId: 'c1',
        eventTimeMs: context.nowMs,
        verdict: 'pass',
        reason: 'ok',
        kid: '01020304',
        claims: testCredential(77).claims,
      },
    });
    expect(JSON.stringify(decisionLine)).not.toContain(Buffer.from(testCredential(77).claims.cti).toString('hex'));
    // 256 bytes of padded plaintext and the tag of the box.
    expect(Buffer.from(decisionLine?.sealed ?? '', 'base64url')).toHaveLength(272);
  });

  it('goes on over segments and a restart as one sequence', () => {
    const first = open(10);
    for (let number = 0; number < 25; number++) first.append(testDecision(number), context);
    first.close();
    const second = open(10);
    second.append({ kind: 'lane', laneState: 'open' }, context);
    const all = second.readAfter(0, 1_000);
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    expect(second.readAfter(12, 4).map(({ seq }) => seq)).toEqual([13, 14, 15, 16]);
    expect(second.lastSeq()).toBe(all.length);
    second.close();
    expect(readdirSync(join(dataDir, 'journal')).filter((name) => /^\d{6}\.db$/.test(name)).length).toBeGreaterThan(2);
  });

  it('starts a new seal for a boot, a segment, an hour and a key', () => {
    const host = createSimulatedHost();
    const journal = openJournal({ ...testJournalOptions(dataDir), recordsPerSegment: 6 }, host);
    for (let number = 0; number < 8; number++) journal.append(testDecision(number), context);
    host.advance(3_600_001);
    journal.append(testDecision(9), context);
    journal.close();
    const again = openJournal({ ...testJournalOptions(dataDir), recordsPerSegment: 100 }, createSimulatedHost(2));
    again.append(testDecision(10), context);
    const kinds = again.readAfter(0, 100).map(({ line }) => parse(line));
    again.close();
    const seals = kinds.filter(({ kind }) => kind === 'seal');
    expect(seals.length).toBeGreaterThanOrEqual(4);
    expect(new Set(seals.map(({ seal }) => seal?.box)).size).toBe(seals.length);
    const used = kinds.flatMap(({ sealRef }) => (sealRef === undefined ? [] : [`${sealRef.id}:${sealRef.index}`]));
    expect(new Set(used).size).toBe(used.length);
  });

  it('forgets no pass at a boot with a clock in 2099, and those that are over with a clock that is right', () => {
    const first = open();
    const short = testDecision(5);
    if (short.kind !== 'decision' || short.passed === undefined) throw new Error('no pass');
    const claims = { ...short.passed.credential.claims, expiresAt: 1_700_000_100 };
    const passed = { ...short.passed, credential: { ...short.passed.credential, claims }, subjectUntilMs: 1_700_000_100_000 };
    first.append({ ...short, passed }, context);
    first.append(testDecision(6, 1_700_000_050_000), context);
    first.close();
    const usesAt = (wallMs: number) => {
      const journal = openJournal(testJournalOptions(dataDir), createSimulatedHost(1, wallMs));
      const uses = [5, 6].map((number) => journal.reuse.find(testCredential(number)).uses);
      journal.close();
      return uses;
    };
    expect(usesAt(Date.UTC(2099, 0, 1))).toEqual([1, 1]);
    const second = open();
    second.append(testDecision(7, 1_700_000_200_000), context);
    second.close();
    expect(usesAt(1_700_000_200_000)).toEqual([0, 1]);
  });

  it('knows earlier passes again after a restart, by keyed hash only', () => {
    const first = open();
    first.append(testDecision(5, 1_700_000_000_000), context);
    first.append(testDecision(5, 1_700_000_500_000), context);
    first.close();
    const second = open();
    expect(second.reuse.find(testCredential(5))).toEqual({
      credentialPassedAtMs: 1_700_000_500_000,
      subjectPassedAtMs: 1_700_000_500_000,
      uses: 2,
      step: undefined,
    });
    expect(second.reuse.find(testCredential(6)).uses).toBe(0);
    expect(second.counts('2026-01-15').get('pass')).toBe(2);
    second.close();
    const tags = new Database(segmentFile(), { readonly: true }).prepare('SELECT tag FROM tag').pluck().all() as Buffer[];
    const cti = Buffer.from(testCredential(5).claims.cti);
    expect(tags.every((tag) => !tag.includes(cti))).toBe(true);
  });

  it('refuses to open after a changed line, a dropped line or a foreign segment', () => {
    const journal = open();
    for (let number = 0; number < 5; number++) journal.append(testDecision(number), context);
    journal.close();
    const change = (sql: string) => {
      const database = new Database(segmentFile());
      database.exec(sql);
      database.close();
    };
    change("UPDATE record SET line = CAST(replace(CAST(line AS TEXT), 'k1', 'k2') AS BLOB) WHERE seq = 3");
    expect(faultOf(() => open())).toBe('journal-corrupt');
    change("UPDATE record SET line = CAST(replace(CAST(line AS TEXT), 'k2', 'k1') AS BLOB) WHERE seq = 3");
    open().close();
    change('DELETE FROM record WHERE seq = 4');
    expect(faultOf(() => open())).toBe('journal-corrupt');
  });

  it('says that the folder cannot be written, and that another kiosk has it', () => {
    expect(faultOf(() => openKioskState('/dev/null/data'))).toBe('journal-unwritable');
    const state = openKioskState(dataDir);
    const code = `import { openKioskState } from ${JSON.stringify(builtPath('kiosk/journal/kiosk-state.ts'))};
      try { openKioskState(${JSON.stringify(dataDir)}); console.log('opened'); } catch (error) { console.log(error.code); }`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    state.close();
    expect(child.stdout.trim()).toBe('journal-busy');
  });
});

describe('journal under kill -9', () => {
  it('keeps every record that was committed, in an unbroken chain', async () => {
    let seen = 0;
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [builtPath('fixtures/journal-writer.ts'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, 20 + round * 37));
      child.kill('SIGKILL');
      await once(child, 'close');
      const ids = said.split('\n').slice(0, -1);
      const journal = openJournal({ ...testJournalOptions(dataDir), recordsPerSegment: 40 }, createSimulatedHost(round));
      const stored = new Set(journal.readAfter(0, 100_000).map(({ line }) => parse(line).id));
      journal.close();
      expect(ids.filter((id) => !stored.has(id))).toEqual([]);
      seen += ids.length;
    }
    expect(seen).toBeGreaterThan(30);
  });
});

describeWith(['mount of a small disk'], 'a full disk', () => {
  it('refuses records by name, keeps room for the last ones, loses none, and goes on once there is space', () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dataDir]);
    try {
      const journal = open();
      const kept = [journal.append(testDecision(1), context).id];
      const hog = join(dataDir, 'hog');
      writeFileSync(hog, '');
      expect(() => {
        for (;;) appendFileSync(hog, Buffer.alloc(1 << 16));
      }).toThrow('ENOSPC');
      let fault = 'no fault';
      for (let number = 2; number < 200 && fault === 'no fault'; number++) {
        fault = faultOf(() => kept.push(journal.append(testDecision(number), context).id));
      }
      expect(fault).toBe('disk-full');
      // The ballast made room for the record that says why the lane is closed.
      kept.push(journal.append({ kind: 'lane', laneState: 'closed', fault: 'disk-full' }, context).id);
      expect(journal.fault()).toBe('disk-full');
      rmSync(hog);
      expect(journal.fault()).toBeUndefined();
      kept.push(journal.append(testDecision(500), context).id);
      journal.close();
      const again = open();
      const stored = again.readAfter(0, 10_000).map(({ line }) => parse(line).id);
      again.close();
      expect(kept.filter((id) => !stored.includes(id))).toEqual([]);
    } finally {
      execFileSync('umount', [dataDir]);
    }
  });
});

describeWith(['strace'], 'durability', () => {
  it('calls fdatasync at least once for every record', () => {
    const records = 50;
    const trace = join(dataDir, 'trace.txt');
    const child = spawnSync(
      'strace',
      [
        '-f',
        '-c',
        '-e',
        'trace=fdatasync,fsync',
        '-o',
        trace,
        process.execPath,
        builtPath('fixtures/journal-writer.ts'),
        dataDir,
        String(records),
      ],
      { encoding: 'utf8' },
    );
    expect(child.stderr).toBe('');
    const counted = spawnSync('awk', ['/f(data)?sync/ {sum += $4} END {print sum}', trace], { encoding: 'utf8' });
    expect(Number(counted.stdout)).toBeGreaterThanOrEqual(records);
  });
});
