/** Links of the pages in a real browser: one that is old, one that somebody has used, and a browser that comes back with its cookie. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { openBrowser } from '../../fixtures/browser.ts';
import { describeWith } from '../../fixtures/tools.ts';
import { type Display, openDisplay } from './display.ts';
import { sessionFile } from './session-file.ts';

const SIZES = [
  [1920, 1080],
  [1080, 1920],
  [1280, 800],
  [1024, 600],
] as const;
const WAIT = { timeout: 10_000 };

describeWith(['chromium'], 'a link of a page in Chromium', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let display: Display;
  let folder: string;
  let alarms: string[];
  let reused: number;

  const open = () => {
    const write = (event: string) => void alarms.push(event);
    const host = { clock: nodeClock, random: nodeRandom, log: { debug() {}, info() {}, warn() {}, error: write } };
    const sessions = sessionFile(join(folder, 'sessions.json'), host.log);
    const guide = { x: 0, y: 0, width: 1, height: 1 };
    const options = { port: 0, tokenDir: folder, sessions, guide, required: true, onLinkReused: () => void reused++ };
    return openDisplay(options, host);
  };

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'page-link-'));
    alarms = [];
    reused = 0;
    display = await open();
    context = await browser.newContext({ viewport: { width: 1920, height: 1080 } });
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    await display.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const text = () => page.evaluate(() => document.body.innerText);
  const openLane = async (at: Page, url: string) => {
    await at.goto(url);
    await expect.poll(() => display.health().ready, WAIT).toBe(true);
    display.setLane({ open: true });
  };

  it.each(['citizen', 'supervisor'] as const)('that is old says out of service, its code, and how to get a new one (%s)', async (role) => {
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      const answer = await page.goto(`http://127.0.0.1:${display.port}/enter/${role}?token=of-an-earlier-run`);
      expect(answer?.status()).toBe(403);
      const shown = await text();
      for (const words of ['O-94', 'Lấy liên kết mới từ máy làn', 'Get a new link from the kiosk', `display/${role}.token`])
        expect(shown).toContain(words);
      if (role === 'citizen') expect(shown).toMatch(/TẠM NGỪNG\s+Out of service/);
      // The style has to be allowed by the policy, or it is no screen that anybody reads.
      expect(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)).toBe('rgb(44, 48, 56)');
      const fits = 'document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight';
      expect({ width, height, fits: await page.evaluate(fits) }).toEqual({ width, height, fits: true });
    }
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
    const found =
      'axe.run().then(({ violations }) => violations.filter(({ impact }) => /serious|critical/.test(impact)).map(({ id }) => id))';
    expect(await page.evaluate(found)).toEqual([]);
    expect([alarms, reused]).toEqual([[], 0]);
  });

  it('that somebody uses again says so, and is told to whoever records it', async () => {
    const url = display.enterUrl('citizen');
    await openLane(page, url);
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(url);
    const shown = await stranger.evaluate(() => document.body.innerText);
    for (const words of ['TẠM NGỪNG', 'O-95', 'đã được dùng trước đó', 'was used before', 'display/citizen.token'])
      expect(shown).toContain(words);
    expect([alarms, reused]).toEqual([['display-token-reused'], 1]);
    // The screen whose session was ended says what it needs, and not only that it hears nothing.
    await expect.poll(() => page.locator('#code').innerText(), WAIT).toBe('O-94');
    expect(await text()).toContain('mở liên kết mới của máy');
    expect(await page.locator('#screen').getAttribute('data-state')).toBe('out-of-service');
    await stranger.context().close();
  });

  it('raises no alarm and closes no lane when a browser comes back to it with its cookie', async () => {
    const url = display.enterUrl('citizen');
    await openLane(page, url);
    const kept = await context.storageState();
    await context.close();
    context = await browser.newContext({ storageState: kept });
    page = await context.newPage();
    await openLane(page, url);
    await expect.poll(() => page.locator('#screen').getAttribute('data-state'), WAIT).toBe('idle');
    expect([alarms, reused]).toEqual([[], 0]);
    // The same after a restart of the kiosk, which makes new links.
    const { port } = display;
    await display.close();
    display = await open();
    const again = new URL(url);
    again.port = String(display.port);
    expect(display.port).not.toBe(port);
    await openLane(page, again.href);
    await expect.poll(() => page.locator('#screen').getAttribute('data-state'), WAIT).toBe('idle');
    expect([alarms, reused]).toEqual([[], 0]);
  });
});
