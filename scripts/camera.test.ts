import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { parseConfig } from '../config/options/parse-config.ts';
import { writeDemoClip } from '../fixtures/demo-clip.ts';
import { createFakeUsbCamera } from '../fixtures/fake-usb-camera.ts';
import { openRtspCamera, playFrames } from '../fixtures/network-camera.ts';
import { renderFrame } from '../fixtures/render-qr.ts';
import { describeWith } from '../fixtures/tools.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'camera-command-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

async function camera(...args: string[]) {
  const child = spawn(process.execPath, [builtPath('scripts/cli.ts'), 'camera', ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

describeWith(['ffmpeg', 'rtsp-server'], 'camera test of a network camera', () => {
  it('says size, rate, light and what is read, and nothing of the login or of the codes', async () => {
    const size = { widthPx: 640, heightPx: 360 };
    const code = { text: 'CP1:PRIVATE', modulePx: 5, look: 'paper' as const, x: 0.5, y: 0.5 };
    const server = await openRtspCamera({ ...size, frameRateHz: 15, login: 'gate:s3cret' });
    const frames = [1, 2, 3].map((seed) => renderFrame({ ...size, seed, noise: 2, code }));
    const stop = playFrames(server, frames, 15);
    try {
      writeFileSync(file('login'), 'gate:s3cret\n');
      const own = ['--kind', 'rtsp', '--source', server.url, '--password-file', file('login')];
      const { code: exit, stdout, stderr } = await camera('test', ...own, '--seconds', '7', '--json');
      const result = JSON.parse(stdout);
      expect(result).toMatchObject({ ok: true, fault: null, ...size, restarts: 0 });
      expect(result.frameRateHz).toBeGreaterThan(8);
      expect(result.frameRateHz).toBeLessThan(17);
      expect(result.framesRead).toBeGreaterThan(5);
      expect(result.framesWithSymbol).toBeGreaterThanOrEqual(result.framesRead);
      expect(result.level).toBeGreaterThan(20);
      expect(result.decodesPerS).toBeGreaterThan(2);
      expect(stderr).toMatch(/^\d s: .* frames\/s, level \d+/m);
      expect(stdout + stderr).not.toMatch(/s3cret|PRIVATE/);
      expect(exit).toBe(0);
    } finally {
      await server.close();
      await stop();
    }
  });

  it('opens a camera by a login that an editor of Windows saved', async () => {
    const size = { widthPx: 640, heightPx: 360 };
    const server = await openRtspCamera({ ...size, frameRateHz: 15, login: 'gate:s3cret' });
    const stop = playFrames(
      server,
      [1, 2, 3].map((seed) => renderFrame({ ...size, seed, noise: 2 })),
      15,
    );
    try {
      writeFileSync(file('login'), '\uFEFFgate:s3cret\r\n');
      const own = ['--kind', 'rtsp', '--source', server.url, '--password-file', file('login')];
      const { stdout } = await camera('test', ...own, '--seconds', '10', '--json');
      // Frames came: the camera has taken the login.
      expect(JSON.parse(stdout)).toMatchObject(size);
    } finally {
      await server.close();
      await stop();
    }
  });

  it('names the fault, and what to do, where no picture comes', async () => {
    const { code, stdout, stderr } = await camera('test', '--kind', 'rtsp', '--source', 'rtsp://127.0.0.1:9/x', '--seconds', '2');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^camera +camera-missing$/m);
    expect(stderr).toContain('Check cable, power, address');
    const none = await camera('test', '--kind', 'rtsp', '--source', 'rtsp://127.0.0.1:9/x', '--password-file', file('absent'));
    expect(none).toMatchObject({ code: 69, stdout: '', stderr: expect.stringContaining('absent cannot be read') });
  });
});

describe('camera test', () => {
  it('takes the camera of a configuration, from where that lies', async () => {
    writeDemoClip({ file: file('clip.y4m'), texts: ['CP1:CLIP'], seed: 3 });
    const config = {
      ...{ kioskId: 'k1', checkpointId: 'c1', area: 79, dataDir: 'data' },
      keyring: { file: 'a', root: '0'.repeat(64) },
      policy: { file: 'b' },
      slice: { file: 'c', manifestFile: 'd', keyFile: 'e' },
      camera: { kind: 'replay', source: 'clip.y4m' },
    };
    writeFileSync(file('kiosk.yaml'), JSON.stringify(config));
    const { code, stdout } = await camera('test', '--config', file('kiosk.yaml'), '--seconds', '3');
    expect(stdout).toMatch(/^camera +good$/m);
    expect(stdout).toMatch(/^size +\d+x\d+$/m);
    expect(code).toBe(0);
  });

  it.each([
    [[], 'expected either --config, or --kind and --source'],
    [['--config', 'x.yaml', '--kind', 'rtsp'], 'expected either --config, or --kind and --source'],
    [['--kind', 'rtsp'], '--kind and --source go together'],
    [['--kind', 'v4l2', '--source', '/dev/video0', '--width', '9'], 'camera.widthPx: expected pixels, 160 to 4096, found 9'],
    [['--kind', 'webcam', '--source', '0'], 'Allowed choices are rtsp'],
  ])('says what is wrong with %j', async (args, why) => {
    expect(await camera('test', ...args)).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining(why) });
  });
});

