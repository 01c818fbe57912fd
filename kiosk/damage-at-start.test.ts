/** What lies damaged in the data folder when a kiosk starts: the real program, its screen played by a socket. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeRandom } from '../config/host/node-host.ts';
import { type CitizenPage, openCitizenPage } from '../fixtures/citizen-page.ts';
import { writeDemoClip } from '../fixtures/demo-clip.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { type KioskProcess, startKioskProcess } from '../fixtures/kiosk-process.ts';

const WAIT = { timeout: 40_000, interval: 50 };

let folder: string;
let dataDir: string;
let kit: DemoKit;
let kiosk: KioskProcess | undefined;
let page: CitizenPage | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'damage-'));
  dataDir = join(folder, 'data');
  const clip = join(folder, 'empty.y4m');
  writeDemoClip({ file: clip, texts: [], seed: 1 });
  const config = { 'camera.kind': 'replay', 'camera.source': clip, 'display.port': 0, 'decode.frameMsMax': 10_000 };
  kit = createDemoKit({ folder, nowMs: Date.now(), demo: false, config }, nodeRandom);
});
afterEach(async () => {
  page?.close();
  await kiosk?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<KioskProcess> {
  const started = startKioskProcess(kit.configFile, dataDir);
  kiosk = started;
  await started.until('display-open', 1, WAIT.timeout);
  page = await openCitizenPage(started.enterUrl('citizen'));
  return started;
}
const shows = (expected: string) => expect.poll(() => page?.shows(), WAIT).toBe(expected);

describe('a kiosk that starts on a damaged data folder', () => {
  it('opens its screen before anything that can fail, says why it is closed, and opens the lane once that is mended', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'journal'), 'no folder');
    const { until } = await start();
    await shows('O-60');
    rmSync(join(dataDir, 'journal'));
    await until('lane-open', 1, WAIT.timeout);
    await shows('idle');
  }, 120_000);
});
