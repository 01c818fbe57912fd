/**
 * The command line of the ffmpeg child (pure). It parses a hostile stream, so formats and protocols are forced and nothing
 * is guessed; every buffer that adds delay is off, and the output describes its own size. `extractplanes=y` takes the luma
 * plane as it is; without passthrough ffmpeg would repeat frames and so hide a frozen camera.
 */
import { type ChosenMode, lumaFilter } from './camera-mode.ts';
import type { CameraSettings } from './camera-settings.ts';
import type { FfmpegCall, FfmpegVersion } from './ffmpeg-call.ts';
import { networkInput } from './network-input.ts';

export type FfmpegKind = Exclude<CameraSettings['kind'], 'replay' | 'stills' | 'browser'>;

/** `mode` is what a USB camera is asked for; without one it is asked for the configured size and rate. */
export function ffmpegCall(settings: CameraSettings & { kind: FfmpegKind }, version: FfmpegVersion, mode?: ChosenMode): FfmpegCall {
  const hasFpsMode = version.major > 5 || (version.major === 5 && version.minor >= 1);
  const input = inputCall(settings, version, mode);
  return {
    arguments: [
      ...['-nostdin', '-hide_banner', '-loglevel', 'error'],
      ...['-fflags', 'nobuffer', '-flags', 'low_delay', '-threads', '1'],
      ...input.arguments,
      ...['-an', '-sn', '-dn', ...(hasFpsMode ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough'])],
      ...['-vf', filterOf(settings.kind, mode)],
      ...['-pix_fmt', 'gray', '-threads', '1', '-flush_packets', '1', '-f', 'yuv4mpegpipe', 'pipe:1'],
    ],
    stdin: input.stdin,
  };
}

function filterOf(kind: FfmpegKind, mode: ChosenMode | undefined): string {
  // macOS decides on the format by itself, and may take packed RGB.
  if (kind === 'avfoundation') return 'format=yuv420p,extractplanes=y';
  return mode === undefined ? 'extractplanes=y' : lumaFilter(mode);
}

function inputCall(settings: CameraSettings & { kind: FfmpegKind }, version: FfmpegVersion, mode: ChosenMode | undefined): FfmpegCall {
  const { source, kind } = settings;
  const { widthPx, heightPx, frameRateHz } = mode ?? settings;
  const size = ['-video_size', `${widthPx}x${heightPx}`];
  const rate = ['-framerate', String(frameRateHz)];
  switch (kind) {
    case 'rtsp':
    case 'mjpeg':
      return networkInput({ ...settings, kind }, version);
    case 'v4l2': {
      const format = mode === undefined ? [] : ['-input_format', mode.format];
      return { arguments: ['-f', 'v4l2', ...format, ...size, ...rate, '-i', source], stdin: undefined };
    }
    case 'dshow': {
      const format = mode === undefined ? [] : [mode.isCompressed ? '-vcodec' : '-pixel_format', mode.format];
      // A rate that is not exactly what the device offers is refused: one that is not the asked one is left to the device.
      const rateAsked = frameRateHz === settings.frameRateHz ? rate : [];
      return {
        arguments: ['-f', 'dshow', '-rtbufsize', '16M', ...size, ...rateAsked, ...format, '-i', `video=${source}`],
        stdin: undefined,
      };
    }
    case 'avfoundation':
      return { arguments: ['-f', 'avfoundation', ...size, ...rate, '-i', `${source}:none`], stdin: undefined };
  }
}

/** The call that makes ffmpeg say what a device offers; undefined for kinds that need no choice. It ends with an error code. */
export function listModesArguments(kind: FfmpegKind, source: string): readonly string[] | undefined {
  if (kind === 'v4l2') return ['-nostdin', '-hide_banner', '-f', 'v4l2', '-list_formats', 'all', '-i', source];
  return kind === 'dshow' ? ['-nostdin', '-hide_banner', '-f', 'dshow', '-list_options', 'true', '-i', `video=${source}`] : undefined;
}

/** Version from the first line of `ffmpeg -version`; undefined where it is none. */
export function parseFfmpegVersion(text: string): FfmpegVersion | undefined {
  const match = /^ffmpeg version n?(\d+)\.(\d+)/.exec(text);
  if (match !== null) return { major: Number(match[1]), minor: Number(match[2]) };
  // Builds from the development branch are newer than any release known here.
  return /^ffmpeg version (N-|git-)/.test(text) ? { major: 99, minor: 0 } : undefined;
}

/** Takes logins out of what ffmpeg says: it prints the URL that it could not open. */
export function redact(text: string, login: string | undefined): string {
  const withoutUrls = text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]*@/gi, '$1***@');
  const parts = login === undefined ? [] : [login, ...login.split(':')].flatMap((part) => [part, encodeURIComponent(part)]);
  return parts.filter((part) => part.length > 2).reduce((kept, part) => kept.replaceAll(part, '***'), withoutUrls);
}
