import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { nodeRandom } from '../config/host/node-host.ts';
import { openBrowser } from '../fixtures/browser.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { writeFakeCamera } from '../fixtures/fake-camera.ts';
import { type KioskProcess, startKioskProcess } from '../fixtures/kiosk-process.ts';
import { renderFrame } from '../fixtures/render-qr.ts';
import { describeWith } from '../fixtures/tools.ts';

const SIZE = { widthPx: 960, heightPx: 540 };
const RATE_HZ = 15;
const STALLED_MS = 2_000;
/** What the watch of the lane, the screen and a busy machine may add. */
const MARGIN_MS = 500;

describeWith(['chromium'], 'the kiosk process and the camera of its own browser', () => {
  let browser: Browser;
  let root: CDPSession;
  let folder: string;
  let kit: DemoKit;
  let kiosk: KioskProcess;
  let context: BrowserContext;
  let page: Page;

  const createKit = (options: Readonly<Record<string, string | number>> = {}) => {
    const config = { 'camera.kind': 'browser', 'camera.source': 'any', 'camera.stalledMs': STALLED_MS, 'display.port': 0, ...options };
    return createDemoKit({ folder, nowMs: Date.now(), demo: false, config }, nodeRandom);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'browser-camera-'));
    const text = createKit().cases[0]?.text ?? '';
    const scene = (seed: number, held: boolean) =>
      renderFrame({ ...SIZE, seed, ...(held && { code: { text, modulePx: 3.4, look: 'phone', x: 0.5, y: 0.5, turnDeg: 4 } }) });
    // Two seconds of an empty gate, three with a code.
    const frames = Array.from({ length: 5 * RATE_HZ }, (_, index) => scene(index % 5, index >= 2 * RATE_HZ));
    browser = await openBrowser(writeFakeCamera(join(folder, 'gate-camera.y4m'), { ...SIZE, frameRateHz: RATE_HZ, frames }));
    root = await browser.newBrowserCDPSession();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    kit = createKit();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    expect(await kiosk.stop()).toBe(0);
    rmSync(join(folder, 'data'), { recursive: true, force: true });
  });

  const startKiosk = async () => {
    kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
    await kiosk.until('kiosk-started');
  };
  const origin = () => new URL(kiosk.enterUrl('citizen')).origin;
  const allowCamera = () => context.grantPermissions(['camera'], { origin: origin() });
  const openLane = async () => {
    await startKiosk();
    await allowCamera();
    await page.goto(kiosk.enterUrl('citizen'));
    await kiosk.until('lane-open');
  };
  const state = () => page.evaluate(() => document.querySelector<HTMLElement>('#screen')?.dataset.state);
  const isOpen = async () => (await state()) !== 'out-of-service';
  const code = () => page.locator('#code').innerText();
  const within = (msMax: number) => ({ timeout: msMax, interval: 20 });
  /** What the kiosk said last of its lane. */
  const lane = () => kiosk.log.findLast(({ event }) => event === 'lane-open' || event === 'lane-closed');

  it('gets from the fake camera to a painted pass on the same page, and shows its mirror', async () => {
    await openLane();
    await expect.poll(state, within(10_000)).toBe('pass');
    expect(await page.locator('#vi').innerText()).toBe('MỜI QUA');
    expect(await page.locator('#turn').innerText()).toBe('Lượt 1');
    await expect.poll(state, within(6_000)).toBe('idle');
    const mirror = await page.evaluate(() => document.querySelector<HTMLCanvasElement>('#mirror')?.width);
    expect(mirror).toBeGreaterThan(100);
    if (process.env.SCREENSHOT !== undefined) writeFileSync(process.env.SCREENSHOT, await page.screenshot());
  });

  it('closes the lane when the track ends, says that the page may not use the camera, and opens again when it may', async () => {
    await openLane();
    const endedAtMs = Date.now();
    await root.send('Browser.setPermission', {
      permission: { name: 'camera' },
      setting: 'denied',
      origin: origin(),
      ...(await contextId()),
    });
    await expect.poll(isOpen, within(STALLED_MS + MARGIN_MS)).toBe(false);
    expect(Date.now() - endedAtMs).toBeLessThan(STALLED_MS + MARGIN_MS);
    await expect.poll(code, within(6_000)).toBe('O-80');
    await allowCamera();
    await expect.poll(isOpen, within(8_000)).toBe(true);
  });

  it('closes the lane when its page is closed, and opens it for the page that comes back', async () => {
    await openLane();
    const closedAtMs = Date.now();
    await page.close();
    // The screen is missed at once, its camera a little later.
    await expect.poll(() => lane()?.fault, within(STALLED_MS + MARGIN_MS)).toBe('camera-page-absent');
    expect(Date.now() - closedAtMs).toBeLessThan(STALLED_MS + MARGIN_MS);
    page = await context.newPage();
    await page.goto(`${origin()}/citizen/`);
    await expect.poll(isOpen, within(8_000)).toBe(true);
  });

  it('closes the lane when the browser hangs, and opens it when that goes on', async () => {
    await openLane();
    const { processInfo } = await root.send('SystemInfo.getProcessInfo');
    const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    const hungAtMs = Date.now();
    for (const pid of renderers) process.kill(pid, 'SIGSTOP');
    try {
      // The screen may be missed first.
      await expect.poll(() => lane()?.fault, within(STALLED_MS + MARGIN_MS)).toBe('camera-stalled');
      expect(Date.now() - hungAtMs).toBeLessThan(STALLED_MS + MARGIN_MS);
    } finally {
      for (const pid of renderers) process.kill(pid, 'SIGCONT');
    }
    await expect.poll(isOpen, within(15_000)).toBe(true);
  });

  it('leaves the camera to a newer page', async () => {
    await openLane();
    const second = await context.newPage();
    await second.goto(`${origin()}/citizen/`);
    await expect.poll(() => kiosk.log.filter(({ event }) => event === 'camera-open').length, within(8_000)).toBe(2);
    await expect.poll(state).toBe('out-of-service');
    page = second;
    await expect.poll(isOpen, within(4_000)).toBe(true);
    // The older one does not take it back.
    await page.waitForTimeout(3_000);
    expect(kiosk.log.filter(({ event }) => event === 'camera-open').length).toBe(2);
  });

  it('takes pictures of a video where the browser gives no frames', async () => {
    await page.addInitScript('delete window.MediaStreamTrackProcessor');
    await openLane();
    await expect.poll(state, within(10_000)).toBe('pass');
  });

  it('opens the camera that is named, and no other', async () => {
    kit = createKit({ 'camera.source': 'GATE-camera' });
    await openLane();
    await kiosk.stop();
    kit = createKit({ 'camera.source': 'another camera' });
    await startKiosk();
    await allowCamera();
    await page.goto(kiosk.enterUrl('citizen'));
    await expect.poll(code, within(6_000)).toBe('O-10');
  });

  it('takes no larger picture than configured', async () => {
    kit = createKit({ 'camera.widthPx': 641, 'camera.heightPx': 301 });
    await openLane();
    const opened = kiosk.log.find(({ event }) => event === 'camera-open');
    expect(opened?.widthPx).toBeLessThanOrEqual(641);
    expect(opened?.heightPx).toBeLessThanOrEqual(301);
  });

  it('says that it may not use the camera while nobody answers the question, and puts it only once', async () => {
    await page.addInitScript(`
      const media = navigator.mediaDevices;
      const ask = media.getUserMedia.bind(media);
      let asked = 0;
      const allowed = new Promise((resolve) => { window.allow = resolve; });
      media.getUserMedia = async (wanted) => { window.asked = ++asked; await allowed; return ask(wanted); };
    `);
    await startKiosk();
    await page.goto(kiosk.enterUrl('citizen'));
    await expect.poll(code, within(8_000)).toBe('O-80');
    await page.waitForTimeout(5_000);
    expect([await code(), await page.evaluate('asked')]).toEqual(['O-80', 1]);
    await allowCamera();
    await page.evaluate('allow()');
    await expect.poll(isOpen, within(6_000)).toBe(true);
    expect(await page.evaluate('asked')).toBe(1);
  });

  /** The context as the browser names it: permissions belong to one. */
  async function contextId(): Promise<{ browserContextId?: string }> {
    const { targetInfos } = await root.send('Target.getTargets');
    const browserContextId = targetInfos.find(({ url }) => url.startsWith(origin()))?.browserContextId;
    return browserContextId === undefined ? {} : { browserContextId };
  }
});
