/**
 * A kiosk without a line from fresh to closed: a whole kiosk, a camera server, Chromium as its screen, and a clock that a test
 * moves on. The grade is read off the screen, and out of the sealed record as the centre opens it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { openBrowser } from '../fixtures/browser.ts';
import { feedCamera } from '../fixtures/camera-feed.ts';
import { type NetworkCamera, openMjpegCamera } from '../fixtures/network-camera.ts';
import { bootOfflineKiosk, leaveOffline, type OfflineKiosk } from '../fixtures/offline-kiosk.ts';
import { renderFrame } from '../fixtures/render-qr.ts';
import { openTestCentre, type TestCentre } from '../fixtures/test-centre.ts';
import { describeWith } from '../fixtures/tools.ts';
import type { StalenessGrade } from '../sync/protocol/policy.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const RATE_HZ = 10;
const WAIT = { timeout: 20_000, interval: 50 };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MIN = 60_000;
const MEDICAL = 6;
const AGES = { amberS: 6 * 3_600, restrictedS: 24 * 3_600, closedS: 72 * 3_600, restrictedClasses: [MEDICAL] };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

vi.setConfig({ testTimeout: 240_000 });

describeWith(['chromium', 'ffmpeg'], 'a kiosk without a line', () => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  let centre: TestCentre;
  let camera: NetworkCamera;
  let stopFeeding: () => Promise<void>;
  let offline: OfflineKiosk;
  /** Real time at which the lists were made and the kiosk lost its line. */
  let startMs: number;
  /** Two pictures in turn, as a camera's noise makes them: the very same one for ten seconds is a frozen camera. */
  const scene = (code?: string): readonly Uint8Array[] =>
    [1, 2].map((seed) =>
      renderFrame({
        ...SIZE,
        seed,
        ...(code !== undefined && { code: { text: code, modulePx: 4, look: 'phone', x: 0.5, y: 0.5, turnDeg: 3 } }),
      }),
    );
  const empty = scene();
  let shown = empty;
  let turn = 0;

  beforeAll(async () => {
    browser = await openBrowser();
    camera = await openMjpegCamera({ ...SIZE, frameRateHz: RATE_HZ });
    stopFeeding = feedCamera(camera, RATE_HZ, () => shown[turn++ % 2] ?? new Uint8Array(SIZE.widthPx * SIZE.heightPx));
  });
  afterAll(async () => {
    await stopFeeding();
    await camera.close();
    await browser.close();
  });
  beforeEach(async () => {
    shown = empty;
    folder = mkdtempSync(join(tmpdir(), 'offline-walk-'));
    centre = await openTestCentre(folder);
    startMs = Date.now();
    leaveOffline(centre, startMs, startMs, AGES);
  });
  afterEach(async () => {
    await page?.context().close();
    await offline?.close();
    await centre.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const boot = async (wallMs: number) => {
    const config = { 'camera.kind': 'mjpeg', 'camera.source': camera.url };
    offline = await bootOfflineKiosk({ centre, wallMs, config });
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await page.goto(offline.kiosk.display.enterUrl('citizen'));
  };
  const powerCut = async () => {
    await page.context().close();
    await offline.close();
  };
  const state = () => page.evaluate(() => document.querySelector<HTMLElement>('#screen')?.dataset.state);
  const text = (id: string) => page.locator(`#${id}`).innerText();
  /** Of the lane, once it has been the same for a moment: a jump makes camera and page look late for a second or two. */
  const fault = () => offline.kiosk.checkpoint.fault();
  const untilFault = (expected: string | undefined) => expect.poll(fault, WAIT).toBe(expected);
  const confirm = (atMs: number) => offline.say({ kind: 'confirm-time', atMs });

  /** What the screen shows of a person, and what the record holds. Each comes with a code of its own, good for six days. */
  const comeBy = async (credentialClass: number) => {
    const nowS = Math.floor(startMs / 1000);
    const code = centre.kit.issue(() => ({ class: credentialClass, expiresAt: nowS + 6 * 86_400 }));
    const before = offline.decisions.length;
    shown = scene(code);
    await expect.poll(() => offline.decisions.length, WAIT).toBe(before + 1);
    await expect.poll(state, WAIT).not.toMatch(/idle|reading/);
    const screen = { state: await state(), age: await text('age') };
    const event = offline.decisions[before];
    if (event === undefined) throw new Error('no decision');
    shown = empty;
    await expect.poll(state, WAIT).toBe('idle');
    const { grade, reason, verdict, inputs } = offline.opened(event.record.id);
    return { screen, record: { grade, reason, verdict }, statuses: inputs.grades.statuses };
  };
  const expectPerson = async (credentialClass: number, grade: StalenessGrade, reason: string, age: RegExp) => {
    const { screen, record, statuses } = await comeBy(credentialClass);
    const verdict = reason === 'ok' ? 'pass' : 'see-staff';
    expect(record).toEqual({ grade, reason, verdict });
    expect(statuses).toBe(grade);
    expect(screen.state).toBe(verdict);
    expect(screen.age).toMatch(age);
  };
  /** Moves time on to an age of the lists, and waits until the lane is open again, or closed for what the age means. */
  const toAge = async (ageMs: number, expected?: string) => {
    offline.passMs(startMs + ageMs - nowMs());
    await pause(500);
    await untilFault(expected);
  };
  const nowMs = () => Date.parse(offline.snapshot()?.clock.at ?? '');
  const FRESH = /^$/;

  it('walks from fresh to amber, restricted and closed at the times of the policy, whatever its clock does', async () => {
    await boot(startMs);
    await expect.poll(() => offline.snapshot()?.clock.state, WAIT).toBe('unknown');
    await confirm(Date.now());
    await untilFault(undefined);
    await expectPerson(2, 'fresh', 'ok', FRESH);
    await toAge(6 * HOUR - 5 * MIN);
    await expectPerson(2, 'fresh', 'ok', FRESH);
    await toAge(6 * HOUR + MIN);
    await expectPerson(2, 'amber', 'ok', /data: 6 giờ/);

    // The machine's clock jumps a week ahead, then a year back: the lane closes, and the age of the lists is none of its business.
    for (const jumpMs of [7 * DAY, -365 * DAY]) {
      const truthMs = nowMs();
      offline.setWallMs(truthMs + jumpMs);
      await untilFault('clock-untrusted');
      expect(await state()).toBe('out-of-service');
      expect(Math.abs(nowMs() - truthMs)).toBeLessThan(10_000);
      expect(offline.snapshot()?.slice.grade).toBe('amber');
      await confirm(nowMs());
      await untilFault(undefined);
      await expectPerson(2, 'amber', 'ok', /data: 6 giờ/);
    }

    await toAge(24 * HOUR - 5 * MIN);
    await expectPerson(2, 'amber', 'ok', /data: 23 giờ/);
    await toAge(24 * HOUR + MIN);
    await expectPerson(2, 'restricted', 'class-restricted', /data: 24 giờ/);
    await expectPerson(MEDICAL, 'restricted', 'ok', /data: 24 giờ/);
    await toAge(72 * HOUR - 5 * MIN);
    await expectPerson(MEDICAL, 'restricted', 'ok', /data: 71 giờ/);
    await toAge(72 * HOUR + MIN, 'slice-stale');
    await expect.poll(state, WAIT).toBe('out-of-service');
    expect(await text('code')).toBe('O-42');
    expect(offline.records().findLast(({ kind }) => kind === 'lane')).toMatchObject({ laneState: 'closed', fault: 'slice-stale' });
  });

  it.each([
    { name: 'with its clock right', wallMs: () => startMs + 3 * DAY + MIN, first: 'slice-stale' },
    { name: 'with its clock where it stopped', wallMs: () => startMs + HOUR, first: undefined },
    { name: 'with its clock in 2099', wallMs: () => Date.UTC(2099, 5, 1), first: 'trust-list-expired' },
  ])('after three days without power passes nobody, $name, and is closed once the time is known', async ({ wallMs, first }) => {
    await boot(startMs);
    await confirm(Date.now());
    await untilFault(undefined);
    await expectPerson(2, 'fresh', 'ok', FRESH);
    await powerCut();
    await boot(wallMs());
    await untilFault(first);
    // Where its clock says that the lists are new, nobody passes before somebody has said what time it is.
    if (first === undefined) await expectPerson(MEDICAL, 'fresh', 'clock-unknown', FRESH);
    else await expect.poll(state, WAIT).toBe('out-of-service');
    expect(await confirm(startMs + 3 * DAY + 2 * MIN)).toMatchObject({ ok: true });
    await untilFault('slice-stale');
    await expect.poll(() => text('code'), WAIT).toBe('O-42');
    expect(offline.decisions.filter(({ decision }) => decision.verdict === 'pass')).toEqual([]);
  });
});
