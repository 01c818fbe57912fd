import { beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedHost, SIMULATED_START_MS as NOW, type SimulatedHost } from '../fixtures/simulated-host.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { keyId } from '../sync/credential/cose.ts';
import { createSigner } from '../sync/credential/signer.ts';
import { writeTimeCode } from '../sync/protocol/time-code.ts';
import { createKioskTime, type KioskTime } from './decision/kiosk-time.ts';
import { timeRefusals } from './decision/time-refusals.ts';
import { createTimeDesk, type TimeDesk } from './time-desk.ts';

const DAY = 86_400_000;
const FLOOR = NOW - 3 * DAY;
const feed = createSigner(new Uint8Array(32).fill(1));
const stranger = createSigner(new Uint8Array(32).fill(2));

let host: SimulatedHost;
let time: KioskTime;
let desk: TimeDesk;
let floorMs: number;
let records: unknown[];
/** What the disk does. */
let isWritable: boolean;

beforeEach(() => {
  // The power was away for three days and the battery with it.
  start(Date.UTC(2000, 0, 1));
});

function start(wallMs: number) {
  host = createSimulatedHost(1, wallMs);
  floorMs = FLOOR;
  records = [];
  isWritable = true;
  const store = {
    read: () => floorMs,
    write(next: number) {
      floorMs = next;
    },
  };
  time = createKioskTime(host.clock, store, () => NOW + 30 * DAY);
  const record = (change: object, nowMs: number) => {
    if (isWritable) records.push({ ...change, nowMs, clockState: time.state() });
    return isWritable;
  };
  desk = createTimeDesk({ time, kioskId: 'gate-7', centreUrl: 'https://centre.example/', feedKeys: () => feedKeys, record }, host);
}

const feedKeys = new Map([[toHex(keyId(feed.publicKey)), feed.publicKey]]);
const nonceShown = () => new URL(desk.card()?.link?.url ?? '').searchParams.get('nonce') ?? '';
const code = (nonce = nonceShown(), atMs = NOW, kiosk = 'gate-7', key = feed) => writeTimeCode(kiosk, nonce, atMs, key);
const lastRefusal = () => host.logged.findLast(({ event }) => event === 'time-code-refused')?.fields.reason;

describe('a time code', () => {
  it('that answers the link sets signed time, raises the floor, and is on record before it counts', () => {
    expect(time.state()).toBe('untrusted');
    expect(desk.offerCode(code())).toBe(true);
    expect([time.state(), time.nowMs(), floorMs]).toEqual(['trusted', NOW, NOW]);
    expect(records).toEqual([{ source: 'code', before: 'untrusted', shiftMs: NOW - FLOOR, nowMs: NOW, clockState: 'trusted' }]);
    expect(desk.card()).toBeUndefined();
  });

  it('is a link to the centre, with the kiosk and a nonce of its own, drawn as a code', () => {
    const link = desk.card()?.link;
    expect(link?.url).toMatch(/^https:\/\/centre\.example\/time\?kiosk=gate-7&nonce=[A-Za-z0-9_-]{16}$/);
    expect(link?.path).toMatch(/^M4 4h7v1h-7z/);
    expect(link?.size).toBeGreaterThan(29);
  });

  it('has no link where no centre is known', () => {
    host = createSimulatedHost(1, NOW);
    desk = createTimeDesk({ time, kioskId: 'gate-7', centreUrl: undefined, feedKeys: () => feedKeys, record: () => true }, host);
    expect(desk.card()).toEqual({ link: undefined, refused: undefined });
  });

  it.each([
    ['of another kiosk', () => code(nonceShown(), NOW, 'gate-8'), 'time-code-audience'],
    ['by a key that is not a feed key of the keyring', () => code(nonceShown(), NOW, 'gate-7', stranger), 'time-code-signer'],
    ['for a nonce that this kiosk did not make', () => code('abcdefghijklmnop'), 'time-code-nonce'],
    ['from before the floor', () => code(nonceShown(), FLOOR - 1_000), 'time-code-before-floor'],
    ['from after the end of the keyring', () => code(nonceShown(), NOW + 30 * DAY), 'time-code-after-keyring'],
    ['that is damaged', () => `${code().slice(0, -3)}:::`, 'time-code-form'],
  ] as const)('%s is refused by name, moves nothing, and is like any other code', (_name, make, reason) => {
    const text = make();
    expect(desk.offerCode(text)).toBe(false);
    expect([time.state(), time.nowMs(), floorMs, records]).toEqual(['untrusted', FLOOR, FLOOR, []]);
    expect(lastRefusal()).toBe(reason);
    expect(desk.card()?.refused).toEqual(timeRefusals[reason]);
    expect(JSON.stringify(host.logged)).not.toContain(text.slice(4, 24));
  });

  it('counts for two minutes of the monotonic clock, whatever the machine clock does meanwhile', () => {
    const inTime = code();
    host.advance(120_000);
    host.setWallMs(0);
    expect(desk.offerCode(inTime)).toBe(true);
    start(NOW);
    const nonce = nonceShown();
    host.advance(120_001);
    expect(desk.offerCode(code(nonce))).toBe(false);
    expect(lastRefusal()).toBe('time-code-old');
  });

  it('counts also where the link on the page was renewed since it was scanned', () => {
    const first = nonceShown();
    host.advance(59_999);
    expect(nonceShown()).toBe(first);
    host.advance(1);
    expect(nonceShown()).not.toBe(first);
    expect(desk.offerCode(code(first))).toBe(true);
  });

  it('counts once: a photograph of it sets no clock back later, and holding it on asks for nothing', () => {
    const [first, renewed] = [code(), code(nonceShown(), NOW + 5_000)];
    expect(desk.offerCode(first)).toBe(true);
    host.advance(60_000);
    expect(desk.offerCode(first)).toBe(true);
    expect(desk.offerCode(renewed)).toBe(true);
    expect([time.nowMs(), floorMs, records.length]).toEqual([NOW + 60_000, NOW, 1]);
    expect(lastRefusal()).toBeUndefined();
  });

  it('ends every question that is open, also the one before', () => {
    const before = code();
    host.advance(60_000);
    expect(desk.offerCode(code())).toBe(true);
    expect(desk.offerCode(before)).toBe(false);
    expect([lastRefusal(), records.length]).toEqual(['time-code-nonce', 1]);
  });

  it('does not count where it cannot be recorded, and does once it can', () => {
    isWritable = false;
    const text = code();
    expect(desk.offerCode(text)).toBe(false);
    expect([time.state(), time.nowMs(), floorMs]).toEqual(['untrusted', FLOOR, FLOOR]);
    expect(lastRefusal()).toBe('time-unrecorded');
    isWritable = true;
    expect(desk.offerCode(text)).toBe(true);
  });

  it('that is held up is logged once, and said on the page for a minute', () => {
    const text = code('abcdefghijklmnop');
    for (let frame = 0; frame < 20; frame++) desk.offerCode(text);
    expect(host.logged.filter(({ event }) => event === 'time-code-refused')).toHaveLength(1);
    host.advance(60_000);
    expect(desk.card()?.refused).toBeUndefined();
  });

  it('is not what another text is', () => {
    for (const text of ['CP1:ABC', 'https://centre.example/time', '']) expect(desk.offerCode(text)).toBe(false);
    expect(lastRefusal()).toBeUndefined();
  });
});

