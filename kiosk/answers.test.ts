import { afterEach, describe, expect, it } from 'vitest';
import { createTestSignal, createTestSource, type TestSignal, type TestSource } from '../fixtures/lane-doubles.ts';
import { openTestCheckpoint, type TestCheckpoint } from '../fixtures/test-checkpoint.ts';
import { revokeKeys } from '../sync/credential/trust.ts';
import { idTag, plateTag } from '../sync/protocol/tags.ts';
import { type Checkpoint, type CheckpointOptions, type DecisionEvent, startCheckpoint } from './checkpoint.ts';
import { createKioskTime } from './decision/kiosk-time.ts';
import { createPlateKeypad, type PlateKeypad } from './decision/plate-keypad.ts';
import type { Registry } from './registry/registry.ts';

const ID = '079090123456';
const CARD = `${ID}||A B|01011990|Nam|C|10052021`;
const OTHER_CARD = '079090999999||A B|01011990|Nam|C|10052021';

let parts: TestCheckpoint;
let checkpoint: Checkpoint;
let source: TestSource;
let signal: TestSignal;
let keypad: PlateKeypad;
let decided: DecisionEvent[];

function open(
  policy: Readonly<Record<string, unknown>>,
  direction: CheckpointOptions['direction'] = 'in',
  change: (registry: Registry) => Registry = (same) => same,
) {
  parts = openTestCheckpoint(4, policy);
  const { host, journal } = parts;
  const registry = change(parts.registry);
  source = createTestSource(host);
  signal = createTestSignal();
  keypad = createPlateKeypad(host.clock);
  decided = [];
  const time = createKioskTime(host.clock, { read: () => 0, write: () => undefined });
  checkpoint = startCheckpoint(
    { source: source.codeSource, registry, journal, signal: signal.port, plates: keypad, time, isRevoked: () => false },
    { area: 79, direction },
    { onDecision: (event) => void decided.push(event) },
    host,
  );
}
afterEach(async () => {
  await checkpoint.stop();
  parts.close();
});

const reasons = () => decided.map(({ decision }) => decision.reason);
const show = async (text: string) => {
  await source.show([text], 2_000);
  await source.show([], 1_500);
};
const withCard = () => parts.kit.issue((cti) => ({ idTag: idTag(cti, ID) }));
const withPlate = () => parts.kit.issue((cti) => ({ class: 3, plateTag: plateTag(cti, '59C112345') }));

describe('identity cards', () => {
  it('asks for the card where the policy does, and sends a card that fits to staff, never through', async () => {
    open({ askIdClasses: [2] });
    await show(withCard());
    expect(signal.results.at(-1)).toMatchObject({ state: 'ask', ask: 'show-id' });
    await show(CARD);
    expect(reasons()).toEqual(['id-unchecked', 'id-matched']);
    expect(signal.results.at(-1)).toMatchObject({ state: 'see-staff', code: 'S-10' });
    expect(decided.at(-1)?.decision.credential).toEqual(decided[0]?.decision.credential);
  });

  it('sends a card that does not fit to staff', async () => {
    open({ askIdClasses: [2] });
    await show(withCard());
    await show(OTHER_CARD);
    expect(reasons()).toEqual(['id-unchecked', 'id-mismatch']);
  });

  it('compares a card that was shown before the code, and passes what it would have passed without', async () => {
    open({});
    await show(CARD);
    await show(withCard());
    await show(OTHER_CARD);
    await show(withCard());
    expect(reasons()).toEqual(['prefix-unknown', 'ok', 'prefix-unknown', 'id-mismatch']);
  });

  it('takes a card that comes when the question is over for another kind of code', async () => {
    open({ askIdClasses: [2] });
    await show(withCard());
    await source.show([], 22_000);
    await show(CARD);
    expect(reasons()).toEqual(['id-unchecked', 'prefix-unknown']);
  });

  it('does not pass on a credential that expired while it waited', async () => {
    open({ askIdClasses: [2] });
    const text = parts.kit.issue((cti) => ({ idTag: idTag(cti, ID), expiresAt: Math.floor(parts.host.clock.wallMs() / 1000) + 3 }));
    await show(text);
    await show(CARD);
    expect(reasons()).toEqual(['id-unchecked', 'expired']);
  });

  it('does not pass on a credential whose issuer was killed while it waited', async () => {
    let killed = false;
    open({ askIdClasses: [2] }, 'in', (registry) => ({
      ...registry,
      content() {
        const content = registry.content();
        return (
          content && { ...content, trust: () => (killed ? revokeKeys(content.trust(), [...content.trust().keys()]) : content.trust()) }
        );
      },
    }));
    await show(withCard());
    killed = true;
    await show(CARD);
    expect(reasons()).toEqual(['id-unchecked', 'kid-revoked']);
  });

  it('keeps the text and the number of a card out of records and log', async () => {
    open({ askIdClasses: [2] });
    await show(withCard());
    await show(CARD);
    const lines = parts.journal.readAfter(0, 1_000).map(({ line }) => new TextDecoder().decode(line));
    expect([...lines, JSON.stringify(parts.host.logged)].some((line) => line.includes(ID))).toBe(false);
  });
});

