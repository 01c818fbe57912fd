/** What lanes of one checkpoint know of each other, over real sockets and in real files. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLaneGroup, type LaneGroup, type TestLane } from '../../fixtures/lane-group.ts';
import { testCredential } from '../../fixtures/test-journal.ts';
import type { Credential } from '../../sync/credential/credential.ts';
import { createSigner } from '../../sync/credential/signer.ts';

const WAIT = { timeout: 15_000, interval: 20 };
const WINDOW_MS = 600_000;
let folder: string;
let group: LaneGroup;
const lanes: TestLane[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'peers-'));
  group = await createLaneGroup(folder, ['k1', 'k2', 'k3']);
});
afterEach(async () => {
  for (const lane of lanes.splice(0)) await lane.close();
  rmSync(folder, { recursive: true, force: true });
});

const pair = (name: string, version = 1) => group.listFor(name, { version, without: 'k3' });
function open(name: string, options: Parameters<LaneGroup['open']>[1] = { list: pair(name) }): TestLane {
  const lane = group.open(name, options);
  lanes.push(lane);
  return lane;
}
async function close(lane: TestLane): Promise<void> {
  lanes.splice(lanes.indexOf(lane), 1);
  await lane.close();
}
const connected = (lane: TestLane, count = 1) => expect.poll(() => lane.peers.state().connected, WAIT).toBe(count);
let records = 0;
function pass(lane: TestLane, credential: Credential, passedAtMs = Date.now(), windowMs = WINDOW_MS): string {
  const ref = `0197a000-0000-7000-8000-${String(records++).padStart(12, '0')}`;
  lane.peers.publish({ ref, credential, passedAtMs, windowMs });
  return ref;
}
const known = (lane: TestLane, credential: Credential) => lane.peers.elsewhere(credential);
const warnings = (lane: TestLane, event: string) => lane.logged.filter((one) => one.event === event).map(({ fields }) => fields.reason);

/** Where nobody listens. */
const elsewhere = { kioskId: 'k3', lane: '3', address: '127.0.0.1:9', signingKey: '0'.repeat(64) };

