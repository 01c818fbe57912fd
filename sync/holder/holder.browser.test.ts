import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createNodeHost } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { openBrowser } from '../../fixtures/browser.ts';
import { phoneCredential, phoneTrust } from '../../fixtures/phone-credential.ts';
import { describeWith } from '../../fixtures/tools.ts';
import type { Decoder } from '../../kiosk/decode/decoder.ts';
import { openWorkerDecoder } from '../../kiosk/decode/worker-decoder.ts';
import { fromHex } from '../credential/bytes.ts';
import type { Claims } from '../credential/claims.ts';
import { readCredential } from '../credential/credential.ts';
import { writeCredentialLink } from './credential-link.ts';
import { type HolderServer, serveHolder } from './serve-holder.ts';

/** 10:00:12 at the checkpoint: 18 s before the next step. */
const START_S = Date.UTC(2026, 0, 15, 3, 0, 12) / 1000;
const NAME = 'holder.test';
const DAY_S = 86_400;
const VIEWPORT = { width: 390, height: 844 };
/** Longer than the page waits between two looks at the clock. */
const LOOK_MS = 300;

describeWith(['chromium'], "the holder's page in Chromium", () => {
  const trust = phoneTrust();
  let browser: Browser;
  let decoder: Decoder;
  let server: HolderServer;
  let context: BrowserContext;
  let page: Page;
  let url: string;

  beforeAll(async () => {
    // A name that is not this machine's: plain HTTP over it is no secure context, as on a phone in the network.
    browser = await openBrowser([`--host-resolver-rules=MAP ${NAME} 127.0.0.1`]);
    decoder = await openWorkerDecoder({ frameMsMax: 5_000, budgetMs: 500, exhaustive: true }, createNodeHost('silent'));
  });
  afterAll(async () => {
    await decoder.close();
    await browser.close();
  });
  beforeEach(async () => {
    server = await serveHolder({ address: '127.0.0.1', port: 0 }, silentLog);
    url = `http://${NAME}:${server.port}/`;
    context = await browser.newContext({ viewport: VIEWPORT, deviceScaleFactor: 2, timezoneId: 'Asia/Ho_Chi_Minh' });
    page = await context.newPage();
    // The clock runs until it is paused, and cannot be paused in its past.
    await page.clock.install({ time: (START_S - 60) * 1000 });
    await page.clock.pauseAt(START_S * 1000);
    await open(page, url);
  });
  afterEach(async () => {
    await context.close();
    await server.close();
  });

  const open = async (on: Page, to: string) => {
    await on.goto(to);
    await on.waitForSelector('[data-ready]', { state: 'attached' });
  };
  const state = () => page.evaluate(() => document.querySelector<HTMLElement>('#page')?.dataset.state);
  const text = (id: string) => page.locator(`#${id}`).innerText();
  const ownKey = async () => fromHex(await page.locator('#key').inputValue());
  const issue = async (change: Partial<Claims> = {}) => phoneCredential(await ownKey(), START_S, change);
  /** As a phone does: the page is open already, and only the fragment is new. */
  const follow = async (code: string) => {
    await page.goto(writeCredentialLink(url, code));
    await page.clock.runFor(LOOK_MS);
  };
  /** What a camera reads off the phone, as it is on the screen. */
  const scan = async (png?: Buffer): Promise<string[]> => {
    const image = sharp(png ?? (await page.screenshot()))
      .removeAlpha()
      .greyscale();
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const { symbols } = await decoder.decode({ luma: new Uint8Array(data), widthPx: info.width, heightPx: info.height });
    return symbols.flatMap((symbol) => (symbol.text === undefined ? [] : [symbol.text]));
  };
  const verdict = (code: string | undefined, now: number) => {
    const read = readCredential(code ?? '', { trust, now });
    return read.ok ? read.value.form : read.reason;
  };
  const setHidden = (isHidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);

  it('shows a code that the lane accepts now, another one at the next step, and none that lives on as a picture', async () => {
    await follow(await issue());
    const picture = await page.screenshot();
    const [shown, ...others] = await scan(picture);
    expect(others).toEqual([]);
    expect(shown?.length).toBeLessThanOrEqual(440);
    expect(verdict(shown, START_S)).toBe('app');
    expect(await page.locator('#ring-seconds').textContent()).toBe('18');

    await page.clock.runFor(17_000);
    expect(await scan()).toEqual([shown]);
    await page.clock.runFor(1_000);
    const [next] = await scan();
    expect(next).not.toBe(shown);
    expect(verdict(next, START_S + 18)).toBe('app');

    await page.clock.runFor(72_000);
    expect(verdict((await scan(picture))[0], START_S + 90)).toBe('pop-step-old');
    expect(verdict((await scan())[0], START_S + 90)).toBe('app');
  });

  it('needs no secure context: plain HTTP in a network is none', async () => {
    expect(await page.evaluate(() => [window.isSecureContext, 'subtle' in crypto])).toEqual([false, false]);
    await page.locator('#copy').click();
    expect(await text('copy')).toContain('Đã sao chép');
    await page.locator('#pasted').focus();
    await page.keyboard.press('Control+V');
    expect(await page.locator('#pasted').inputValue()).toBe(await page.locator('#key').inputValue());
  });

  it('keeps the screen lit while a code is shown, where the browser can, and else says what to do', async () => {
    await follow(await issue());
    expect(await text('hint')).toContain('Màn hình tối đi thì chạm vào');
    await page.addInitScript(() => {
      const lock = { released: false, release: async () => Object.assign(lock, { released: true }) };
      const request = async () => Object.assign(lock, { released: false });
      Object.defineProperty(navigator, 'wakeLock', { value: { request, lock } });
      Object.assign(window, { lock: Object.assign(lock, { released: true }) });
    });
    const isLit = () => page.evaluate(() => !(window as unknown as { lock: { released: boolean } }).lock.released);
    await page.reload();
    await expect.poll(isLit).toBe(true);
    expect(await text('hint')).not.toContain('Màn hình tối đi thì chạm vào');
    await page.locator('#open-setup').click();
    await expect.poll(isLit).toBe(false);
    await page.locator('#close-setup').click();
    await expect.poll(isLit).toBe(true);
  });

  it('takes a code that the lane refuses by itself, as a copy of an app', async () => {
    const code = await issue();
    expect(verdict(code, START_S)).toBe('static-copy-of-app');
    await page.locator('#pasted').fill(`  ${code}\n`);
    await page.locator('#take').click();
    expect(verdict((await scan())[0], START_S)).toBe('app');
  });

  it('draws black on white in whole pixels, as wide as the phone, with the quiet zone around it', async () => {
    await follow(await issue());
    const box = await page.locator('#code').boundingBox();
    expect(box?.width).toBeGreaterThan(0.92 * VIEWPORT.width);
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(VIEWPORT.height);
    const levels = await page.locator('#code').evaluate((canvas: HTMLCanvasElement) => {
      const { data, width } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [], width: 0 };
      const first = data.findIndex((level, at) => at % 4 === 0 && level === 0) / 4;
      return { levels: [...new Set(data)], quietPx: Math.floor(first / width), left: first % width, width };
    });
    expect(levels.levels.sort()).toEqual([0, 255]);
    expect(levels.left).toBe(levels.quietPx);
    // 4 of 73 modules.
    expect(levels.quietPx / levels.width).toBeCloseTo(4 / 73, 3);
  });

  it('refuses a code for another phone with words, and keeps the one that it has', async () => {
    await follow(await issue());
    const before = await scan();
    await follow(phoneCredential(new Uint8Array(32).fill(9), START_S));
    expect(await text('notice')).toContain('Mã này cấp cho khóa khác');
    expect(await text('notice')).toContain('issued for another key');
    expect(await scan(await page.screenshot({ fullPage: true }))).toEqual(before);
    await follow(phoneCredential(undefined, START_S));
    expect(await text('notice')).toContain('mã giấy');
    await follow('CP1:!');
    expect(await text('notice')).toContain('b45-char');
  });

  it('shows no code once it has expired, and none before its time', async () => {
    await follow(await issue({ expiresAt: START_S + 600 }));
    expect(await state()).toBe('code');
    await page.clock.runFor(600_000);
    expect(await state()).toBe('expired');
    expect(await text('stop')).toContain('ĐÃ HẾT HẠN');
    expect(await scan()).toEqual([]);

    await follow(await issue({ notBefore: START_S + 2_000 }));
    expect(await state()).toBe('not-yet-valid');
    expect(await scan()).toEqual([]);
    await page.clock.runFor(1_400_000);
    expect(await state()).toBe('code');
    expect(verdict((await scan())[0], START_S + 2_001)).toBe('app');
  });

  it('leaves nothing on a page out of sight, and looks at the clock before it shows anything again', async () => {
    await follow(await issue());
    const [before] = await scan();
    await setHidden(true);
    expect(await scan()).toEqual([]);
    await page.clock.setSystemTime((START_S + 3_600) * 1000);
    await setHidden(false);
    const [after] = await scan();
    expect(after).not.toBe(before);
    expect(verdict(after, START_S + 3_600)).toBe('app');

    await setHidden(true);
    await page.clock.setSystemTime((START_S + DAY_S) * 1000);
    await setHidden(false);
    expect(await state()).toBe('expired');
    expect(await scan()).toEqual([]);
  });

  it('asks for nothing once it is loaded, works without a network, and sends neither key nor code', async () => {
    const asked: string[] = [];
    context.on('request', (request) => asked.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData()}`));
    await page.reload();
    await page.waitForSelector('[data-ready]', { state: 'attached' });
    const seed = await page.evaluate(() => localStorage.getItem('holder.device-seed'));
    const key = await page.locator('#key').inputValue();
    expect(asked.length).toBeGreaterThan(3);
    for (const secret of [seed, key, 'CP1']) expect(asked.filter((line) => line.includes(secret ?? ''))).toEqual([]);

    asked.length = 0;
    await context.setOffline(true);
    await server.close();
    const code = await issue({ expiresAt: START_S + 120 });
    await page.evaluate(
      (hash) => {
        location.hash = hash;
      },
      new URL(writeCredentialLink(url, code)).hash,
    );
    await page.clock.runFor(31_000);
    expect(verdict((await scan())[0], START_S + 31)).toBe('app');
    expect(page.url()).toBe(url);
    await page.locator('#open-setup').click();
    await page.locator('#copy').click();
    await page.locator('#forget').click();
    await page.locator('#sure-no').click();
    await page.locator('#close-setup').click();
    await page.clock.runFor(100_000);
    expect(await state()).toBe('expired');
    expect(asked).toEqual([]);
  });

  it('never shows the code of the key beside the travel code', async () => {
    const key = await page.locator('#key').inputValue();
    expect(await scan()).toEqual([key]);
    await follow(await issue());
    expect(await scan(await page.screenshot({ fullPage: true }))).toHaveLength(1);
    await page.locator('#open-setup').click();
    expect(await scan(await page.screenshot({ fullPage: true }))).toEqual([key]);
  });

  it('keeps key and code over a restart, and removes them only when it is asked twice, in every tab', async () => {
    await follow(await issue());
    const key = await page.locator('#key').inputValue();
    const second = await context.newPage();
    await open(second, url);
    expect(await second.locator('#key').inputValue()).toBe(key);
    await page.locator('#open-setup').click();
    await page.locator('#forget').click();
    await page.locator('#sure-no').click();
    await page.reload();
    expect(await state()).toBe('code');
    await page.locator('#open-setup').click();
    await page.locator('#forget').click();
    await page.locator('#sure-yes').click();
    expect(await state()).toBe('empty');
    expect(await page.locator('#key').inputValue()).not.toBe(key);
    const stateOfSecond = () => second.evaluate(() => document.querySelector<HTMLElement>('#page')?.dataset.state);
    await expect.poll(stateOfSecond).toBe('empty');
    await expect.poll(() => second.locator('#key').inputValue()).not.toBe(key);
    expect(await second.locator('#key').inputValue()).toBe(await page.locator('#key').inputValue());
    expect(await page.evaluate(() => Object.keys(localStorage))).toEqual(['holder.device-seed']);
  });

  it('says so where the browser keeps nothing, and makes no key there', async () => {
    await page.addInitScript(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    });
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    expect(await state()).toBe('no-storage');
    expect(await text('no-storage')).toContain('không lưu được');
    expect(await page.locator('#key').isVisible()).toBe(false);
  });

  it('fits phones of every width, with words at their full size', async () => {
    for (const width of [320, 360, 390, 430]) {
      await page.setViewportSize({ width, height: 740 });
      for (const code of [undefined, await issue(), phoneCredential(undefined, START_S), await issue({ expiresAt: START_S - 1 })]) {
        if (code !== undefined) await follow(code);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect({ width, overflow }).toEqual({ width, overflow: 0 });
      }
    }
  });

  it('has no serious accessibility fault in any state', async () => {
    const faults = async () => {
      await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
      const run = page.evaluate(async () => {
        const { axe: checker } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string }[] }> } };
        return (await checker.run()).violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id);
      });
      await page.clock.runFor(5_000);
      return run;
    };
    expect([await state(), await faults()]).toEqual(['empty', []]);
    await follow(await issue({ expiresAt: START_S + 300 }));
    expect([await state(), await faults()]).toEqual(['code', []]);
    await follow('CP1:!');
    expect([await text('notice-close'), await faults()]).toEqual(['Đã hiểu OK', []]);
    await page.locator('#open-setup').click();
    await page.locator('#forget').click();
    expect(await faults()).toEqual([]);
    await page.locator('#sure-no').click();
    await page.locator('#close-setup').click();
    await page.clock.runFor(300_000);
    expect([await state(), await faults()]).toEqual(['expired', []]);
    await follow(await issue({ notBefore: START_S + 9_000 }));
    expect([await state(), await faults()]).toEqual(['not-yet-valid', []]);
  });
});
