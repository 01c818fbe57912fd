import { describe, expect, it } from 'vitest';
import { type MadeVersions, versionsFromElsewhere } from './rules.ts';

const [A, B] = ['a'.repeat(32), 'b'.repeat(32)];
const NOW_S = 1_800_000_000;
const made: MadeVersions = {
  storeId: A,
  slice: NOW_S - 1_000,
  knowsSlice: false,
  accepted: 0,
  keyring: 5,
  policy: 5,
  config: 0,
  peers: undefined,
};
const said = (versions: object, storeId?: string) =>
  versionsFromElsewhere('k1', { versions: { program: '1', keyring: 5, policy: 5, slice: made.slice, ...versions }, storeId }, made, NOW_S);

describe('versions that a kiosk names', () => {
  it('are no matter while the centre has made them', () => {
    const knows = { ...made, knowsSlice: true };
    const versions = { program: '1', keyring: 5, policy: 5, slice: made.slice };
    expect(versionsFromElsewhere('k1', { versions, storeId: A }, knows, NOW_S)).toEqual({ alarms: [], answer: undefined });
    expect(said({ slice: 1, keyring: 4, peers: 9 }, B).alarms).toEqual([]);
  });

  it('raise an alarm and a newer publication where the slice is of another store', () => {
    expect(said({ slice: NOW_S - 10 }, B)).toMatchObject({
      alarms: [{ code: 'versions-from-elsewhere', kioskId: 'k1' }],
      answer: 'publish',
    });
    expect(said({ slice: NOW_S - 10 }).answer).toBe('publish');
  });

  it('hold publications back where the slice is of this store, which was set back to a backup', () => {
    expect(said({ slice: NOW_S - 10 }, A)).toMatchObject({ alarms: [{ code: 'store-set-back' }], answer: 'hold-back' });
  });

  it('hold publications back also where the next one has a higher number already, until an operator has the word', () => {
    const older = { versions: { program: '1', slice: made.slice - 5 }, storeId: A };
    const judge = (change: Partial<MadeVersions>) => versionsFromElsewhere('k1', older, { ...made, ...change }, NOW_S);
    expect(judge({})).toMatchObject({ alarms: [{ code: 'store-set-back' }], answer: 'hold-back' });
    expect(judge({ knowsSlice: true })).toEqual({ alarms: [], answer: undefined });
    expect(judge({ accepted: made.slice })).toEqual({ alarms: [], answer: undefined });
    expect(versionsFromElsewhere('k1', { ...older, storeId: B }, made, NOW_S).alarms).toEqual([]);
  });

  it('move nothing but an alarm where they lie further ahead than clocks differ, or are of files that are signed offline', () => {
    expect(said({ slice: NOW_S + 301 }, B)).toMatchObject({ alarms: [{}], answer: undefined });
    expect(said({ slice: NOW_S + 301 }, A)).toMatchObject({ alarms: [{}], answer: undefined });
    expect(said({ slice: NOW_S + 300 }, B).answer).toBe('publish');
    expect(said({ keyring: 6 }, B)).toMatchObject({
      alarms: [{ code: 'versions-from-elsewhere', detail: expect.stringContaining('keyring 6, here 5') }],
      answer: undefined,
    });
    expect(said({ config: 1 }, B).alarms).toHaveLength(1);
  });
});
