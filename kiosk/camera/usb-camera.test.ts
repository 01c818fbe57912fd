import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import type { LogFields } from '../../config/ports/log.ts';
import { silentLog } from '../../config/ports/log.ts';
import { createFakeUsbCamera, type FakeUsbCamera } from '../../fixtures/fake-usb-camera.ts';
import type { CameraSettings } from './camera-settings.ts';
import type { FrameSource } from './frame-source.ts';
import { meterOnGuide } from './metered-source.ts';
import { openCamera } from './open-camera.ts';
import { findControl, parseControls, planControls, unmetSteps } from './v4l2-controls.ts';

/** On a machine that is busy with other things. */
const SOON = { timeout: 20_000 };
const TEST_MS = 60_000;

const LISTED = `
User Controls

                     brightness 0x00980900 (int)    : min=-64 max=64 step=1 default=0 value=0
        white_balance_automatic 0x0098090c (bool)   : default=1 value=1
           power_line_frequency 0x00980918 (menu)   : min=0 max=2 default=2 value=2 (60 Hz)
				0: Disabled
				1: 50 Hz
				2: 60 Hz
      white_balance_temperature 0x0098091a (int)    : min=2800 max=6500 step=10 default=4600 value=4600 flags=inactive

Camera Controls

                  auto_exposure 0x009a0901 (menu)   : min=0 max=3 default=3 value=3 (Aperture Priority Mode)
				1: Manual Mode
				3: Aperture Priority Mode
         exposure_time_absolute 0x009a0902 (int)    : min=1 max=5000 step=1 default=157 value=157 flags=inactive
                 focus_absolute 0x009a090a (int)    : min=0 max=250 step=5 default=0 value=30 flags=inactive
     focus_automatic_continuous 0x009a090c (bool)   : default=1 value=1
                  region_of_int 0x009a0923 (rect)   : value=(0,0)/640x480
`;
const OLD_KERNEL = `
                  exposure_auto 0x009a0901 (menu)   : min=0 max=3 default=3 value=3
				1: Manual Mode
				3: Aperture Priority Mode
              exposure_absolute 0x009a0902 (int)    : min=1 max=5000 step=1 default=157 value=157 flags=inactive
                 focus_absolute 0x009a090a (int)    : min=0 max=250 step=5 default=0 value=0 flags=inactive
                     focus_auto 0x009a090c (bool)   : default=1 value=1
`;

describe('the controls of a V4L2 camera', () => {
  const controls = parseControls(LISTED);
  const plan = (settings: Record<string, number>, powerLineHz = 50, of = controls) => {
    const { steps, refused } = planControls(of, {
      powerLineHz,
      settings: Object.entries(settings).map(([name, value]) => ({ name, value })),
    });
    return { steps: steps.map(({ name, value }) => `${name}=${value}`), refused };
  };

  it('are read with their ranges and menus', () => {
    expect(controls.map(({ name }) => name)).toHaveLength(8);
    expect(findControl(controls, 'focus_absolute')).toMatchObject({ type: 'int', min: 0, max: 250, step: 5, value: 30 });
    expect(findControl(controls, 'brightness')).toMatchObject({ min: -64 });
    expect([...(findControl(controls, 'power_line_frequency')?.menu ?? [])]).toContainEqual([1, '50 Hz']);
    expect(parseControls('Cannot open device /dev/video9, exiting.')).toEqual([]);
  });

  it('are set with their automatics switched off first, and the mains frequency by its word', () => {
    expect(plan({ focus_absolute: 120, exposure_time_absolute: 300 })).toEqual({
      steps: [
        'focus_automatic_continuous=0',
        'auto_exposure=1',
        'power_line_frequency=1',
        'focus_absolute=120',
        'exposure_time_absolute=300',
      ],
      refused: [],
    });
    expect(plan({}, 60).steps).toEqual(['power_line_frequency=2']);
    // Who asks for an automatic gets it.
    expect(plan({ focus_automatic_continuous: 1, focus_absolute: 120 }).steps[0]).toBe('focus_automatic_continuous=1');
  });

  it('are found under the names of another kernel', () => {
    expect(plan({ focus_absolute: 120, exposure_time_absolute: 300 }, 50, parseControls(OLD_KERNEL))).toEqual({
      steps: ['focus_auto=0', 'exposure_auto=1', 'focus_absolute=120', 'exposure_absolute=300'],
      refused: ['the camera has no power_line_frequency'],
    });
    expect(plan({ exposure_absolute: 300 }).steps).toContain('exposure_time_absolute=300');
  });

  it.each([
    [{ zoom_absolute: 100 }, 'the camera has no zoom_absolute'],
    [{ focus_absolute: 251 }, 'focus_absolute is 0 to 250, not 251'],
    [{ focus_absolute: 12 }, 'focus_absolute goes in steps of 5 from 0, not to 12'],
    [{ auto_exposure: 2 }, 'auto_exposure has no 2 in its menu'],
  ])('that do not fit are refused by name: %j', (settings, why) => {
    expect(plan(settings)).toEqual({ steps: ['power_line_frequency=1'], refused: [why] });
  });

  it('that did not take their value are named', () => {
    expect(unmetSteps(controls, [{ name: 'focus_absolute', value: 120 }])).toEqual(['focus_absolute was set to 120 and is 30']);
    expect(unmetSteps([], [{ name: 'focus_absolute', value: 120 }])).toEqual(['focus_absolute was set to 120 and is gone']);
  });
});

