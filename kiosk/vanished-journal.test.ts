import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenLane, openLane } from '../fixtures/open-lane.ts';
import { openTestCheckpoint, type TestCheckpoint } from '../fixtures/test-checkpoint.ts';

let parts: TestCheckpoint;
let lane: OpenLane;
let dataDir: string;
beforeEach(() => {
  parts = openTestCheckpoint(2);
  dataDir = join(parts.folder, 'lane');
  lane = openLane(parts.registry, dataDir, parts.host);
});
afterEach(async () => {
  await lane.close();
  parts.close();
});

describe('a lane whose journal vanishes', () => {
  it('shows nobody a pass, is closed for all to see, and opens again with a journal that says what happened', async () => {
    const [first = '', second = ''] = parts.kit.moreValid;
    expect(await lane.hold(first)).toBe('pass ok');
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(dataDir, 'journal', `000001.db${suffix}`));
    parts.host.advance(250);
    expect(lane.fault()).toBe('journal-gone');
    parts.host.advance(1_500);
    expect(lane.fault()).toBe('journal-gone');
    parts.host.advance(1_500);
    expect(lane.fault()).toBeUndefined();
    expect(await lane.hold(second)).toBe('pass ok');
    expect(parts.host.logged.some(({ event }) => event === 'journal-gone')).toBe(true);
  });
});
