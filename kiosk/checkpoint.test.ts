import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fault, type FaultCode } from '../config/faults.ts';
import type { DemoKit } from '../fixtures/demo-kit.ts';
import { createTestSignal, createTestSource, type TestSignal, type TestSource } from '../fixtures/lane-doubles.ts';
import { SIMULATED_START_MS, type SimulatedHost } from '../fixtures/simulated-host.ts';
import { openTestCheckpoint, type TestCheckpoint } from '../fixtures/test-checkpoint.ts';
import { STEP_S } from '../sync/credential/proof.ts';
import { revokeKeys } from '../sync/credential/trust.ts';
import { recordSchema } from '../sync/protocol/records.ts';
import { type Checkpoint, type DecisionEvent, startCheckpoint } from './checkpoint.ts';
import { createKioskTime } from './decision/kiosk-time.ts';
import { noPlateSource } from './decision/plate-source.ts';
import { createDecisionFeed } from './display/decision-feed.ts';
import type { Display } from './display/display.ts';
import { supervisorRow, supervisorSnapshot } from './display/supervisor-snapshot.ts';
import { createExpiries } from './expiries.ts';
import { heartbeatReport } from './heartbeat-report.ts';
import type { Journal } from './journal/journal.ts';
import type { Registry } from './registry/registry.ts';

// One test lets four days pass, in steps of the lane's watch.
vi.setConfig({ testTimeout: 120_000 });

let parts: TestCheckpoint;
let host: SimulatedHost;
let kit: DemoKit;
let journal: Journal;
let registry: Registry;
let checkpoint: Checkpoint;
let source: TestSource;
let signal: TestSignal;
let decided: DecisionEvent[];
/** Stands before the journal: what it throws is what the disk does. */
let diskFault: FaultCode | undefined;
/** What somebody who brings the time makes of a text. */
let offered: (text: string) => boolean;
/** Keys of issuers that the feed has killed. */
let killed: readonly string[];

beforeEach(() => {
  parts = openTestCheckpoint();
  ({ host, kit } = parts);
  diskFault = undefined;
  offered = () => false;
  killed = [];
  registry = {
    ...parts.registry,
    content() {
      const content = parts.registry.content();
      return content === undefined || killed.length === 0 ? content : { ...content, trust: () => revokeKeys(content.trust(), killed) };
    },
  };
  const real = parts.journal;
  journal = {
    ...real,
    append(entry, context) {
      if (diskFault !== undefined) throw new Fault(diskFault);
      return real.append(entry, context);
    },
  };
  source = createTestSource(host);
  signal = createTestSignal();
  decided = [];
  const time = createKioskTime(host.clock, { read: () => 0, write: () => undefined });
  checkpoint = startCheckpoint(
    {
      ...{ source: source.codeSource, registry, journal, signal: signal.port, plates: noPlateSource, time, isRevoked: () => false },
      offerTimeCode: (text) => offered(text),
    },
    { area: 79, direction: 'in' },
    { onDecision: (event) => void decided.push(event) },
    host,
  );
});
afterEach(async () => {
  await checkpoint.stop();
  parts.close();
});

const textOf = (name: string) => kit.cases.find((person) => person.case === name)?.text;
const records = () => journal.readAfter(0, 1_000).map(({ line }) => recordSchema.parse(JSON.parse(new TextDecoder().decode(line))));

