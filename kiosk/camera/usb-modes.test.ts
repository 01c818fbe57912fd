import { describe, expect, it } from 'vitest';
import { type CameraMode, chooseMode } from './camera-mode.ts';
import { parseDshowOptions, parseFfmpegFormats, parseV4l2Formats } from './usb-modes.ts';

const ASKED = { widthPx: 1280, heightPx: 720, frameRateHz: 30 };

const WEBCAM = `ioctl: VIDIOC_ENUM_FMT
	Type: Video Capture

	[0]: 'MJPG' (Motion-JPEG, compressed)
		Size: Discrete 1280x720
			Interval: Discrete 0.033s (30.000 fps)
			Interval: Discrete 0.067s (15.000 fps)
		Size: Discrete 1920x1080
			Interval: Discrete 0.033s (30.000 fps)
	[1]: 'YUYV' (YUYV 4:2:2)
		Size: Discrete 640x480
			Interval: Discrete 0.033s (30.000 fps)
		Size: Discrete 1280x720
			Interval: Discrete 0.100s (10.000 fps)
	[2]: 'XYZ1' (Something of its own)
		Size: Discrete 1280x720
			Interval: Discrete 0.011s (90.000 fps)
`;
const STEPWISE = `ioctl: VIDIOC_ENUM_FMT
	Type: Video Capture

	[0]: 'BGR3' (24-bit BGR 8-8-8)
		Size: Stepwise 2x1 - 8192x8192 with step 2/1
			Interval: Continuous 0.001s - 1.000s (1.000-1000.000 fps)
`;

describe('what a V4L2 camera offers', () => {
  it('is read from v4l2-ctl, unknown formats left out', () => {
    const modes = parseV4l2Formats(WEBCAM);
    expect(modes.map(({ format, maxWidthPx, minRateHz, maxRateHz }) => [format, maxWidthPx, minRateHz, maxRateHz])).toEqual([
      ['mjpeg', 1280, 15, 30],
      ['mjpeg', 1920, 30, 30],
      ['yuyv422', 640, 30, 30],
      ['yuyv422', 1280, 10, 10],
    ]);
    expect(parseV4l2Formats(STEPWISE)).toEqual([
      {
        format: 'bgr24',
        isCompressed: false,
        ...{ minWidthPx: 2, minHeightPx: 1, maxWidthPx: 8192, maxHeightPx: 8192 },
        ...{ minRateHz: 1, maxRateHz: 1000 },
      },
    ]);
    expect(parseV4l2Formats('Cannot open device /dev/video9, exiting.')).toEqual([]);
  });

  it('is read from ffmpeg where v4l2-ctl is missing', () => {
    const modes = parseFfmpegFormats(
      [
        '[video4linux2,v4l2 @ 0x55d] Compressed:       mjpeg :          Motion-JPEG : 640x480 1280x720',
        '[video4linux2,v4l2 @ 0x55d] Raw       :     yuyv422 :           YUYV 4:2:2 : {32-1920, 2}x{32-1080, 2}',
        '[video4linux2,v4l2 @ 0x55d] Raw       : Unsupported :                 Y12I : 640x480',
        '/dev/video0: Immediate exit requested',
      ].join('\n'),
    );
    expect(modes.map(({ format, minWidthPx, maxWidthPx, maxHeightPx }) => [format, minWidthPx, maxWidthPx, maxHeightPx])).toEqual([
      ['mjpeg', 640, 640, 480],
      ['mjpeg', 1280, 1280, 720],
      ['yuyv422', 32, 1920, 1080],
    ]);
    expect(chooseMode(modes, ASKED)).toMatchObject({ format: 'mjpeg', widthPx: 1280, frameRateHz: 30 });
  });
});

describe('what a DirectShow camera offers', () => {
  it('is read from ffmpeg, each once', () => {
    const pin = '[dshow @ 0000020] ';
    const modes = parseDshowOptions(
      [
        `${pin}DirectShow video device options (from video devices)`,
        `${pin} Pin "Capture" (alternative pin name "0")`,
        `${pin}  pixel_format=yuyv422  min s=640x480 fps=5 max s=640x480 fps=30`,
        `${pin}  pixel_format=yuyv422  min s=640x480 fps=5 max s=640x480 fps=30 (tv, bt470bg/bt709/unknown, topleft)`,
        `${pin}  vcodec=mjpeg  min s=1280x720 fps=5 max s=1280x720 fps=60.0002`,
        `${pin}  unknown compression type 0xC  min s=1280x720 fps=5 max s=1280x720 fps=30`,
      ].join('\r\n'),
    );
    expect(modes.map(({ format, isCompressed, maxRateHz }) => [format, isCompressed, maxRateHz])).toEqual([
      ['yuyv422', false, 30],
      ['mjpeg', true, 60.0002],
    ]);
  });
});

describe('the choice among what a camera offers', () => {
  const mode = (format: string, widthPx: number, heightPx: number, maxRateHz: number): CameraMode => ({
    format,
    isCompressed: format === 'mjpeg' || format === 'h264',
    ...{ minWidthPx: widthPx, minHeightPx: heightPx, maxWidthPx: widthPx, maxHeightPx: heightPx },
    ...{ minRateHz: 1, maxRateHz },
  });
  const choose = (modes: readonly CameraMode[], asked = ASKED) => {
    const { format, widthPx, heightPx, frameRateHz } = chooseMode(modes, asked) ?? {};
    return `${format} ${widthPx}x${heightPx}@${frameRateHz}`;
  };

  it.each([
    ['the asked size before a higher rate', [mode('yuyv422', 640, 480, 60), mode('mjpeg', 1280, 720, 15)], 'mjpeg 1280x720@15'],
    ['the asked rate before no decoding', [mode('yuyv422', 1280, 720, 10), mode('mjpeg', 1280, 720, 30)], 'mjpeg 1280x720@30'],
    ['motion JPEG before more than USB 2 carries', [mode('yuyv422', 1280, 720, 30), mode('mjpeg', 1280, 720, 60)], 'mjpeg 1280x720@30'],
    ['what needs luma only computed before a film', [mode('h264', 1280, 720, 30), mode('bgr24', 1280, 720, 30)], 'bgr24 1280x720@30'],
    ['a larger picture before a smaller one', [mode('mjpeg', 1920, 1080, 30), mode('mjpeg', 1024, 576, 30)], 'mjpeg 1920x1080@30'],
    ['the largest where all are smaller', [mode('mjpeg', 640, 480, 30), mode('mjpeg', 800, 600, 30)], 'mjpeg 800x600@30'],
  ])('takes %s', (_rule, modes, expected) => {
    expect(choose(modes)).toBe(expected);
    expect(choose(modes.toReversed())).toBe(expected);
  });

  it('takes no decoding where USB 2 carries it, grey first', () => {
    const vga = { widthPx: 640, heightPx: 480, frameRateHz: 30 };
    const modes = [mode('mjpeg', 640, 480, 30), mode('yuyv422', 640, 480, 30)];
    expect(choose(modes, vga)).toBe('yuyv422 640x480@30');
    expect(choose([...modes, mode('gray', 640, 480, 30)], vga)).toBe('gray 640x480@30');
  });

  it('asks a range for the very size, and nothing of a camera that offers nothing', () => {
    expect(chooseMode(parseV4l2Formats(STEPWISE), ASKED)).toMatchObject({ format: 'bgr24', ...ASKED });
    expect(chooseMode(parseV4l2Formats(WEBCAM), ASKED)).toMatchObject({ format: 'mjpeg', ...ASKED });
    expect(chooseMode([], ASKED)).toBeUndefined();
  });
});