describe('staff', () => {
  it('confirm the time for this boot, on record, without raising the floor', () => {
    expect(desk.confirm(NOW)).toMatchObject({ ok: true });
    expect([time.state(), time.nowMs(), floorMs]).toEqual(['confirmed', NOW, FLOOR]);
    expect(records).toEqual([{ source: 'staff', before: 'untrusted', shiftMs: NOW - FLOOR, nowMs: NOW, clockState: 'confirmed' }]);
    expect(desk.card()).toBeDefined();
  });

  it.each([
    ['before the floor', FLOOR - 60_000, 'time-before-floor'],
    ['after the end of the keyring', NOW + 30 * DAY, 'time-after-keyring'],
    ['no date', Number.MAX_SAFE_INTEGER, 'time-not-a-date'],
  ] as const)('are told in words why a time %s is not taken, and nothing moves', (_name, enteredMs, reason) => {
    expect(desk.confirm(enteredMs)).toEqual({ ok: false, ...timeRefusals[reason] });
    expect([time.state(), time.nowMs(), records]).toEqual(['untrusted', FLOOR, []]);
    expect(host.logged.at(-1)).toMatchObject({ event: 'time-entry-refused', fields: { reason } });
  });

  it('confirm nothing that cannot be recorded', () => {
    isWritable = false;
    expect(desk.confirm(NOW)).toEqual({ ok: false, ...timeRefusals['time-unrecorded'] });
    expect([time.state(), time.nowMs()]).toEqual(['untrusted', FLOOR]);
  });
});

it('a disk that does not take the floor leaves time as it was', () => {
  const refusing = createKioskTime(
    host.clock,
    {
      read: () => FLOOR,
      write: () => {
        throw Object.assign(new Error('full'), { code: 'SQLITE_FULL' });
      },
    },
    () => NOW + 30 * DAY,
  );
  desk = createTimeDesk(
    {
      time: refusing,
      kioskId: 'gate-7',
      centreUrl: 'https://centre.example',
      feedKeys: () => feedKeys,
      record: () => true,
    },
    host,
  );
  expect(desk.offerCode(code())).toBe(false);
  expect([refusing.state(), refusing.nowMs()]).toEqual(['untrusted', FLOOR]);
  expect(lastRefusal()).toBe('time-unrecorded');
});
