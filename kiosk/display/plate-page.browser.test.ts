import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { openBrowser } from '../../fixtures/browser.ts';
import { describeWith } from '../../fixtures/tools.ts';
import { createPlateKeypad } from '../decision/plate-keypad.ts';
import { createStaffDesk } from '../staff-desk.ts';
import { type Display, openDisplay } from './display.ts';
import type { SupervisorDecision, SupervisorSnapshot } from './supervisor-view.ts';

const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
const time = { confirm: () => ({ ok: false, vi: '', en: '' }), offerCode: () => false, card: () => undefined };
const waiting: SupervisorDecision = {
  ...{ at: '2026-01-15T03:00:00.000Z', verdict: 'see-staff', reason: 'plate-unchecked', screenCode: 'S-10' },
  ...{ reasonVi: 'Chưa kiểm tra biển số', reasonEn: 'The plate was not checked', actionVi: 'Nhập biển số.', actionEn: 'Enter the plate.' },
  ...{ codeTail: '1a2b', class: 3, maskedName: undefined, readMs: 140, painted: 'painted' },
};
const snapshot = (decisions: readonly SupervisorDecision[]): SupervisorSnapshot => ({
  ...{ kioskId: 'k1', checkpointId: 'c1', lane: '1', demo: false, open: true, fault: undefined },
  camera: { state: 'live', frameAgeMs: 40, frameRateHz: 15, restarts: 0 },
  screen: { connected: true, state: 'see-staff', unpainted: 0, confirmedAgeMs: 400 },
  clock: { state: 'trusted', at: '2026-01-15T03:00:05.000Z', signedAgeMs: 5_000 },
  slice: {
    ...{ version: 3, ageMinutes: 1_500, grade: 'restricted' },
    grades: { statuses: 'restricted', revocations: 'restricted', keys: 'fresh' },
  },
  journal: { records: 10, unacknowledged: 0 },
  centre: undefined,
  grades: { lane: 'green', camera: 'green', screen: 'green', clock: 'green', slice: 'amber', centre: 'red', lanes: undefined },
  upstream: 'unreached',
  counts: { pass: 5, deny: 1, seeStaff: 2, alreadyRecorded: 1 },
  ...{ decisions, readMsP50: 120, readMsP95: 300 },
});

describeWith(['chromium'], 'the plate on the page of a supervisor', () => {
  let browser: Browser;
  let display: Display;
  let folder: string;
  const keypad = createPlateKeypad(nodeClock);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'plate-'));
    browser = await openBrowser();
    const sessions = { read: () => [], write: () => undefined };
    const guide = { x: 0, y: 0, width: 1, height: 1 };
    display = await openDisplay(
      { port: 0, tokenDir: folder, sessions, guide, required: true, onStaff: createStaffDesk(time, keypad) },
      host,
    );
  });
  afterAll(async () => {
    await browser.close();
    await display.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    [1280, 800],
    [390, 844],
  ])('is asked for where a code waits for it, reaches the lane, and what is none is refused in words (%i x %i)', async (width, height) => {
    const page = await (await browser.newContext({ viewport: { width, height } })).newPage();
    await page.goto(display.enterUrl('supervisor'));
    await page.waitForSelector('#plate');
    const show = async (decisions: readonly SupervisorDecision[]) => {
      await expect
        .poll(async () => {
          display.setSupervisor(snapshot(decisions));
          return page.locator('#decisions tr').count();
        })
        .toBe(decisions.length);
    };
    const isAwaited = () => page.locator('#plate-form').evaluate((form) => form.classList.contains('awaited'));
    await show([{ ...waiting, reason: 'expired' }]);
    await expect.poll(isAwaited).toBe(false);
    await show([waiting, waiting]);
    await expect.poll(isAwaited).toBe(true);
    await page.locator('#plate').fill('59');
    await page.locator('#plate').press('Enter');
    await expect.poll(() => page.locator('#plate-reply').textContent()).toContain('không phải biển số');
    expect(keypad.plate()).toBeUndefined();
    await page.locator('#plate').fill('59c1-123.45');
    await page.locator('#plate-send').click();
    await expect.poll(() => page.locator('#plate-reply').textContent()).toContain('Đã nhận biển số');
    expect(keypad.plate()).toBe('59C112345');
    expect(await page.locator('#plate').inputValue()).toBe('');
    const sticksOut = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    expect(sticksOut).toBe(false);
    keypad.used();
    await page.context().close();
  });
});
