/** What lies damaged in the data folder when a kiosk starts: the real program, its screen played by a socket. */
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
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

  const cut = (file: string, part = 0.5) => truncateSync(file, Math.floor(statSync(file).size * part));
  const scribble = (file: string, at: number) => {
    const handle = openSync(file, 'r+');
    writeSync(handle, new Uint8Array(64).fill(0x5a), 0, 64, at);
    closeSync(handle);
  };
  const data = (name: string) => join(dataDir, name);
  /** One that has run, and whose files are whole. */
  const hasRun = async () => {
    const { until } = await start();
    await until('lane-open', 1, WAIT.timeout);
    page?.close();
    await kiosk?.stop();
  };

  it('stays up with its screen where its certificate or its keyring cannot be read, and opens once that is mended', async () => {
    await hasRun();
    mkdirSync(data('keys/certificate.cose'));
    const { until } = await start();
    await shows('O-77');
    rmSync(data('keys/certificate.cose'), { recursive: true });
    await until('lane-open', 1, WAIT.timeout);
    // While it runs: as a command of another user would leave the file.
    mkdirSync(data('keys/certificate.cose'));
    await shows('O-77');
    rmSync(data('keys/certificate.cose'), { recursive: true });
    await until('lane-open', 2, WAIT.timeout);
    page?.close();
    await kiosk?.stop();
    const keyring = join(folder, 'keyring.cose');
    const whole = readFileSync(keyring);
    writeFileSync(keyring, Uint8Array.of(0xc3, 0x28, 0xff));
    const again = await start();
    await shows('O-50');
    writeFileSync(keyring, whole);
    await again.until('lane-open', 1, WAIT.timeout);
  }, 240_000);

  it('names each damage by a code of its own, makes nothing anew in silence, and opens once the file is put back', async () => {
    await hasRun();
    cpSync(dataDir, `${dataDir}-whole`, { recursive: true });
    const damages: readonly (readonly [string, () => void, string])[] = [
      ['keys/kiosk.key', () => cut(data('keys/kiosk.key')), 'O-73'],
      ['keys/kiosk.key', () => rmSync(data('keys/kiosk.key')), 'O-73'],
      ['keys/reuse.key', () => cut(data('keys/reuse.key')), 'O-74'],
      ['keys/reuse.key', () => rmSync(data('keys/reuse.key')), 'O-74'],
      ['keys/sealing.key', () => cut(data('keys/sealing.key')), 'O-75'],
      ['state.db', () => scribble(data('state.db'), 4), 'O-66'],
      ['state.db', () => cut(data('state.db'), 0), 'O-66'],
      ['state.db', () => rmSync(data('state.db')), 'O-66'],
    ];
    const wrong: string[] = [];
    damages[0]?.[1]();
    await start();
    for (const [index, [name, , code]] of damages.entries()) {
      await shows(code).catch(() => void wrong.push(`${index} ${name}: ${page?.shows()} instead of ${code}`));
      const next = damages[index + 1];
      cpSync(join(`${dataDir}-whole`, name), data(name));
      if (index + 1 < damages.length) {
        // One after another, while the kiosk keeps trying: it says of each what it is.
        await shows('idle').catch(() => void wrong.push(`${index} ${name}: ${page?.shows()} after it was put back`));
        page?.close();
        await kiosk?.stop();
        rmSync(dataDir, { recursive: true });
        cpSync(`${dataDir}-whole`, dataDir, { recursive: true });
        next?.[1]();
        await start();
      }
    }
    expect(wrong).toEqual([]);
  }, 400_000);
});
