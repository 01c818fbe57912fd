import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAvfoundationDevices, parseDshowDevices } from './device-lists.ts';
import { steadierName, videoNodes } from './list-cameras.ts';

describe('the cameras of Windows', () => {
  const port = '@device_pnp_\\\\?\\usb#vid_046d&pid_0825#{65e8773d}\\global';
  it('are named by their ports, sound left out, in the words of ffmpeg 5 and later', () => {
    const text = [
      '[dshow @ 000001] "HD Webcam" (video)',
      `[dshow @ 000001]   Alternative name "${port}"`,
      '[dshow @ 000001] "Microphone (HD Webcam)" (audio)',
      '[dshow @ 000001]   Alternative name "@device_cm_{33D9A762}\\wave_{x}"',
      '[dshow @ 000001] "Capture box" (audio, video)',
      'dummy: Immediate exit requested',
    ].join('\r\n');
    expect(parseDshowDevices(text)).toEqual([
      { name: 'HD Webcam', source: port },
      { name: 'Capture box', source: 'Capture box' },
    ]);
  });

  it('and in the words of ffmpeg 4', () => {
    const text = [
      '[dshow @ 000001] DirectShow video devices (some may be both video and audio devices)',
      '[dshow @ 000001]  "HD Webcam"',
      `[dshow @ 000001]     Alternative name "${port}"`,
      '[dshow @ 000001] DirectShow audio devices',
      '[dshow @ 000001]  "Microphone"',
      '[dshow @ 000001]     Alternative name "@device_cm_x"',
    ].join('\n');
    expect(parseDshowDevices(text)).toEqual([{ name: 'HD Webcam', source: port }]);
  });
});

describe('the cameras of macOS', () => {
  it('are named by name, twins by number, screens and sound left out', () => {
    const text = [
      '[AVFoundation indev @ 0x7f8] AVFoundation video devices:',
      '[AVFoundation indev @ 0x7f8] [0] FaceTime HD Camera',
      '[AVFoundation indev @ 0x7f8] [1] USB Camera',
      '[AVFoundation indev @ 0x7f8] [2] USB Camera',
      '[AVFoundation indev @ 0x7f8] [3] Capture screen 0',
      '[AVFoundation indev @ 0x7f8] AVFoundation audio devices:',
      '[AVFoundation indev @ 0x7f8] [0] Built-in Microphone',
    ].join('\n');
    expect(parseAvfoundationDevices(text)).toEqual([
      { name: 'FaceTime HD Camera', source: 'FaceTime HD Camera' },
      { name: 'USB Camera', source: '1' },
      { name: 'USB Camera', source: '2' },
    ]);
    expect(parseAvfoundationDevices('')).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('the cameras of Linux', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'list-cameras-test-'));
    for (const name of ['dev/v4l/by-id', 'dev/v4l/by-path', 'sys']) mkdirSync(join(folder, name), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const folders = () => ({ dev: join(folder, 'dev'), sys: join(folder, 'sys') });
  const node = (number: number, name: string, index: number, links: { id?: string; path?: string }) => {
    writeFileSync(join(folder, `dev/video${number}`), '');
    mkdirSync(join(folder, `sys/video${number}`));
    writeFileSync(join(folder, `sys/video${number}/name`), `${name}\n`);
    writeFileSync(join(folder, `sys/video${number}/index`), `${index}\n`);
    for (const [kind, link] of Object.entries(links)) {
      rmSync(join(folder, `dev/v4l/by-${kind}`, link), { force: true });
      symlinkSync(`../../video${number}`, join(folder, `dev/v4l/by-${kind}`, link));
    }
  };
  const sources = () => videoNodes(folders()).map(({ source }) => source.slice(join(folder, 'dev/').length));

  it('go by what the device says of itself, or else by its socket, or else by number', () => {
    node(0, 'HD Webcam', 0, { id: 'usb-Maker_HD_0001-video-index0', path: 'pci-0-usb-0:1:1.0-video-index0' });
    node(1, 'HD Webcam', 1, { id: 'usb-Maker_HD_0001-video-index1' });
    node(2, 'Other', 0, { path: 'pci-0-usb-0:2:1.0-video-index0' });
    node(10, 'Virtual', 0, {});
    symlinkSync('../../video99', join(folder, 'dev/v4l/by-id/usb-gone'));
    expect(sources()).toEqual([
      'v4l/by-id/usb-Maker_HD_0001-video-index0',
      'v4l/by-id/usb-Maker_HD_0001-video-index1',
      'v4l/by-path/pci-0-usb-0:2:1.0-video-index0',
      'video10',
    ]);
  });

  it('go by their sockets where two of one make cannot be told apart', () => {
    node(0, 'HD Webcam', 0, { id: 'usb-Maker_HD-video-index0', path: 'usb-0:1-video-index0' });
    node(2, 'HD Webcam', 0, { id: 'usb-Maker_HD-video-index0', path: 'usb-0:2-video-index0' });
    expect(sources()).toEqual(['v4l/by-path/usb-0:1-video-index0', 'v4l/by-path/usb-0:2-video-index0']);
  });

  it('have a steadier name than their number, where one is known', () => {
    node(0, 'HD Webcam', 0, { id: 'usb-Maker_HD_0001-video-index0' });
    node(1, 'Virtual', 0, {});
    const id = join(folder, 'dev/v4l/by-id/usb-Maker_HD_0001-video-index0');
    expect(steadierName(join(folder, 'dev/video0'), folders())).toBe(id);
    expect(steadierName(id, folders())).toBeUndefined();
    expect(steadierName(join(folder, 'dev/video1'), folders())).toBeUndefined();
    expect(steadierName('/nowhere', { dev: '/nowhere', sys: '/nowhere' })).toBeUndefined();
  });
});
