import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeClock } from '../../config/host/node-host.ts';
import type { FixedFile } from '../../config/host/watched-file.ts';
import { silentLog } from '../../config/ports/log.ts';
import { type OpenLane, openLane } from '../../fixtures/open-lane.ts';
import { createSimulatedHost, type SimulatedHost } from '../../fixtures/simulated-host.ts';
import { type CheckpointParts, openCheckpointParts } from '../../fixtures/test-checkpoint.ts';
import { openRegistry, type Registry } from './registry.ts';
import { fetchedFiles } from './registry-slice.ts';
import { SLICE_PACE, watchSlice } from './slice-watch.ts';

const WAIT = { timeout: 20_000, interval: 20 };
let host: SimulatedHost;
let parts: CheckpointParts;
let registry: Registry;
let lane: OpenLane;
/** The slice as a centre brings it: beside the manifest, under its own name. */
let slice: string;
const file = (name: string) => join(parts.folder, name);
const held = () => parts.kit.cases.find((person) => person.case === 'held')?.text ?? '';

beforeEach(() => {
  host = createSimulatedHost();
  parts = openCheckpointParts(host, 3, {});
  const manifest = parts.registry.content()?.slice.manifest;
  if (manifest === undefined) throw new Error('no slice');
  const fetched = fetchedFiles(file('slice.manifest.cose'), manifest);
  mkdirSync(fetched.folder);
  slice = fetched.database;
  renameSync(file('slice.db'), slice);
  renameSync(file('slice.key'), fetched.key);
  writeFileSync(fetched.digest, `${manifest.snapshot.sha256}\n`);
  registry = openRegistry(
    {
      files: {
        keyring: file('keyring.cose'),
        root: parts.kit.upstream.root,
        policy: file('policy.cose'),
        slice: { database: file('slice.db'), manifest: file('slice.manifest.cose'), key: file('slice.key') },
      },
      floor: { get: () => undefined, raise: () => undefined },
      audiences: ['k1'],
      allowDemo: true,
    },
    host,
  );
  lane = openLane(registry, file('lane'), host);
});
afterEach(async () => {
  await lane.close();
  registry.close();
  parts.close();
});

/** One bit, at the place of the held person's row: nobody finds it any more. */
function flipHeldRow(): void {
  const database = new Database(slice, { readonly: true });
  const key = Buffer.from(database.prepare('SELECT key FROM status').pluck().get() as Uint8Array);
  database.close();
  const bytes = readFileSync(slice);
  writeAt(slice, bytes.indexOf(key), [(key[0] ?? 0) ^ 1]);
}

function writeAt(path: string, position: number, bytes: readonly number[]): void {
  const handle = openSync(path, 'r+');
  writeSync(handle, Uint8Array.from(bytes), 0, bytes.length, position);
  closeSync(handle);
}