describe.skipIf(process.platform === 'win32')('a V4L2 camera', { timeout: TEST_MS }, () => {
  let folder = '';
  let camera: FakeUsbCamera;
  const opened: FrameSource[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'usb-camera-test-'));
    camera = createFakeUsbCamera(folder);
  });
  afterEach(async () => {
    for (const source of opened.splice(0)) await source.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (change: Partial<CameraSettings> = {}, settings: Record<string, number> = { focus_absolute: 120 }) => {
    const lines: string[] = [];
    const write = (event: string, fields?: LogFields) => void lines.push(`${event} ${JSON.stringify(fields)}`);
    const usb: CameraSettings = {
      kind: 'v4l2',
      source: camera.device,
      login: undefined,
      ...{ widthPx: 1280, heightPx: 720, frameRateHz: 30, stalledMs: 2_000, loops: 1 },
      ...{ ffmpegPath: camera.ffmpegPath, v4l2CtlPath: camera.v4l2CtlPath },
      controls: { powerLineHz: 50, settings: Object.entries(settings).map(([name, value]) => ({ name, value })) },
      ...change,
    };
    const host = { clock: nodeClock, random: nodeRandom, log: { ...silentLog, info: write, warn: write, error: write } };
    const source = openCamera(usb, host);
    opened.push(source);
    return { source, usb, host, said: () => lines.join('\n') };
  };

  it('is asked for the best of what it offers, and set', async () => {
    const { source, said } = open();
    expect(await source.next()).toMatchObject({ widthPx: 160, generation: 1 });
    expect(camera.calls('ffmpeg')[0]).toContain(`-f v4l2 -input_format mjpeg -video_size 1280x720 -framerate 30 -i ${camera.device}`);
    await expect.poll(said, SOON).toContain('camera-controls-set');
    expect([camera.control('focus_automatic_continuous'), camera.control('focus_absolute')]).toEqual([0, 120]);
    expect(camera.control('power_line_frequency')).toBe(1);
    expect(said()).not.toContain('camera-controls ');
  });

  it('that was unplugged comes back by itself, with what it was set to', async () => {
    const { source } = open();
    await source.next();
    await expect.poll(() => camera.control('focus_absolute'), SOON).toBe(120);
    camera.unplug();
    await expect.poll(() => source.health().state, SOON).toBe('down');
    await expect.poll(() => source.health().fault, SOON).toBe('camera-missing');
    expect(camera.control('focus_absolute')).toBeUndefined();
    camera.plug();
    await expect.poll(() => source.health().state, SOON).toBe('live');
    await expect.poll(() => camera.control('focus_absolute'), SOON).toBe(120);
    expect(camera.control('power_line_frequency')).toBe(1);
  });

  it('has its exposure follow the guide, also after it was unplugged', async () => {
    camera.set('exposure_time_absolute', 600);
    const { source, usb, host, said } = open({}, {});
    const metered = meterOnGuide(source, usb, { x: 0, y: 0, width: 1, height: 1 }, host);
    opened.push(metered);
    let isOver = false;
    const reading = (async () => {
      while (!isOver && (await metered.next()) !== undefined);
    })();
    const exposure = () => camera.control('exposure_time_absolute');
    await expect.poll(exposure, SOON).toBe(200);
    expect(camera.control('auto_exposure')).toBe(1);
    camera.unplug();
    await expect.poll(() => source.health().state, SOON).toBe('down');
    camera.plug();
    camera.set('exposure_time_absolute', 20);
    await expect.poll(exposure, SOON).toBe(200);
    expect(said()).not.toContain('left to the camera');
    isOver = true;
    await metered.close();
    await reading;
  });

  it('sees also where a control is missing or v4l2-ctl is, and that is said by name', async () => {
    const first = open({}, { zoom_absolute: 3, focus_absolute: 120 });
    expect(await first.source.next()).toBeDefined();
    await expect.poll(first.said, SOON).toContain('camera-controls {"why":"the camera has no zoom_absolute"}');
    await expect.poll(() => camera.control('focus_absolute'), SOON).toBe(120);
    const second = open({ v4l2CtlPath: join(folder, 'nowhere') });
    expect(await second.source.next()).toBeDefined();
    await expect.poll(second.said, SOON).toContain('was not found: install v4l-utils');
    expect(second.source.health().state).toBe('live');
  });
});
