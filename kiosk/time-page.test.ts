/** Staff bring the time on the supervisor's page: a whole kiosk with an empty battery, both its pages in Chromium. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openBrowser } from '../fixtures/browser.ts';
import { writeDemoClip } from '../fixtures/demo-clip.ts';
import { bootOfflineKiosk, leaveOffline, type OfflineKiosk } from '../fixtures/offline-kiosk.ts';
import { openTestCentre, type TestCentre } from '../fixtures/test-centre.ts';
import { describeWith } from '../fixtures/tools.ts';
import { openZxingWasm } from './decode/zxing-wasm-reader.ts';

const WAIT = { timeout: 15_000, interval: 50 };
const ZONE_MS = 7 * 3_600_000;
const SIZES = [
  [1280, 800],
  [390, 844],
] as const;

describeWith(['chromium'], 'a first boot in 2000, and staff with a watch', () => {
  let browser: Browser;
  let folder: string;
  let centre: TestCentre;
  let offline: OfflineKiosk;
  let citizen: Page;
  let staff: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kiosk-time-page-'));
    centre = await openTestCentre(folder);
    leaveOffline(centre, Date.now() - 3_600_000, undefined);
    const clip = join(folder, 'empty.y4m');
    writeDemoClip({ file: clip, texts: [], seed: 1 });
    const config = { 'camera.kind': 'replay', 'camera.source': clip };
    offline = await bootOfflineKiosk({ centre, wallMs: Date.UTC(2000, 0, 1), config });
    // A browser that is somewhere else: what is typed is Vietnam time all the same.
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, timezoneId: 'America/New_York', locale: 'en-US' });
    [citizen, staff] = [await context.newPage(), await context.newPage()];
    await citizen.goto(offline.kiosk.display.enterUrl('citizen'));
    await staff.goto(offline.kiosk.display.enterUrl('supervisor'));
    await expect.poll(() => staff.locator('#clock-card').isVisible(), WAIT).toBe(true);
  });
  afterEach(async () => {
    await citizen.context().close();
    await offline.close();
    await centre.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const screen = () => citizen.locator('#screen').getAttribute('data-state');
  const text = (id: string) => staff.locator(`#${id}`).innerText();
  const fill = async (unixMs: number) => {
    const local = new Date(unixMs + ZONE_MS);
    const values = {
      hour: local.getUTCHours(),
      minute: local.getUTCMinutes(),
      day: local.getUTCDate(),
      month: local.getUTCMonth() + 1,
      year: local.getUTCFullYear(),
    };
    for (const [part, value] of Object.entries(values)) await staff.locator(`#clock-${part}`).fill(String(value));
  };
  const press = (id: string) => staff.locator(`#${id}`).click();
  const nowMs = () => Date.parse(offline.snapshot()?.clock.at ?? '');

  it('sees why the lane is closed, types what the watch says, and the lane opens', async () => {
    await expect.poll(() => citizen.locator('#code').innerText(), WAIT).toBe('O-30');
    expect(await text('alert')).toContain('xác nhận tại đó, hoặc đưa mã giờ');
    expect(await text('clock-title')).toBe('Đồng hồ của máy không tin được');
    expect(await staff.locator('#clock-year').inputValue()).toBe('2000');
    const watchMs = Date.now();
    await fill(watchMs);
    // The page renders each second; what was typed stays.
    await staff.waitForTimeout(2_200);
    await press('clock-confirm');
    await expect.poll(() => text('clock-reply'), WAIT).toContain('Đã xác nhận giờ');
    await expect.poll(screen, WAIT).toBe('idle');
    await expect.poll(() => text('alert'), WAIT).toBe('Làn đang mở.');
    // Half a minute at most beside the minute that the watch shows.
    expect(Math.abs(nowMs() - Date.now())).toBeLessThan(40_000);
    expect(await staff.locator('#clock-card').getAttribute('data-state')).toBe('confirmed');
    expect(await staff.locator('#clock-form').isVisible()).toBe(false);
    expect(offline.records().filter(({ kind }) => kind === 'time')).toMatchObject([
      { clockState: 'confirmed', time: { source: 'staff', before: 'untrusted' } },
    ]);
  });

  it('says in words what is wrong with an entry, and changes nothing', async () => {
    const entries = [
      [async () => staff.locator('#clock-hour').fill('25'), 'không phải là ngày giờ có thật'],
      [async () => staff.locator('#clock-hour').fill('x'), 'không phải là ngày giờ có thật'],
      [async () => fill(Date.now() - 2 * 86_400_000), 'trước ngày của dữ liệu'],
      [async () => fill(Date.now() + 40 * 86_400_000), 'danh sách khóa trong máy đã hết hạn'],
    ] as const;
    for (const [enter, words] of entries) {
      await enter();
      await press('clock-confirm');
      await expect.poll(() => text('clock-reply'), WAIT).toContain(words);
    }
    await fill(Date.UTC(2026, 0, 31));
    await staff.locator('#clock-month').fill('2');
    await press('clock-confirm');
    await expect.poll(() => text('clock-reply'), WAIT).toContain('không phải là ngày giờ có thật');
    expect(await screen()).toBe('out-of-service');
    await press('clock-reset');
    expect(await staff.locator('#clock-year').inputValue()).toBe('2000');
    expect(await staff.locator('#clock-reply').isVisible()).toBe(false);
    await press('language');
    expect(await text('clock-title')).toBe('The clock of the kiosk cannot be trusted');
  });

  it('confirms the time of the kiosk to the second where nothing was typed', async () => {
    offline.setWallMs(Date.now());
    const atMs = Date.now() - 100_000;
    await offline.say({ kind: 'confirm-time', atMs });
    await expect.poll(() => staff.locator('#clock-card').getAttribute('data-state'), WAIT).toBe('confirmed');
    await press('clock-title');
    await staff.waitForTimeout(1_500);
    await press('clock-confirm');
    await expect.poll(() => offline.records().filter(({ kind }) => kind === 'time').length, WAIT).toBe(2);
    const again = offline.records().findLast(({ kind }) => kind === 'time');
    expect(Math.abs(again?.time?.shiftMs ?? 1e9)).toBeLessThan(1_000);
  });

  it('shows a link that a phone reads, fits both screens, and has no serious accessibility fault', async () => {
    const decoder = await openZxingWasm();
    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
    for (const [width, height] of SIZES) {
      await staff.setViewportSize({ width, height });
      await staff.locator('#clock-qr').scrollIntoViewIfNeeded();
      const { data, info } = await sharp(await staff.screenshot({ fullPage: true }))
        .greyscale()
        .raw()
        .toBuffer({ resolveWithObject: true });
      const luma = new Uint8Array(info.width * info.height);
      for (let at = 0; at < luma.length; at++) luma[at] = data[at * info.channels] ?? 0;
      const symbols = await decoder.read({ luma, widthPx: info.width, heightPx: info.height });
      expect(symbols.map((symbol) => symbol.text)).toContain(await text('clock-link'));
      expect(await text('clock-link')).toContain(`${centre.upstream.url}/time?kiosk=demo-kiosk&nonce=`);
      expect(await staff.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      const confirm = await staff.locator('#clock-confirm').boundingBox();
      expect(confirm?.height).toBeGreaterThanOrEqual(48);
      for (const part of ['hour', 'minute', 'day', 'month', 'year']) {
        const box = await staff.locator(`#clock-${part}`).boundingBox();
        expect(Math.min(box?.height ?? 0, box?.width ?? 0), part).toBeGreaterThanOrEqual(44);
      }
    }
    await staff.evaluate(readFileSync(axe, 'utf8'));
    const faults = await staff.evaluate(
      'axe.run().then(({ violations }) => violations.filter(({ impact }) => /serious|critical/.test(impact)).map(({ id }) => id))',
    );
    expect(faults).toEqual([]);
  });
});