describe('camera list', () => {
  it('answers on stdout only, one object a camera', async () => {
    const { code, stdout, stderr } = await camera('list', '--json');
    const cameras = stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    expect(code).toBe(cameras.length > 0 ? 0 : 1);
    if (cameras.length === 0) expect(stderr).toContain('no USB camera was found');
  });
});

describe.skipIf(process.platform === 'win32')('camera tune', { timeout: 90_000 }, () => {
  const setUp = () => {
    const fake = createFakeUsbCamera(folder);
    const programs = ['--ffmpeg', fake.ffmpegPath, '--v4l2-ctl', fake.v4l2CtlPath];
    return { fake, own: ['--kind', 'v4l2', '--source', fake.device, ...programs] };
  };

  it('finds the focus, and prints lines that a configuration takes', async () => {
    const { fake, own } = setUp();
    fake.set('auto_exposure', 1);
    fake.set('exposure_time_absolute', 600);
    const { code, stdout, stderr } = await camera('tune', ...own);
    expect(stdout).toBe(
      [
        'camera.powerLineHz: 50',
        'camera.controls: focus_automatic_continuous=0,focus_absolute=120,auto_exposure=1,exposure_time_absolute=200',
        'camera.exposure: guide',
        '',
      ].join('\n'),
    );
    const problems = parseConfig(stdout);
    expect(problems.ok || problems.problems.filter(({ key }) => key.startsWith('camera.') && stdout.includes(key))).toEqual([]);
    expect(stderr).toContain('focus_absolute 120: sharpness');
    expect(code).toBe(0);
    expect(['focus_absolute', 'exposure_time_absolute', 'power_line_frequency'].map(fake.control)).toEqual([120, 200, 1]);
  });

  it('changes nothing in a dry run, nor where it fails', async () => {
    const { fake, own } = setUp();
    const dry = await camera('tune', ...own, '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toMatchObject({
      dryRun: true,
      wouldSet: 'focus_automatic_continuous=0,auto_exposure=1,power_line_frequency=1',
      focusTries: expect.arrayContaining([0, 250]),
    });
    expect(dry.code).toBe(0);
    expect(fake.calls('v4l2-ctl').some((line) => line.includes('--set-ctrl'))).toBe(false);
    expect(fake.calls('ffmpeg')).toEqual([]);
    const tuning = camera('tune', ...own);
    await expect
      .poll(() => fake.calls('v4l2-ctl').filter((line) => line.includes('focus_absolute')).length, { timeout: 30_000 })
      .toBeGreaterThanOrEqual(2);
    fake.unplug();
    expect(await tuning).toMatchObject({ code: 69, stdout: '' });
  });

  it('says which cameras it is for, and what is missing', async () => {
    const { own } = setUp();
    const network = await camera('tune', '--kind', 'rtsp', '--source', 'rtsp://127.0.0.1:9/x');
    expect(network).toMatchObject({ code: 64, stderr: expect.stringContaining('only v4l2 cameras') });
    const without = await camera('tune', ...own, '--v4l2-ctl', file('nowhere'));
    expect(without).toMatchObject({ code: 69, stderr: expect.stringContaining('install v4l-utils') });
  });
});
