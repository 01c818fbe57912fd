import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { openBrowser } from '../../fixtures/browser.ts';
import { decisionRow, quietSnapshot } from '../../fixtures/supervisor-snapshot.ts';
import { describeWith } from '../../fixtures/tools.ts';
import { createPlateKeypad } from '../decision/plate-keypad.ts';
import { createStaffDesk } from '../staff-desk.ts';
import { type Display, openDisplay } from './display.ts';
import type { SupervisorDecision } from './supervisor-view.ts';

const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
const time = { confirm: () => ({ ok: false, vi: '', en: '' }), offerCode: () => false, card: () => undefined };
const waiting = decisionRow({ verdict: 'see-staff', reason: 'plate-unchecked', screenCode: 'S-10', class: 3 });
const snapshot = (decisions: readonly SupervisorDecision[]) => quietSnapshot({ decisions });

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
