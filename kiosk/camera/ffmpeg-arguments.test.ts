import { describe, expect, it } from 'vitest';
import type { ChosenMode } from './camera-mode.ts';
import type { CameraSettings } from './camera-settings.ts';
import { type FfmpegKind, ffmpegCall, listModesArguments, parseFfmpegVersion, redact } from './ffmpeg-arguments.ts';
import { showsLogin } from './network-input.ts';

const settings: CameraSettings = {
  kind: 'rtsp',
  source: 'rtsp://10.0.0.9/live',
  login: undefined,
  widthPx: 1280,
  heightPx: 720,
  frameRateHz: 30,
  ffmpegPath: 'ffmpeg',
  stalledMs: 2_000,
  loops: 1,
};
const NEW = { major: 5, minor: 1 };
const OLD = { major: 4, minor: 3 };
const MJPEG: ChosenMode = { format: 'mjpeg', isCompressed: true, widthPx: 1280, heightPx: 720, frameRateHz: 30 };
const YUYV: ChosenMode = { format: 'yuyv422', isCompressed: false, widthPx: 640, heightPx: 480, frameRateHz: 25 };

function call(kind: FfmpegKind, change: Partial<CameraSettings> = {}, version = NEW, mode?: ChosenMode) {
  const { arguments: args, stdin } = ffmpegCall({ ...settings, ...change, kind }, version, mode);
  return { line: args.join(' '), stdin };
}
const line = (...given: Parameters<typeof call>) => call(...given).line;
const script = (...given: Parameters<typeof call>) => call(...given).stdin?.split('\n') ?? [];

describe('the ffmpeg command line', () => {
  it('forces formats, never repeats frames, and describes its own size', () => {
    for (const kind of ['rtsp', 'mjpeg', 'v4l2', 'dshow', 'avfoundation'] as const) {
      expect(line(kind)).toMatch(/^-nostdin .* -f \S+ .*-i .* -fps_mode passthrough .*-f yuv4mpegpipe pipe:1$/);
      expect(line(kind).match(/-threads 1/g)).toHaveLength(2);
    }
  });

  it('speaks the language of each ffmpeg', () => {
    expect(line('rtsp', {}, OLD)).toContain(
      '-protocol_whitelist rtsp,rtp,udp,tcp -rtsp_transport tcp -stimeout 3000000 -allowed_media_types video -fpsprobesize 0 -f rtsp -i rtsp://10.0.0.9/live',
    );
    expect(line('rtsp', {}, OLD)).toContain('-vsync passthrough');
    expect(line('mjpeg', { source: 'http://10.0.0.9/v' }, OLD)).toContain(
      '-protocol_whitelist http,tcp -rw_timeout 2000000 -fpsprobesize 0 -f mpjpeg -i http://10.0.0.9/v',
    );
    expect(line('rtsp', {}, { major: 5, minor: 0 })).toContain('-vsync passthrough');
    expect(line('rtsp', {}, { major: 7, minor: 0 })).toContain('-fps_mode passthrough');
    expect(parseFfmpegVersion('ffmpeg version 5.1.6-0+deb12u1 Copyright')).toEqual({ major: 5, minor: 1 });
    expect(parseFfmpegVersion('ffmpeg version n7.0 Copyright')).toEqual({ major: 7, minor: 0 });
    expect(parseFfmpegVersion('ffmpeg version N-109542-g Copyright')?.major).toBe(99);
    expect(parseFfmpegVersion('something else')).toBeUndefined();
  });
});

