import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import nacl from 'tweetnacl';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../config/host/node-host.ts';
import { loadOrCreateKey } from '../config/host/private-file.ts';
import { silentLog } from '../config/ports/log.ts';
import { openBrowser } from '../fixtures/browser.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { type KioskProcess, startKioskProcess } from '../fixtures/kiosk-process.ts';
import { freePort, type NetworkCamera, openMjpegCamera, openRtspCamera } from '../fixtures/network-camera.ts';
import { renderFrame } from '../fixtures/render-qr.ts';
import { testJournalOptions } from '../fixtures/test-journal.ts';
import { describeWith } from '../fixtures/tools.ts';
import { dayName } from './decision/day-name.ts';
import { openJournal } from './journal/journal.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const RATE_HZ = 15;

describeWith(['chromium', 'ffmpeg', 'rtsp-server'], 'the kiosk process, a network camera and Chromium', () => {
  let browser: Browser;
  let folder: string;
  let kit: DemoKit;
  let kiosk: KioskProcess;
  let page: Page;
  let camera: NetworkCamera;
  let shown: Uint8Array;
  let feeding: ReturnType<typeof setInterval>;
  const empty = renderFrame({ ...SIZE, seed: 1 });

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kiosk-test-'));
    shown = empty;
  });
  afterEach(async () => {
    await page?.context().close();
    clearInterval(feeding);
    expect(await kiosk.stop()).toBe(0);
    await camera.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (kind: 'rtsp' | 'mjpeg', demo = false) => {
    camera = await (kind === 'rtsp' ? openRtspCamera : openMjpegCamera)({ ...SIZE, frameRateHz: RATE_HZ });
    feeding = setInterval(() => void camera.push(shown), 1000 / RATE_HZ);
    const config = { 'camera.kind': kind, 'camera.source': camera.url, 'display.port': 0 };
    kit = createDemoKit({ folder, nowMs: Date.now(), demo, moreValid: 4, config }, nodeRandom);
    kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
    await kiosk.until('kiosk-started');
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  };
  const openLane = async () => {
    await page.goto(kiosk.enterUrl('citizen'));
    await kiosk.until('lane-open');
  };
  const hold = (name: string | undefined) => {
    const text = kit.cases.find((person) => person.case === name)?.text;
    shown =
      text === undefined
        ? empty
        : renderFrame({ ...SIZE, seed: 2, code: { text, modulePx: 4, look: 'phone', x: 0.5, y: 0.5, turnDeg: 4 } });
  };
  const state = () => page.evaluate(() => document.querySelector<HTMLElement>('#screen')?.dataset.state);
  const code = () => page.locator('#code').innerText();
  const within = (msMax: number) => ({ timeout: msMax, interval: 30 });

  it.each(['rtsp', 'mjpeg'] as const)('%s: shows pass for a good code, stop for a forged one, staff for a held person', async (kind) => {
    await start(kind);
    await openLane();
    hold('valid');
    await expect.poll(state, within(4_000)).toBe('pass');
    hold(undefined);
    await expect.poll(state, within(5_000)).toBe('idle');
    hold('forged');
    await expect.poll(state, within(4_000)).toBe('deny');
    expect(await page.locator('#vi').innerText()).toBe('DỪNG LẠI');
    hold(undefined);
    await expect.poll(state, within(9_000)).toBe('idle');
    hold('held');
    await expect.poll(state, within(4_000)).toBe('see-staff');
    expect(await code()).toBe('S-10');
  });

  it('is out of service until a screen confirms, and when the camera stalls, and recovers by itself', async () => {
    await start('rtsp');
    expect(kiosk.log.some(({ event }) => event === 'lane-open')).toBe(false);
    await openLane();
    camera.stall();
    await expect.poll(state, within(4_000)).toBe('out-of-service');
    expect(await code()).toBe('O-12');
    camera.resume();
    await expect.poll(state, within(15_000)).toBe('idle');
  });

  it.each(['rtsp', 'mjpeg'] as const)(
    'never passes on a code that was shown before the stream of a camera stood still: %s',
    async (kind) => {
      await start(kind);
      await openLane();
      hold('valid');
      camera.stall();
      await expect.poll(state, within(6_000)).toBe('out-of-service');
      hold(undefined);
      // Whoever was there has gone; what the camera or the network still hold of the code comes now.
      const seen = new Set<string | undefined>();
      camera.resume();
      const untilMs = Date.now() + 5_000;
      while (Date.now() < untilMs) seen.add(await state());
      expect(seen).not.toContain('pass');
      await expect.poll(state, within(10_000)).toBe('idle');
      hold('held');
      await expect.poll(state, within(4_000)).toBe('see-staff');
    },
  );

  it('lets the screen fall to O-90 when the process hangs, and recovers', async () => {
    await start('mjpeg');
    await openLane();
    hold('held');
    await expect.poll(state, within(4_000)).toBe('see-staff');
    kiosk.signal('SIGSTOP');
    await expect.poll(state, within(4_000)).toBe('out-of-service');
    expect(await code()).toBe('O-90');
    hold(undefined);
    kiosk.signal('SIGCONT');
    await expect.poll(state, within(15_000)).toBe('idle');
  });

  it('closes the lane on a slice that is damaged in use and opens it again with a whole one', async () => {
    await start('mjpeg');
    await openLane();
    const slice = join(folder, 'slice.db');
    copyFileSync(slice, `${slice}.good`);
    appendFileSync(slice, 'x');
    await expect.poll(state, within(6_000)).toBe('out-of-service');
    expect(await code()).toBe('O-47');
    renameSync(`${slice}.good`, slice);
    await expect.poll(state, within(6_000)).toBe('idle');
  });

  it('refuses the keys of a demo', async () => {
    await start('mjpeg', true);
    await page.goto(kiosk.enterUrl('citizen'));
    await expect.poll(code, within(4_000)).toBe('O-50');
  });

  it('leaves no ffmpeg behind when it is killed', async () => {
    await start('rtsp');
    await openLane();
    const children = () =>
      execFileSync('ps', ['-o', 'pid=', '--ppid', String(kiosk.pid)], { encoding: 'utf8' })
        .trim()
        .split(/\s+/);
    const [ffmpeg] = children();
    expect(readFileSync(`/proc/${ffmpeg}/comm`, 'utf8').trim()).toBe('ffmpeg');
    const victim = kiosk;
    victim.signal('SIGKILL');
    await expect.poll(() => processName(ffmpeg), within(8_000)).toBe('');
    kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
    await kiosk.until('kiosk-started');
  });

  it('loses no record of a verdict that was shown when it is killed, and finds its screen again without anybody', async () => {
    await start('mjpeg');
    await kiosk.stop();
    const port = await freePort();
    writeFileSync(kit.configFile, readFileSync(kit.configFile, 'utf8').replace('display.port: 0', `display.port: ${port}`));
    kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
    await kiosk.until('kiosk-started');
    await openLane();
    for (const [index, text] of kit.moreValid.slice(0, 2).entries()) {
      shown = renderFrame({ ...SIZE, seed: 2, code: { text, modulePx: 4, look: 'paper', x: 0.5, y: 0.5 } });
      await expect.poll(state, within(5_000)).toBe('pass');
      const turn = await page.locator('#turn').innerText();
      kiosk.signal('SIGKILL');
      await kiosk.stop();
      expect(turn).toBe(`Lượt ${index + 1}`);
      expect(passesOnDisk(join(folder, 'data'))).toBe(index + 1);
      await expect.poll(state, within(3_000)).toBe('out-of-service');
      hold(undefined);
      // The second time it stays away for longer than a page waits: that page must not load itself into nothing.
      if (index === 1) await page.waitForTimeout(12_000);
      kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
      await expect.poll(state, within(25_000)).toBe('idle');
    }
  }, 90_000);
});

/** What the journal holds while no kiosk runs. */
function passesOnDisk(dataDir: string): number {
  const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
  const seed = loadOrCreateKey(join(dataDir, 'keys/kiosk.key'), nodeRandom);
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  const journal = openJournal({ ...testJournalOptions(dataDir), kioskPublicKey: publicKey }, host);
  const passes = journal.counts(dayName(Date.now())).get('pass') ?? 0;
  journal.close();
  return passes;
}

function processName(pid: string | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
