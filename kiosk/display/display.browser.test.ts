import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createLog, nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { every } from '../../config/ports/clock.ts';
import { openBrowser } from '../../fixtures/browser.ts';
import { quietSnapshot } from '../../fixtures/supervisor-snapshot.ts';
import { describeWith } from '../../fixtures/tools.ts';
import { type ResultView, readingHints } from '../decision/citizen-view.ts';
import { type Display, openDisplay } from './display.ts';

const host = { clock: nodeClock, random: nodeRandom, log: createLog('silent') };
const guide = { x: 0.15, y: 0, width: 0.7, height: 1 };
const fresh = { grade: 'fresh', sliceAgeMinutes: 3 } as const;
const PASS: ResultView = { state: 'pass', turn: 214, ...fresh };
const SIZES = [
  [1920, 1080],
  [1080, 1920],
  [1280, 800],
  [1024, 600],
] as const;

describeWith(['chromium'], 'the citizen page in Chromium', () => {
  let browser: Browser;
  let page: Page;
  let display: Display;
  let folder: string;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'display-test-'));
    display = await openDisplay(
      { port: 0, tokenDir: folder, sessions: { read: () => [], write: () => undefined }, guide, required: true },
      host,
    );
    page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 } })).newPage();
  });
  afterEach(async () => {
    await page.context().close();
    await display.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const state = () => page.evaluate(() => document.querySelector<HTMLElement>('#screen')?.dataset.state);
  const text = (id: string) => page.locator(`#${id}`).innerText();
  const openLane = async () => {
    await page.goto(display.enterUrl('citizen'));
    await expect.poll(() => display.health().ready, { timeout: 5_000 }).toBe(true);
    display.setLane({ open: true });
    await expect.poll(state).toBe('idle');
  };
  /** Colour of the picture near the left edge, where no word stands. */
  const edgeColour = async () => {
    const { data } = await sharp(await page.screenshot())
      .extract({ left: 60, top: 500, width: 1, height: 1 })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return [data[0], data[1], data[2]].map(Number);
  };

  it('ships as out of service, and is so without the kiosk', async () => {
    await page.route('**/*.js', (route) => route.abort());
    await page.goto(display.enterUrl('citizen'));
    expect(await state()).toBe('out-of-service');
    expect(await text('vi')).toBe('TẠM NGỪNG');
    expect(display.health()).toEqual({ ready: false, fault: 'display-absent' });
  });

  it('earns idle once it has confirmed, and confirms each result after painting it', async () => {
    await openLane();
    expect(await display.showResult(PASS)).toBe('painted');
    expect(await state()).toBe('pass');
    expect(await text('vi')).toBe('MỜI QUA');
    expect(await text('turn')).toBe('Lượt 214');
    await expect.poll(state, { timeout: 4_000 }).toBe('idle');
  });

  it('shows each state with its own words and sign', async () => {
    await openLane();
    const views: [ResultView, string][] = [
      [{ state: 'deny', words: 'expired', code: 'D-10', ...fresh }, 'DỪNG LẠI'],
      [{ state: 'see-staff', words: 'unreadable', code: 'S-01', ...fresh }, 'Chưa đọc được mã'],
      [{ state: 'see-staff', words: 'see-staff', code: 'S-10', ...fresh }, 'Mời gặp cán bộ'],
      [{ state: 'ask', ask: 'other-code', ...fresh }, 'Cần thêm một bước'],
      [{ state: 'already-recorded', ...fresh }, 'Đã ghi nhận'],
      [PASS, 'MỜI QUA'],
    ];
    for (const [view, words] of views) {
      expect(await display.showResult(view)).toBe('painted');
      expect(await text('vi')).toBe(words);
      expect(await text('code')).toBe(view.code ?? '');
      const signs = await page.locator('.sign:visible').evaluateAll((all) => all.map((sign) => sign.getAttribute('data-for')));
      expect(signs).toEqual([view.state]);
    }
  });

  it('fits all its words at every size', async () => {
    await openLane();
    const views: ResultView[] = [
      { state: 'deny', words: 'not-valid-here', code: 'D-20', grade: 'amber', sliceAgeMinutes: 400 },
      { state: 'see-staff', words: 'unreadable', code: 'S-01', ...fresh },
      { state: 'ask', ask: 'other-code', ...fresh },
      { state: 'pass', turn: 12_345, grade: 'amber', sliceAgeMinutes: 400 },
    ];
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      for (const view of views) {
        await display.showResult(view);
        expect({ width, height, state: view.state, outside: await outside(page) }).toEqual({
          width,
          height,
          state: view.state,
          outside: [],
        });
      }
    }
  });

  it('fits each advice and its picture at every size', async () => {
    await openLane();
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      for (const hint of readingHints) {
        display.showReading(hint);
        await expect.poll(() => page.locator('#screen').getAttribute('data-hint')).toBe(hint);
        const pictures = await page.locator('.hint:visible').evaluateAll((all) => all.map((one) => one.getAttribute('data-for')));
        expect({ width, hint, pictures, outside: await outside(page) }).toEqual({ width, hint, pictures: [hint], outside: [] });
      }
    }
    display.showReading(undefined);
    await expect.poll(state).toBe('idle');
    expect(await page.locator('.hint:visible').count()).toBe(0);
  });

  it('says that a code which is still held up is done with, without green and without a sound, until it leaves', async () => {
    await page.addInitScript(() => {
      const make = AudioContext.prototype.createOscillator;
      AudioContext.prototype.createOscillator = function (this: AudioContext) {
        document.documentElement.dataset.notes = String(Number(document.documentElement.dataset.notes ?? 0) + 1);
        return make.call(this);
      };
    });
    await openLane();
    const stop = every(nodeClock, 100, () => display.showHeld(PASS));
    try {
      await display.showResult(PASS);
      await expect.poll(state, { timeout: 5_000 }).toBe('done');
      const notes = await page.evaluate(() => document.documentElement.dataset.notes);
      expect([await text('vi'), await text('en')]).toEqual(['Đã xong, mời đi', 'Done, please go on']);
      await page.waitForTimeout(1_500);
      expect(await state()).toBe('done');
      const [red = 0, green = 0] = await edgeColour();
      expect(Math.abs(green - red)).toBeLessThan(20);
      expect(await page.evaluate(() => document.documentElement.dataset.notes)).toBe(notes);
      expect(display.health().ready).toBe(true);
    } finally {
      stop();
    }
    await expect.poll(state, { timeout: 5_000 }).toBe('idle');
  });

  it('leads on or to the staff once a result is over, in words that fit at every size', async () => {
    await openLane();
    const views: [ResultView, string][] = [
      [{ state: 'already-recorded', ...fresh }, 'Đã xong, mời đi'],
      [{ state: 'already-recorded', place: 'venue', ...fresh }, 'Đã xong, mời vào'],
      [{ state: 'deny', words: 'expired', code: 'D-10', ...fresh }, 'Mã này đã kiểm tra xong'],
      [{ state: 'see-staff', words: 'see-staff', code: 'S-10', place: 'venue', ...fresh }, 'Mã này đã kiểm tra xong'],
    ];
    await display.showResult({ state: 'already-recorded', ...fresh });
    await page.waitForTimeout(2_100);
    for (const [held, words] of views) {
      for (const [width, height] of SIZES) {
        await page.setViewportSize({ width, height });
        await expect
          .poll(() => {
            display.showHeld(held);
            return text('vi');
          })
          .toBe(words);
        expect({ width, words, outside: await outside(page) }).toEqual({ width, words, outside: [] });
      }
    }
  });

  it('falls to out of service when the kiosk is gone', async () => {
    await openLane();
    await display.close();
    await expect.poll(state, { timeout: 4_000 }).toBe('out-of-service');
    expect(await text('code')).toBe('O-90');
  });

  it('leaves the screen to a newer page, and does not take it back', async () => {
    await openLane();
    const second = await page.context().newPage();
    await second.goto(`http://127.0.0.1:${display.port}/citizen/`);
    const stateOf = (of: Page) => of.evaluate(() => document.querySelector<HTMLElement>('#screen')?.dataset.state);
    await expect.poll(() => stateOf(second)).toBe('idle');
    await expect.poll(state).toBe('out-of-service');
    await page.waitForTimeout(11_500);
    expect([await stateOf(second), await state()]).toEqual(['idle', 'out-of-service']);
    expect(display.health().ready).toBe(true);
  });

  it('claims no painting for a result behind a closed lane', async () => {
    await openLane();
    display.setLane({ open: false, fault: 'camera-stalled' });
    expect(await display.showResult(PASS)).toBe('unpainted');
    // The page hears of it a moment after the kiosk knows.
    await expect.poll(state).toBe('out-of-service');
  });

  it('covers a pass when the page hangs: no stale green', async () => {
    await openLane();
    await display.showResult(PASS);
    await page.waitForTimeout(600);
    const green = await edgeColour();
    expect(green[1]).toBeGreaterThan((green[0] ?? 0) + 60);
    const session = await page.context().newCDPSession(page);
    void session
      .send('Runtime.evaluate', { expression: 'const end = Date.now() + 6000; while (Date.now() < end);' })
      .catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const shot = await session.send('Page.captureScreenshot', { format: 'png', fromSurface: true });
    const { data } = await sharp(Buffer.from(shot.data, 'base64'))
      .extract({ left: 60, top: 500, width: 1, height: 1 })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(Math.abs((data[1] ?? 0) - (data[0] ?? 0))).toBeLessThan(20);
  });

  it('closes the lane when a hung page does not confirm', async () => {
    await openLane();
    const session = await page.context().newCDPSession(page);
    void session
      .send('Runtime.evaluate', { expression: 'const end = Date.now() + 4000; while (Date.now() < end);' })
      .catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await display.showResult(PASS)).toBe('unpainted');
    expect(display.health()).toEqual({ ready: false, fault: 'display-absent' });
  });

  it('never shows a result again to a page that comes later', async () => {
    await openLane();
    await display.showResult(PASS);
    await page.reload();
    await expect.poll(state).toBe('idle');
    expect(await page.locator('#turn').innerText()).toBe('');
  });

  it('has no serious accessibility fault in any state', async () => {
    await openLane();
    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
    await page.evaluate(await (await import('node:fs/promises')).readFile(axe, 'utf8'));
    for (const view of [
      undefined,
      { state: 'deny', words: 'expired', code: 'D-10', ...fresh },
      { state: 'see-staff', words: 'see-staff', code: 'S-10', ...fresh },
      PASS,
    ] as const) {
      if (view !== undefined) await display.showResult(view);
      await page.waitForTimeout(400);
      const faults = await page.evaluate(async () => {
        const { axe: checker } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string }[] }> } };
        return (await checker.run()).violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id);
      });
      expect(faults).toEqual([]);
    }
  });

  it('shows the lane and its fault to the supervisor', async () => {
    await page.goto(display.enterUrl('supervisor'));
    await page.waitForSelector('#alert');
    display.setSupervisor(
      quietSnapshot({
        open: false,
        fault: {
          code: 'camera-stalled',
          screenCode: 'O-12',
          summary: 'The camera stopped.',
          action: 'Check the cable.',
          summaryVi: 'Camera dừng.',
          actionVi: 'Kiểm tra dây.',
        },
        camera: { state: 'down', frameAgeMs: 4_000, frameRateHz: 0, restarts: 2 },
        lanes: { connected: 1, listed: 2, doubleUses: [{ atMs: Date.UTC(2026, 0, 15, 3, 4, 5), lane: '3' }] },
      }),
    );
    await expect.poll(() => text('alert')).toContain('O-12: Camera dừng. Kiểm tra dây.');
    expect(await text('place')).toBe('c1 · 2 · k1');
    expect(await page.locator('#tiles li').count()).toBe(10);
    expect(await page.locator('#tiles li', { hasText: 'Làn khác' }).innerText()).toContain('1 / 2 đã nối');
    expect(await text('double-use')).toBe('Mã đã qua ở làn này cũng qua ở làn 3, 10:04:05.');
    await page.locator('#language').click();
    expect(await text('double-use')).toMatch(/^A code that passed here also passed at lane 3, 10:04:05\.$/);
    await page.locator('#language').click();
    await page.waitForTimeout(4_200);
    expect(await text('alert')).toContain('Không nghe được máy làn');
  });
});

/** Names of elements that stick out of the window or lie on each other. */
function outside(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const parts = [...document.querySelectorAll('#sign, h1, #en, #hint, #details, footer, #viewfinder')]
      .filter((part) => getComputedStyle(part).display !== 'none')
      .map((part) => ({ name: part.id || part.tagName, box: part.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0);
    const isOut = ({ box }: { box: DOMRect }) =>
      box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
    const touches = (a: DOMRect, b: DOMRect) =>
      a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const pairs = parts.flatMap((a, index) =>
      parts.slice(index + 1).flatMap((b) => (touches(a.box, b.box) ? [`${a.name} on ${b.name}`] : [])),
    );
    return [...parts.filter(isOut).map(({ name }) => name), ...pairs];
  });
}
