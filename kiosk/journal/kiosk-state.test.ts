import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../config/faults.ts';
import { openKioskState, setStateAside } from './kiosk-state.ts';

let dataDir = '';
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'state-'));
  mkdirSync(join(dataDir, 'keys'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const file = () => join(dataDir, 'state.db');
const faultOf = () => {
  try {
    openKioskState(dataDir).close();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return undefined;
};
const write = () => {
  const state = openKioskState(dataDir);
  state.set('version.slice', { version: 7 });
  state.set('time.floorMs', 1_768_446_000_000);
  state.close();
};

describe('the state of a kiosk', () => {
  it.each<[string, () => void]>([
    ['deleted', () => rmSync(file())],
    ['emptied', () => writeFileSync(file(), '')],
    ['no database any more', () => writeFileSync(file(), 'x'.repeat(8192))],
    [
      'changed in one value',
      () => {
        const database = new Database(file());
        database.prepare("UPDATE state SET value = replace(value, '7', '6') WHERE name = 'version.slice'").run();
        database.close();
      },
    ],
    [
      'flipped in one bit of a value',
      () => {
        const at = readFileSync(file()).indexOf('1768446000000');
        const handle = openSync(file(), 'r+');
        writeSync(handle, '0', at);
        closeSync(handle);
      },
    ],
  ])('that was %s is never begun anew in silence', (_how, harm) => {
    write();
    harm();
    expect(faultOf()).toBe('state-damaged');
    expect(faultOf()).toBe('state-damaged');
    // An act of the centre may.
    setStateAside(dataDir);
    expect(faultOf()).toBeUndefined();
  });

  it('of an earlier version, without digest and mark, is taken over', () => {
    const database = new Database(file());
    database.exec('CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID');
    database.exec("INSERT INTO state VALUES ('time.floorMs', '5')");
    database.close();
    const state = openKioskState(dataDir);
    expect(state.get('time.floorMs')).toBe(5);
    state.close();
    expect(faultOf()).toBeUndefined();
  });

  it.each<[string, () => void]>([
    ['deleted', () => rmSync(file())],
    ['replaced', () => rmSync(file()) ?? writeFileSync(file(), 'another')],
  ])('that is %s while it is in use is said, and written anew from memory', (_how, harm) => {
    const state = openKioskState(dataDir);
    state.set('version.slice', { version: 7 });
    expect(state.fault()).toBeUndefined();
    harm();
    expect(state.fault()).toBe('data-changed');
    expect(state.fault()).toBeUndefined();
    state.set('version.policy', { version: 9 });
    state.close();
    expect(existsSync(file())).toBe(true);
    const again = openKioskState(dataDir);
    expect([again.get('version.slice'), again.get('version.policy')]).toEqual([{ version: 7 }, { version: 9 }]);
    again.close();
  });
});