describe('a slice in use', () => {
  it('that is changed in place closes the lane before the held person is shown a pass, whatever its times say', async () => {
    expect(await lane.hold(held())).toBe('see-staff status-hold');
    const times = [1_700_000_000, 1_700_000_000] as const;
    utimesSync(slice, ...times);
    await expect.poll(registry.changed, WAIT).toBeUndefined();
    host.advance(1_000);
    expect(lane.fault()).toBeUndefined();
    flipHeldRow();
    utimesSync(slice, ...times);
    expect(await lane.hold(held())).toBeUndefined();
    expect(lane.fault()).toBe('slice-changed');
    await expect.poll(() => registry.changed() === undefined && registry.content() === undefined, WAIT).toBe(true);
    // What was changed is kept, and out of the way of what is fetched anew.
    expect([existsSync(slice), existsSync(`${slice}.changed`)]).toEqual([false, true]);
    expect(registry.fault()).toBe('slice-changed');
    host.advance(60_000);
    expect(lane.fault()).toBe('slice-changed');
  });

  it('that is changed and then replaced by a rename shows nobody a pass either', async () => {
    const times = [1_700_000_000, 1_700_000_000] as const;
    utimesSync(slice, ...times);
    await expect.poll(registry.changed, WAIT).toBeUndefined();
    const whole = readFileSync(slice);
    flipHeldRow();
    utimesSync(slice, ...times);
    writeFileSync(`${slice}.new`, whole);
    renameSync(`${slice}.new`, slice);
    expect(await lane.hold(held())).toBeUndefined();
    expect(lane.fault()).toBe('slice-changed');
    await expect.poll(() => registry.changed() === undefined && registry.content() === undefined, WAIT).toBe(true);
    expect(registry.fault()).toBe('slice-changed');
    // The file that lies there now is whole.
    host.advance(3_000);
    expect(lane.fault()).toBeUndefined();
    expect(await lane.hold(held())).toBe('see-staff status-hold');
  });

  it('that was touched, and nothing more, is read again while the lane is closed, and the lane opens', async () => {
    chmodSync(slice, 0o640);
    host.advance(300);
    expect(lane.fault()).toBe('slice-changed');
    await expect.poll(registry.changed, WAIT).toBeUndefined();
    host.advance(300);
    expect(lane.fault()).toBeUndefined();
  });

  it.each([
    ['cut', () => truncateSync(slice, 4096)],
    ['taken away', () => rmSync(slice)],
  ])('that is %s closes the lane within a second', async (_how, harm) => {
    host.advance(300);
    expect(lane.fault()).toBeUndefined();
    harm();
    host.advance(1_000);
    expect(lane.fault()).toBe('slice-changed');
    expect(await lane.hold(parts.kit.moreValid[0] ?? '')).toBeUndefined();
  });

  it('that another file has replaced is read once more, and stays in use until its manifest is replaced too', async () => {
    writeFileSync(`${slice}.new`, 'another');
    renameSync(`${slice}.new`, slice);
    // A write before the rename would look the same.
    host.advance(300);
    expect(lane.fault()).toBe('slice-changed');
    await expect.poll(registry.changed, WAIT).toBeUndefined();
    host.advance(10_000);
    expect(lane.fault()).toBeUndefined();
    expect(await lane.hold(held())).toBe('see-staff status-hold');
  });
});

describe('a list in use', () => {
  it.each(['keyring.cose', 'policy.cose', 'slice.manifest.cose'])(
    '%s that is changed in place closes the lane until it is whole again',
    (name) => {
      host.advance(300);
      expect(lane.fault()).toBeUndefined();
      const good = readFileSync(file(name));
      writeAt(file(name), good.length >> 1, [(good[good.length >> 1] ?? 0) ^ 1]);
      host.advance(1_000);
      expect(lane.fault()).toBe('list-changed');
      writeFileSync(file(name), good);
      host.advance(3_000);
      expect(lane.fault()).toBeUndefined();
      rmSync(file(name));
      host.advance(1_000);
      expect(lane.fault()).toBe('list-changed');
      writeFileSync(file(name), good);
      host.advance(3_000);
      expect(lane.fault()).toBeUndefined();
    },
  );
});

describe('the patrol over a slice', () => {
  const real = { clock: nodeClock, log: silentLog };
  /** Bytes that change on the disk while the times of the file stay. */
  const silentFile = (bytes: Uint8Array): FixedFile => ({
    path: 'slice.db',
    change: () => undefined,
    accept: () => undefined,
    lengthBytes: () => bytes.length,
    readAt: async (position, into) => {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    readAll: () => bytes,
    close: () => undefined,
  });

  it('finds bytes that changed without a trace, one pass later', async () => {
    const bytes = new Uint8Array(300_000).fill(7);
    const watch = watchSlice(silentFile(bytes), createHash('sha256').update(bytes).digest('hex'), real, { passMs: 50, stepMs: 5 });
    await expect.poll(watch.passes, WAIT).toBeGreaterThan(1);
    expect(watch.state()).toBe('whole');
    bytes[200_000] = 8;
    await expect.poll(watch.state, WAIT).toBe('broken');
    watch.close();
  });

  it('reads a slice of 200 MB within a quarter of an hour, and never much at once', async () => {
    const asked: number[] = [];
    const length = 200 << 20;
    const file = { ...silentFile(new Uint8Array()), lengthBytes: () => length };
    const simulated = createSimulatedHost();
    const readAt = async (position: number, into: Uint8Array) => {
      asked.push(into.length);
      return Math.min(into.length, length - position);
    };
    const watch = watchSlice({ ...file, readAt }, '', simulated, SLICE_PACE);
    for (let stepMs = 0; stepMs < 900_000 && watch.passes() === 0; stepMs += 250) {
      simulated.advance(250);
      for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    }
    expect(watch.passes()).toBe(1);
    expect(Math.max(...asked)).toBeLessThan(100_000);
    watch.close();
  });
});