describe('the path', () => {
  it('gives every person of the demo the expected verdict, one decision each, recorded and then shown', async () => {
    for (const { text } of kit.cases) {
      await source.show([text], 2_000);
      await source.show([], 1_500);
    }
    expect(decided.map(({ decision }) => ({ verdict: decision.verdict, reason: decision.reason }))).toEqual(
      kit.cases.map(({ expected }) => expected),
    );
    const kinds = records().map(({ kind, ref }) => ({ kind, ref }));
    const decisions = records().filter(({ kind }) => kind === 'decision');
    expect(decisions).toHaveLength(6);
    expect(kinds.filter(({ kind }) => kind === 'painted').map(({ ref }) => ref)).toEqual(decisions.map(({ id }) => id));
    expect(signal.results.map(({ state }) => state)).toEqual(['pass', 'deny', 'deny', 'deny', 'see-staff', 'ask']);
  });

  it('shows nothing that could not be recorded, closes the lane, and opens it once the disk writes again', async () => {
    diskFault = 'disk-full';
    await source.show([textOf('valid')], 1_000);
    expect(signal.results).toEqual([]);
    expect(decided).toEqual([]);
    expect(checkpoint.fault()).toBe('disk-full');
    diskFault = undefined;
    await source.show([], 3_000);
    expect(checkpoint.fault()).toBeUndefined();
    await source.show([textOf('valid')], 500);
    expect(signal.results.map(({ state }) => state)).toEqual(['pass']);
  });

  it('says already recorded to a code that comes back at once, and see staff once somebody else was between', async () => {
    await source.show([textOf('valid')], 500);
    await source.show([], 2_000);
    await source.show([textOf('valid')], 500);
    await source.show([], 1_500);
    await source.show([textOf('expired')], 500);
    await source.show([], 1_500);
    await source.show([textOf('valid')], 500);
    expect(decided.map(({ decision }) => decision.reason)).toEqual(['ok', 'already-recorded', 'expired', 'anti-passback']);
    expect(journal.counts(new Date(SIMULATED_START_MS + 7 * 3_600_000).toISOString().slice(0, 10)).get('pass')).toBe(1);
  });

  it('says with each look whether the code of a result is still held up, and makes no second decision on it', async () => {
    await source.show([textOf('valid')], 6_000);
    expect(decided).toHaveLength(1);
    expect(signal.held.slice(1).every((held) => held?.state === 'pass')).toBe(true);
    await source.show([], 2_000);
    expect(signal.held.at(-1)).toBeUndefined();
    await source.show([textOf('expired')], 1_000);
    expect(signal.held.at(-1)?.state).toBe('deny');
    // The next person beside the one who still holds a code: theirs is decided, and is what is said from then on.
    await source.show([textOf('expired'), textOf('revoked')], 5_000);
    expect(decided.map(({ decision }) => decision.reason)).toEqual(['ok', 'expired', 'revoked']);
    expect(signal.held.at(-1)?.code).toBe('D-20');
    await source.show([textOf('expired')], 3_000);
    expect(signal.held.at(-1)?.code).toBe('D-10');
  });

  it('says nothing of a code whose decision could not be recorded', async () => {
    diskFault = 'disk-full';
    await source.show([textOf('valid')], 1_000);
    expect(signal.held.filter((held) => held !== undefined)).toEqual([]);
  });

  it('counts what was already recorded by itself: on the page of staff, in its rows, and in what the centre is told', async () => {
    await source.show([textOf('valid')], 500);
    await source.show([], 2_000);
    await source.show([textOf('valid')], 500);
    const feed = createDecisionFeed();
    for (const event of decided) feed.add(event.record.id, supervisorRow(event));
    const display: Pick<Display, 'screen'> = { screen: () => ({ connected: true, state: 'idle', unpainted: 0, confirmedAgeMs: 100 }) };
    const common = {
      ...{ source: source.codeSource, registry, journal, feed, push: undefined, lanes: undefined },
      centre: () => undefined,
      display,
      time: createKioskTime(host.clock, { read: () => 0, write: () => undefined }),
    };
    const expiries = createExpiries({ certificateFile: join(parts.folder, 'none'), registry });
    const config = { kioskId: 'k1', checkpointId: 'c1', lane: '1' };
    const snapshot = supervisorSnapshot({ ...common, expiries, config, demo: true }, undefined);
    const counted = { pass: 1, deny: 0, seeStaff: 0, alreadyRecorded: 1 };
    expect(snapshot.counts).toEqual(counted);
    expect(snapshot.decisions.map(({ verdict }) => verdict)).toEqual(['already-recorded', 'pass']);
    const remote = { version: undefined, refused: [] };
    const heartbeat = heartbeatReport(
      { ...common, expiries, dataDir: parts.folder, programVersion: 'test', remote, fault: () => undefined },
      { waiting: 0, quarantined: 0, failure: undefined, ages: { push: undefined, pull: undefined, feed: undefined, heartbeat: undefined } },
      host.clock,
    );
    expect(heartbeat.counts).toMatchObject(counted);
  });

  it.each([
    ['the camera is down', () => source.setHealth({ state: 'down', fault: 'camera-stalled' }), 'camera-stalled'],
    ['no screen confirms', () => signal.setReady(false), 'display-absent'],
    ['the clock jumps', () => host.setWallMs(SIMULATED_START_MS + 3_600_000), 'clock-untrusted'],
    ['the slice is too old', () => host.advance(4 * 86_400_000), 'slice-stale'],
  ] as const)('decides on nothing while %s', async (_name, cause, fault) => {
    await source.show([], 300);
    expect(checkpoint.fault()).toBeUndefined();
    cause();
    await source.show([textOf('valid')], 1_000);
    expect(checkpoint.fault()).toBe(fault);
    expect(decided).toEqual([]);
    expect(signal.lanes.at(-1)).toBe(fault);
    expect(
      records()
        .filter(({ kind }) => kind === 'lane')
        .at(-1),
    ).toMatchObject({ laneState: 'closed', fault });
  });

  it('offers what it sees to whoever brings the time while the clock keeps the lane closed, and decides on nothing', async () => {
    const seen = new Set<string>();
    offered = (text) => {
      seen.add(text);
      return false;
    };
    host.setWallMs(SIMULATED_START_MS + 3_600_000);
    await source.show(['CPT:ABC'], 2_000);
    expect(checkpoint.fault()).toBe('clock-untrusted');
    expect([...seen]).toEqual(['CPT:ABC']);
    expect(decided).toEqual([]);
  });

  it('takes a time code that was accepted for no presentation, and a refused one for a foreign code', async () => {
    offered = (text) => text === 'CPT:GOOD';
    await source.show(['CPT:GOOD'], 4_000);
    expect(decided).toEqual([]);
    expect(signal.results).toEqual([]);
    // A travel code beside it is decided on as ever.
    await source.show(['CPT:GOOD', textOf('valid')], 1_000);
    expect(decided.map(({ decision }) => decision.reason)).toEqual(['ok']);
    await source.show([], 1_500);
    await source.show(['CPT:BAD'], 2_000);
    expect(decided.map(({ decision }) => decision.reason)).toEqual(['ok', 'prefix-unknown']);
  });

  it('stops a code whose issuer was killed while the lane is open', async () => {
    const [first, second] = [textOf('valid'), textOf('held')];
    await source.show([first], 500);
    await source.show([], 1_500);
    killed = [...(registry.content()?.trust().keys() ?? [])];
    await source.show([second], 500);
    expect(decided.map(({ decision }) => `${decision.verdict} ${decision.reason}`)).toEqual(['pass ok', 'deny kid-revoked']);
  });

  it('records that a result was not painted', async () => {
    signal.setOutcome('unpainted');
    await source.show([textOf('valid')], 500);
    const painted = records().filter(({ kind }) => kind === 'painted');
    expect(painted).toMatchObject([{ painted: 'unpainted' }]);
  });

  it('takes no bank code beside a travel code for an answer', async () => {
    await source.show([textOf('bank'), textOf('valid')], 3_000);
    expect(decided.map(({ decision }) => decision.reason)).toEqual(['ok']);
  });

  it('counts a rotating code that renews itself for two minutes in the hand as one crossing', async () => {
    const texts = new Map<number, string>();
    const held = () => {
      const step = Math.floor(host.clock.wallMs() / 1000 / STEP_S);
      const text = texts.get(step) ?? kit.rotating(step * STEP_S);
      texts.set(step, text);
      return [text];
    };
    await source.show(held, 120_000);
    expect(new Set(texts.values()).size).toBe(5);
    expect(decided.map(({ decision }) => ({ reason: decision.reason, form: decision.credential?.form }))).toEqual([
      { reason: 'ok', form: 'app' },
    ]);
  });

  it('takes neither a sticker nor what nobody can read for somebody who came between', async () => {
    await source.show([textOf('valid')], 500);
    await source.show([undefined], 7_000);
    await source.show([textOf('bank')], 4_000);
    await source.show([textOf('valid')], 500);
    expect(decided.map(({ decision }) => decision.reason)).toEqual(['ok', 'unreadable', 'prefix-unknown', 'already-recorded']);
  });

  it('sends a code that nobody can read to staff', async () => {
    await source.show([undefined], 6_000);
    expect(decided.map(({ decision }) => decision.reason)).toEqual(['unreadable']);
    expect(signal.results).toMatchObject([{ state: 'see-staff', words: 'unreadable', code: 'S-01' }]);
  });

  it('keeps the text of a code out of log and journal', async () => {
    for (const { text } of kit.cases) {
      await source.show([text], 2_000);
      await source.show([], 1_500);
    }
    const written = JSON.stringify(host.logged) + JSON.stringify(records());
    for (const { text } of kit.cases) expect(written).not.toContain(text.slice(4, 24));
  });
});