describe('two lanes', () => {
  it('know within a second what passed at the other, by credential and by person', async () => {
    const [one, two] = [open('k1'), open('k2')];
    await Promise.all([connected(one), connected(two)]);
    const credential = testCredential(7);
    const atMs = Date.now();
    pass(one, credential, atMs);
    await expect
      .poll(() => known(two, credential), { timeout: 1_000, interval: 5 })
      .toEqual({ passedAtMs: atMs, uses: 1, step: undefined });
    const second = { ...testCredential(8), claims: { ...testCredential(8).claims, subject: credential.claims.subject } };
    expect(known(two, second)).toEqual({ passedAtMs: atMs, uses: 0, step: undefined });
    expect(known(two, testCredential(9))).toEqual({ passedAtMs: undefined, uses: 0, step: undefined });
    // Its own lane remembers in its own way.
    expect(known(one, credential)?.passedAtMs).toBeUndefined();
  });

  it('know the highest step of an app code, and forget what can matter no more', async () => {
    let nowMs = Date.now();
    const [one, two] = [open('k1'), open('k2', { list: pair('k2'), nowMs: () => nowMs })];
    await connected(two);
    const app = { ...testCredential(1), step: 41 };
    pass(one, app, nowMs, 0);
    await expect.poll(() => known(two, app)?.step, WAIT).toBe(41);
    nowMs += 179_000;
    expect(known(two, app)?.step).toBe(41);
    nowMs += 2_000;
    expect(known(two, app)).toEqual({ passedAtMs: undefined, uses: 0, step: undefined });
  });

  it('count uses for as long as a credential with uses lasts', async () => {
    const [one, two] = [open('k1'), open('k2')];
    await connected(two);
    const counted = { ...testCredential(2), claims: { ...testCredential(2).claims, maxUses: 3 } };
    for (const agoMs of [3, 2]) pass(one, counted, Date.now() - agoMs * 86_400_000, 1_000);
    await expect.poll(() => known(two, counted)?.uses, WAIT).toBe(2);
  });

  it('have one connection, and it is the same for both', async () => {
    const [one, two] = [open('k1'), open('k2')];
    await Promise.all([connected(one), connected(two)]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const count = (lane: TestLane, event: string) => lane.logged.filter((entry) => entry.event === event).length;
    for (const lane of [one, two]) expect(count(lane, 'peer-connected') - count(lane, 'peer-disconnected')).toBe(1);
    expect(one.peers.state()).toEqual({ connected: 1, listed: 1, refused: 0, doubleUses: [] });
  });

  it('learn what passed while one of them was down, in its order, once it is back', async () => {
    const two = open('k2');
    const credentials = Array.from({ length: 130 }, (_, number) => testCredential(number + 1));
    for (const credential of credentials) pass(two, credential);
    // More than one page, and passes that come while the pages go.
    const one = open('k1');
    await connected(one);
    pass(two, testCredential(900));
    await expect.poll(() => known(one, testCredential(900))?.uses, WAIT).toBe(1);
    for (const credential of credentials) expect(known(one, credential)?.uses).toBe(1);
  });

  it('go on where they were when one was started anew, and count from the beginning there', async () => {
    const two = open('k2');
    let one = open('k1');
    await connected(two);
    pass(one, testCredential(1));
    await expect.poll(() => known(two, testCredential(1))?.uses, WAIT).toBe(1);
    await close(one);
    pass(two, testCredential(3));
    one = open('k1');
    pass(one, testCredential(2));
    await expect.poll(() => known(two, testCredential(2))?.uses, WAIT).toBe(1);
    await expect.poll(() => known(one, testCredential(3))?.uses, WAIT).toBe(1);
    expect(known(two, testCredential(1))?.uses).toBe(1);
    // What it has from before the restart is not sent a second time as something else.
    expect(two.recorded).toEqual([]);
  });

  it('are three just as well', async () => {
    const all = ['k1', 'k2', 'k3'].map((name) => open(name, {}));
    for (const lane of all) await connected(lane, 2);
    const [first, ...others] = all;
    if (first === undefined) throw new Error('no lane');
    pass(first, testCredential(5));
    for (const lane of others) await expect.poll(() => known(lane, testCredential(5))?.uses, WAIT).toBe(1);
  });
});

describe('a code that passed at two lanes while they were apart', () => {
  it('is reported by both, once, also after a restart', async () => {
    let [one, two] = [open('k1', { list: '' }), open('k2', { list: '' })];
    for (const [lane, name] of [
      [one, 'k1'],
      [two, 'k2'],
    ] as const) {
      // They have the key and nobody to talk to: the other is not at its address.
      lane.peers.offer(group.listFor(name, { change: { peers: [elsewhere] } }));
    }
    const credential = testCredential(4);
    const [mine, theirs] = [pass(one, credential, Date.now() - 5_000), pass(two, credential)];
    await expect.poll(() => known(one, credential), WAIT).toEqual({ passedAtMs: undefined, uses: 0, step: undefined });
    expect(one.peers.offer(pair('k1', 2))).toBe(true);
    expect(two.peers.offer(pair('k2', 2))).toBe(true);
    await expect.poll(() => one.recorded.map(({ ref, other }) => [ref, other.kioskId, other.counter]), WAIT).toEqual([[mine, 'k2', 1]]);
    await expect.poll(() => two.recorded.map(({ ref, other }) => [ref, other.kioskId, other.counter]), WAIT).toEqual([[theirs, 'k1', 1]]);
    expect(one.peers.state().doubleUses).toEqual([{ atMs: expect.any(Number), lane: '2' }]);
    for (const lane of [one, two]) await close(lane);
    [one, two] = [open('k1', { list: '' }), open('k2', { list: '' })];
    await Promise.all([connected(one), connected(two)]);
    pass(one, testCredential(6));
    await expect.poll(() => known(two, testCredential(6))?.uses, WAIT).toBe(1);
    expect([...one.recorded, ...two.recorded]).toEqual([]);
    expect(two.peers.state().doubleUses).toHaveLength(1);
  });

  it('is recorded later where the journal cannot take it now', async () => {
    const [one, two] = [open('k1'), open('k2')];
    await Promise.all([connected(one), connected(two)]);
    one.journal.takesRecords = false;
    pass(one, testCredential(1));
    pass(two, testCredential(1));
    await expect.poll(() => two.recorded.length, WAIT).toBe(1);
    expect(one.recorded).toEqual([]);
    one.journal.takesRecords = true;
    await expect.poll(() => one.recorded.length, WAIT).toBe(1);
  });

  it('is none where the policy allows the later pass', async () => {
    const [one, two] = [open('k1'), open('k2')];
    await Promise.all([connected(one), connected(two)]);
    pass(one, testCredential(1), Date.now() - 60_000, WINDOW_MS);
    // The same person with a credential of a class that may come again after a minute.
    pass(two, testCredential(1), Date.now(), 60_000);
    pass(one, testCredential(2));
    await expect.poll(() => known(two, testCredential(2))?.uses, WAIT).toBe(1);
    expect([...one.recorded, ...two.recorded]).toEqual([]);
  });

  it('is one where a credential has more uses at both than it may, however long ago', async () => {
    const [one, two] = [open('k1'), open('k2')];
    await Promise.all([connected(one), connected(two)]);
    const once = { ...testCredential(1), claims: { ...testCredential(1).claims, maxUses: 1 } };
    pass(one, once, Date.now() - 3_600_000, 60_000);
    pass(two, once, Date.now(), 60_000);
    await expect.poll(() => [one.recorded.length, two.recorded.length], WAIT).toEqual([1, 1]);
  });
});

describe('the list of lanes', () => {
  it('is used at once, also for a lane that is new', async () => {
    const [one, two] = [open('k1', { list: '' }), open('k2')];
    expect(one.peers.state()).toMatchObject({ connected: 0, listed: 0 });
    expect(one.peers.elsewhere(testCredential(1))).toBeUndefined();
    expect(one.peers.offer(pair('k1'))).toBe(true);
    await Promise.all([connected(one), connected(two)]);
    const three = open('k3', {});
    expect(one.peers.offer(group.listFor('k1', { version: 2 }))).toBe(true);
    await connected(one, 2);
    await connected(three, 1);
    // What it knew of the others stays connected.
    expect(two.peers.state().connected).toBe(1);
  });

  it.each([
    ['another signer', () => group.listFor('k1', { version: 9, signer: createSigner(new Uint8Array(32).fill(9)) })],
    ['another kiosk', () => group.listFor('k2', { version: 9 })],
    ['another audience', () => group.listFor('k1', { version: 9, change: { audience: 'k2', peers: [elsewhere] } })],
    ['another checkpoint', () => group.listFor('k1', { version: 9, change: { checkpointId: 'gate-8' } })],
    ['a key that is sealed to another kiosk', () => group.listFor('k1', { version: 9, change: { box: 'A'.repeat(107) } })],
    ['an older version', () => group.listFor('k1', { version: 4 })],
    ['the same kiosk twice', () => group.listFor('k1', { version: 9, change: { peers: [elsewhere, elsewhere] } })],
    ['nothing at all', () => 'nothing\n'],
  ])('is not taken from %s', (_name, text) => {
    const lane = open('k1', { list: group.listFor('k1', { version: 5 }) });
    expect(lane.peers.offer(text())).toBe(false);
    expect(lane.peers.version()).toBe(5);
  });

  it('does not go back when an older file is put in its place, and is used no more once it has ended', async () => {
    let nowMs = Date.now();
    const lane = open('k1', { list: group.listFor('k1', { version: 5, expiresAtMs: nowMs + 60_000 }), nowMs: () => nowMs });
    writeFileSync(join(folder, 'k1.peers.cose'), group.listFor('k1', { version: 4 }));
    await expect.poll(() => lane.peers.state().listed, WAIT).toBe(0);
    expect(lane.logged.find(({ event }) => event === 'peers-list-invalid')?.fields.why).toBe('version 4 after 5');
    expect(lane.peers.offer(group.listFor('k1', { version: 6, expiresAtMs: nowMs + 60_000 }))).toBe(true);
    expect(lane.peers.state().listed).toBe(2);
    nowMs += 61_000;
    await expect.poll(() => lane.peers.state().listed, WAIT).toBe(0);
  });

  it('with another key ends every connection, and what passed before is still known', async () => {
    const [one, two] = [open('k1'), open('k2')];
    await Promise.all([connected(one), connected(two)]);
    pass(one, testCredential(1));
    await expect.poll(() => known(two, testCredential(1))?.uses, WAIT).toBe(1);
    const next = { version: 2, generation: 2, without: 'k3', key: new Uint8Array(32).fill(7) };
    one.peers.offer(group.listFor('k1', next));
    await expect.poll(() => warnings(two, 'peers-refused').concat(warnings(one, 'peers-refused')), WAIT).toContain('peer-generation');
    await connected(two, 0);
    two.peers.offer(group.listFor('k2', next));
    await Promise.all([connected(one), connected(two)]);
    pass(one, testCredential(2));
    await expect.poll(() => known(two, testCredential(2))?.uses, WAIT).toBe(1);
    expect(known(two, testCredential(1))?.uses).toBe(1);
  });
});

describe('a store', () => {
  it('that is damaged is begun anew, and filled by the others', async () => {
    const two = open('k2');
    let one = open('k1');
    await connected(two);
    pass(two, testCredential(1));
    await expect.poll(() => known(one, testCredential(1))?.uses, WAIT).toBe(1);
    await close(one);
    for (const suffix of ['-wal', '-shm']) rmSync(join(folder, `k1.peers.db${suffix}`), { force: true });
    writeFileSync(join(folder, 'k1.peers.db'), 'this is no database, and long enough to show it'.repeat(100));
    one = open('k1');
    await expect.poll(() => known(one, testCredential(1))?.uses, WAIT).toBe(1);
  });

  it('is gone with the list when the kiosk is ended', async () => {
    const lane = open('k1');
    pass(lane, testCredential(1));
    lane.peers.discard();
    expect(lane.peers.elsewhere(testCredential(1))).toBeUndefined();
    expect(lane.peers.offer(group.listFor('k1', { version: 9 }))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.startsWith('k1.'))).toEqual([]);
  });
});
