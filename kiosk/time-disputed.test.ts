import { expect, it } from 'vitest';
import { createSimulatedHost, SIMULATED_START_MS as START_MS } from '../fixtures/simulated-host.ts';
import type { JournalRecord } from '../sync/protocol/records.ts';
import { createKioskTime } from './decision/kiosk-time.ts';
import { createTimeDesk } from './time-desk.ts';

const DAY_MS = 86_400_000;

function kiosk(isRecorded: boolean) {
  const host = createSimulatedHost();
  let floorMs = START_MS + 5 * DAY_MS;
  const store = {
    read: () => floorMs,
    write: (next: number) => {
      floorMs = next;
    },
  };
  const time = createKioskTime(host.clock, store, () => START_MS + 30 * DAY_MS);
  const records: NonNullable<JournalRecord['time']>[] = [];
  const desk = createTimeDesk(
    {
      ...{ time, kioskId: 'k1', centreUrl: undefined, feedKeys: () => undefined },
      record(change) {
        if (isRecorded) records.push(change);
        return isRecorded;
      },
    },
    host,
  );
  return { time, desk, records, floor: () => floorMs };
}

it('puts a lowered floor on record with both values, and keeps it over restarts', () => {
  const { time, desk, records, floor } = kiosk(true);
  expect(desk.confirm(START_MS).ok).toBe(false);
  expect(time.noteSignedTime(START_MS + 1_000, 100)).toBe('signed-time-before-floor');
  expect(desk.card()).toBeDefined();
  expect(desk.confirm(START_MS).ok).toBe(true);
  expect(floor()).toBe(START_MS + 1_000);
  expect(records).toMatchObject([{ source: 'staff', floor: { fromMs: START_MS + 5 * DAY_MS, toMs: START_MS + 1_000 } }]);
  expect(time.noteSignedTime(START_MS + 2_000, 100)).toBeUndefined();
  expect(time.state()).toBe('trusted');
});

it('lowers no floor that cannot be put on record', () => {
  const { time, desk, floor } = kiosk(false);
  time.noteSignedTime(START_MS + 1_000, 100);
  expect(desk.confirm(START_MS).ok).toBe(false);
  expect(floor()).toBe(START_MS + 5 * DAY_MS);
});