describe('plates', () => {
  it('decides again once staff have typed the plate that the code waits for', async () => {
    open({ plateUnchecked: 'see-staff' });
    await show(withPlate());
    expect(reasons()).toEqual(['plate-unchecked']);
    expect(keypad.enter('59-C1 123.45')).toBe(true);
    await source.show([], 500);
    expect(reasons()).toEqual(['plate-unchecked', 'ok']);
    expect(decided.at(-1)?.decision.plate).toBe('matched');
  });

  it('sends to staff where the plate is another', async () => {
    open({ plateUnchecked: 'see-staff' });
    await show(withPlate());
    keypad.enter('51F00001');
    await source.show([], 500);
    expect(reasons()).toEqual(['plate-unchecked', 'plate-mismatch']);
  });

  it('compares a plate that was typed before the code, with that vehicle only', async () => {
    open({});
    keypad.enter('51F00001');
    await show(withPlate());
    await show(withPlate());
    expect(reasons()).toEqual(['plate-mismatch', 'ok']);
    expect(decided.at(-1)?.decision.plate).toBe('unchecked');
  });

  it('forgets a plate after a minute, and refuses what is none', async () => {
    open({});
    expect(keypad.enter('59')).toBe(false);
    keypad.enter('51F00001');
    await source.show([], 61_000);
    await show(withPlate());
    expect(reasons()).toEqual(['ok']);
  });
});

describe('a venue', () => {
  const venue = { profile: 'venue', occupancy: { max: 2, stayS: 600 } };

  it('lets in as many as there is room for, then asks to wait, until the first have been inside for their time', async () => {
    open(venue);
    const [a = '', b = '', c = ''] = parts.kit.moreValid;
    await show(a);
    await show(b);
    await show(c);
    expect(reasons()).toEqual(['ok', 'ok', 'venue-full']);
    expect(signal.results.at(-1)).toMatchObject({ state: 'deny', words: 'full', place: 'venue' });
    await source.show([], 600_000);
    await show(c);
    expect(reasons().at(-1)).toBe('ok');
  });

  it('does not count who leaves, and lets out where it is full', async () => {
    open({ profile: 'venue', occupancy: { max: 1, stayS: 600 } }, 'out');
    const [a = '', b = ''] = parts.kit.moreValid;
    await show(a);
    await show(b);
    expect(reasons()).toEqual(['ok', 'ok']);
  });

  it('remembers over a restart who is inside', async () => {
    open(venue);
    const [a = '', b = ''] = parts.kit.moreValid;
    await show(a);
    await show(b);
    parts.journal.close();
    // The next use opens the files again.
    parts.journal.counts('2026-01-15');
    expect(parts.journal.reuse.inside(parts.host.clock.wallMs() - 600_000)).toBe(2);
  });
});