describe('a network camera', () => {
  it('is told of on standard input, and nothing but its own formats and protocols is let in', () => {
    expect(line('rtsp')).toContain(
      '-protocol_whitelist pipe,rtsp,rtp,udp,tcp -format_whitelist concat,rtsp -fpsprobesize 0 -f concat -safe 0 -i pipe:0 -an',
    );
    expect(script('rtsp')).toEqual([
      'ffconcat version 1.0',
      "file 'rtsp://10.0.0.9/live'",
      'option rtsp_transport tcp',
      'option timeout 3000000',
      'option allowed_media_types video',
      'option fpsprobesize 0',
      'option protocol_whitelist rtsp,rtp,udp,tcp',
      'option format_whitelist rtsp',
      '',
    ]);
    const web = { source: 'http://10.0.0.9/v' };
    expect(line('mjpeg', web)).toContain('-protocol_whitelist pipe,http,tcp -format_whitelist concat,mpjpeg -fpsprobesize 0 -f concat');
    expect(script('mjpeg', web)).toEqual(expect.arrayContaining(['option rw_timeout 2000000', 'option max_redirects 0']));
    expect(script('rtsp', { source: 'rtsps://10.0.0.9/v' })).toContain('option protocol_whitelist rtsp,rtp,udp,tcp,tls');
    expect(script('mjpeg', { source: 'https://10.0.0.9/v' })).toContain('option protocol_whitelist http,tcp,https,tls');
  });

  it('gets a login in which any password survives', () => {
    expect(script('rtsp', { login: 'gate:p@ss/w:rd' })[1]).toBe("file 'rtsp://gate:p%40ss%2Fw%3Ard@10.0.0.9/live'");
    expect(script('rtsp', { login: "gate:it's $&" })[1]).toBe("file 'rtsp://gate:it'\\''s%20%24%26@10.0.0.9/live'");
    // The one in the password file counts, not one that was left in the address.
    expect(script('rtsp', { login: 'gate:new', source: 'rtsp://gate:old@10.0.0.9/live' })[1]).toBe("file 'rtsp://gate:new@10.0.0.9/live'");
  });

  it('cannot add a line of its own to the script', () => {
    const lines = script('rtsp', { source: "rtsp://10.0.0.9/a'\nfile '/etc/passwd\r" });
    expect(lines.filter((one) => one.startsWith('file'))).toEqual(["file 'rtsp://10.0.0.9/a'\\''%0Afile '\\''/etc/passwd%0D'"]);
  });

  it('shows its login to other users only where ffmpeg is older than 5.0', () => {
    const of = (change: Partial<CameraSettings>, version = OLD) => showsLogin({ ...settings, ...change, kind: 'rtsp' }, version);
    expect(of({ login: 'gate:word' })).toBe(true);
    expect(of({ source: 'rtsp://gate:word@10.0.0.9/' })).toBe(true);
    expect(of({})).toBe(false);
    expect(of({ login: 'gate:word' }, NEW)).toBe(false);
    expect(line('rtsp', { login: 'gate:word' })).not.toContain('word');
  });

  it('has its login taken out of what is logged', () => {
    expect(redact('rtsp://gate:p%40ss%2Fw%3Ard@10.0.0.9/live: 401', 'gate:p@ss/w:rd')).toBe('rtsp://***@10.0.0.9/live: 401');
    expect(redact('auth p@ss/w:rd failed', 'gate:p@ss/w:rd')).not.toContain('p@ss');
  });
});

describe('a USB camera', () => {
  it('on V4L2 is asked for the mode that was chosen, or else for the configured size', () => {
    const device = { source: '/dev/v4l/by-id/usb-x-video-index0' };
    expect(line('v4l2', device, NEW, MJPEG)).toContain(
      '-f v4l2 -input_format mjpeg -video_size 1280x720 -framerate 30 -i /dev/v4l/by-id/usb-x-video-index0 -an',
    );
    expect(line('v4l2', device, NEW, YUYV)).toContain('-f v4l2 -input_format yuyv422 -video_size 640x480 -framerate 25 -i');
    expect(line('v4l2', device)).toContain('-f v4l2 -video_size 1280x720 -framerate 30 -i');
    expect(call('v4l2', device).stdin).toBeUndefined();
  });

  it('gives luma as it is, and packed RGB computed', () => {
    expect(line('v4l2', {}, NEW, YUYV)).toContain('-vf extractplanes=y -pix_fmt gray');
    expect(line('v4l2', {}, NEW, { ...YUYV, format: 'gray' })).toContain('-vf extractplanes=y');
    for (const format of ['rgb24', 'bgr24', 'bgr0', 'gray16le']) {
      expect(line('v4l2', {}, NEW, { ...YUYV, format })).toContain('-vf format=gray -pix_fmt gray');
    }
  });

  it('on Windows goes by its name, with a codec or a pixel format', () => {
    const device = { source: 'HD Webcam (front)' };
    const { arguments: args } = ffmpegCall({ ...settings, ...device, kind: 'dshow' }, NEW, MJPEG);
    // One argument, as no shell reads it.
    expect(args).toContain('video=HD Webcam (front)');
    expect(args.join(' ')).toContain('-f dshow -rtbufsize 16M -video_size 1280x720 -framerate 30 -vcodec mjpeg -i');
    expect(line('dshow', device, NEW, { ...YUYV, frameRateHz: 30 })).toContain(
      '-video_size 640x480 -framerate 30 -pixel_format yuyv422 -i',
    );
    // A rate such as 29.97 cannot be asked for exactly.
    expect(line('dshow', device, NEW, { ...MJPEG, frameRateHz: 29.97 })).not.toContain('-framerate');
    expect(line('dshow', device)).toContain('-video_size 1280x720 -framerate 30 -i video=');
  });

  it('on macOS goes by name or number, without sound, whatever its pixels are', () => {
    expect(line('avfoundation', { source: 'FaceTime HD Camera' })).toContain(
      '-f avfoundation -video_size 1280x720 -framerate 30 -i FaceTime HD Camera:none -an',
    );
    expect(line('avfoundation', { source: '0' })).toContain('-i 0:none');
    expect(line('avfoundation')).toContain('-vf format=yuv420p,extractplanes=y');
  });

  it('is asked what it offers where that can be asked', () => {
    expect(listModesArguments('v4l2', '/dev/video0')?.join(' ')).toContain('-f v4l2 -list_formats all -i /dev/video0');
    expect(listModesArguments('dshow', 'Cam')?.join(' ')).toContain('-f dshow -list_options true -i video=Cam');
    expect(listModesArguments('avfoundation', '0')).toBeUndefined();
    expect(listModesArguments('rtsp', 'rtsp://10.0.0.9/')).toBeUndefined();
  });
});
