/**
 * A whole kiosk that lost its power for three days and booted without a line: real camera stream, decoder, journal and pages,
 * a real centre for the phone, and a machine clock that is right, stood still, or says 2099.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { feedCamera } from '../fixtures/camera-feed.ts';
import { type NetworkCamera, openMjpegCamera } from '../fixtures/network-camera.ts';
import { bootOfflineKiosk, leaveOffline, type OfflineKiosk } from '../fixtures/offline-kiosk.ts';
import { renderFrame } from '../fixtures/render-qr.ts';
import { openTestCentre, type TestCentre } from '../fixtures/test-centre.ts';
import { describeWith } from '../fixtures/tools.ts';
import { openKioskState } from './journal/kiosk-state.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const RATE_HZ = 10;
const WAIT = { timeout: 15_000, interval: 50 };
const DAY = 86_400_000;
const MIN = 60_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const YEAR_2099 = Date.UTC(2099, 5, 1);

vi.setConfig({ testTimeout: 90_000 });

describeWith(['ffmpeg'], 'three days without power, booted without a line', () => {
  let folder: string;
  let centre: TestCentre;
  let camera: NetworkCamera;
  let stopFeeding: () => Promise<void>;
  let offline: OfflineKiosk;
  let lastOnlineMs: number;
  const empty = renderFrame({ ...SIZE, seed: 1 });
  let shown = empty;

  beforeAll(async () => {
    camera = await openMjpegCamera({ ...SIZE, frameRateHz: RATE_HZ });
    stopFeeding = feedCamera(camera, RATE_HZ, () => shown);
  });
  afterAll(async () => {
    await stopFeeding();
    await camera.close();
  });
  beforeEach(async () => {
    shown = empty;
    folder = mkdtempSync(join(tmpdir(), 'kiosk-time-'));
    centre = await openTestCentre(folder);
    lastOnlineMs = Date.now() - 3 * DAY;
    leaveOffline(centre, lastOnlineMs, lastOnlineMs);
  });
  afterEach(async () => {
    await offline?.close();
    await centre.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const boot = async (wallMs: number) => {
    offline = await bootOfflineKiosk({
      centre,
      wallMs,
      config: { 'camera.kind': 'mjpeg', 'camera.source': camera.url, 'display.required': false },
    });
  };
  const hold = (text: string | undefined) => {
    shown =
      text === undefined
        ? empty
        : renderFrame({ ...SIZE, seed: 2, code: { text, modulePx: 4, look: 'phone', x: 0.5, y: 0.5, turnDeg: 3 } });
  };
  const fault = () => offline.kiosk.checkpoint.fault();
  const screen = () => offline.kiosk.display.screen().state;
  const clock = () => offline.snapshot()?.clock;
  const floor = async () => {
    await offline.close();
    const state = openKioskState(join(centre.kit.folder, 'data'));
    const floorMs = state.get('time.floorMs');
    state.close();
    return floorMs;
  };
  /** As a phone does that scans the link on the supervisor's page. */
  const fetchCode = async () => {
    const link = new URL(clock()?.card?.link?.url ?? '');
    const answer = await fetch(`${link.origin}/v1${link.pathname}${link.search}`);
    return z.object({ code: z.string() }).parse(await answer.json()).code;
  };
  const decided = () => offline.decisions.map(({ decision }) => ({ verdict: decision.verdict, reason: decision.reason }));
  /** A person with a good code comes; gives what the kiosk decided, undefined where the lane is closed. */
  const comeBy = async () => {
    const before = offline.decisions.length;
    hold(centre.kit.cases[0]?.text);
    await expect.poll(() => offline.decisions.length > before || fault() !== undefined, WAIT).toBe(true);
    hold(undefined);
    // So long nobody is there before the next one comes.
    await pause(1_500);
    return decided()[before];
  };
  const times = () => offline.records().filter(({ kind }) => kind === 'time');

  const CASES = [
    {
      name: 'with the clock right',
      wallMs: () => Date.now(),
      person: { verdict: 'see-staff', reason: 'clock-unknown' },
      shows: 'see-staff',
      closed: undefined,
    },
    {
      name: 'with a clock that stood still',
      wallMs: () => lastOnlineMs + MIN,
      // For this clock the code is from a day that has not come; but the clock is the one to doubt.
      person: { verdict: 'see-staff', reason: 'clock-unknown' },
      shows: 'see-staff',
      closed: undefined,
    },
    { name: 'with a clock in 2099', wallMs: () => YEAR_2099, person: undefined, shows: 'out-of-service', closed: 'trust-list-expired' },
  ] as const;

  it.each(CASES)(
    '$name, nobody passes until a time code is shown to the camera, and then people do',
    async ({ wallMs, person, shows, closed }) => {
      await boot(wallMs());
      await expect.poll(() => (fault() === closed ? clock()?.state : fault()), WAIT).toBe('unknown');
      expect(screen()).toBe(closed === undefined ? 'idle' : 'out-of-service');
      expect(await comeBy()).toEqual(person);
      expect(screen()).toBe(shows);
      hold(await fetchCode());
      await expect.poll(() => clock()?.state, WAIT).toBe('trusted');
      expect(clock()?.card).toBeUndefined();
      await expect.poll(fault, WAIT).toBeUndefined();
      // The officer goes on holding it up for a moment.
      await pause(2_000);
      hold(undefined);
      expect(await comeBy()).toEqual({ verdict: 'pass', reason: 'ok' });
      expect(decided()).toHaveLength(person === undefined ? 1 : 2);
      const [record] = times();
      expect(times()).toHaveLength(1);
      expect(record).toMatchObject({ clockState: 'trusted', time: { source: 'code', before: 'unknown' } });
      expect(Math.abs(Date.parse(record?.eventTime ?? '') - Date.now())).toBeLessThan(30_000);
      const states = offline.records().map(({ clockState }) => clockState);
      expect(new Set(states.slice(0, states.indexOf('trusted')))).toEqual(new Set(['unknown']));
      expect(Math.abs(Number(await floor()) - Date.now())).toBeLessThan(60_000);
    },
  );

  it.each(CASES)(
    '$name, nobody passes until staff confirm the time, and then people do, for this boot',
    async ({ wallMs, person, closed }) => {
      await boot(wallMs());
      await expect.poll(() => (fault() === closed ? clock()?.state : fault()), WAIT).toBe('unknown');
      expect(await comeBy()).toEqual(person);
      expect(await offline.say({ kind: 'confirm-time', atMs: lastOnlineMs - MIN })).toMatchObject({ ok: false });
      expect(clock()?.state).toBe('unknown');
      expect(await offline.say({ kind: 'confirm-time', atMs: Date.now() })).toMatchObject({ ok: true });
      await expect.poll(fault, WAIT).toBeUndefined();
      expect(await comeBy()).toEqual({ verdict: 'pass', reason: 'ok' });
      expect(times()).toMatchObject([{ clockState: 'confirmed', time: { source: 'staff', before: 'unknown' } }]);
      expect(offline.records().findLast(({ kind }) => kind === 'decision')?.clockState).toBe('confirmed');
      expect(await floor()).toBe(lastOnlineMs);
      await boot(Date.now());
      await expect.poll(() => clock()?.state, WAIT).toBe('unknown');
    },
  );

  it('a clock in 2099 leaves nothing behind: with the clock right again the kiosk boots as if it had not been', async () => {
    await boot(YEAR_2099);
    await expect.poll(fault, WAIT).toBe('trust-list-expired');
    expect(await floor()).toBe(lastOnlineMs);
    await boot(Date.now());
    await expect.poll(() => fault() ?? clock()?.state, WAIT).toBe('unknown');
    expect(await comeBy()).toEqual({ verdict: 'see-staff', reason: 'clock-unknown' });
  });

  it('a clock that jumps closes the lane, and a time code opens it through the camera while it is closed', async () => {
    await boot(Date.now());
    await offline.say({ kind: 'confirm-time', atMs: Date.now() });
    await expect.poll(fault, WAIT).toBeUndefined();
    offline.setWallMs(YEAR_2099);
    await expect.poll(fault, WAIT).toBe('clock-untrusted');
    expect(await comeBy()).toBeUndefined();
    const [code, stranger] = [await fetchCode(), 'CPT:ABC'];
    hold(stranger);
    await expect
      .poll(() => offline.log.find(({ event }) => event === 'time-code-refused')?.fields, WAIT)
      .toEqual({ reason: 'time-code-form' });
    await expect.poll(() => clock()?.card?.refused?.en, WAIT).toContain('damaged');
    hold(code);
    await expect.poll(fault, WAIT).toBeUndefined();
    await expect.poll(() => clock()?.state, WAIT).toBe('trusted');
    hold(undefined);
    expect(await comeBy()).toEqual({ verdict: 'pass', reason: 'ok' });
    expect(times().map(({ time }) => time)).toMatchObject([
      { source: 'staff', before: 'unknown' },
      { source: 'code', before: 'untrusted' },
    ]);
    // Shown again it changes nothing, and is nobody's code.
    hold(code);
    await pause(2_500);
    expect([times().length, offline.decisions.length]).toEqual([2, 1]);
  });
});
