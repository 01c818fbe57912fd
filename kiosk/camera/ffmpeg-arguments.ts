/**
 * The command line of the ffmpeg child (pure). It parses a hostile stream, so formats and protocols are forced and nothing
 * is guessed; every buffer that adds delay is off, and the output describes its own size. `extractplanes=y` takes the luma
 * plane as it is; without passthrough ffmpeg would repeat frames and so hide a frozen camera.
 */
import type { CameraSettings } from './camera-settings.ts';

export interface FfmpegVersion {
  readonly major: number;
  readonly minor: number;
}

export type FfmpegKind = Exclude<CameraSettings['kind'], 'replay' | 'stills' | 'browser'>;

const RTSP_TIMEOUT_US = '3000000';
const HTTP_TIMEOUT_US = '2000000';

export function ffmpegArguments(settings: CameraSettings & { kind: FfmpegKind }, version: FfmpegVersion): string[] {
  const isModern = version.major >= 5;
  const hasFpsMode = version.major > 5 || (isModern && version.minor >= 1);
  return [
    ...['-nostdin', '-hide_banner', '-loglevel', 'error'],
    ...['-fflags', 'nobuffer', '-flags', 'low_delay', '-threads', '1'],
    ...inputArguments(settings, isModern),
    ...['-an', '-sn', '-dn', ...(hasFpsMode ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough'])],
    ...['-vf', settings.kind === 'avfoundation' ? 'format=yuv420p,extractplanes=y' : 'extractplanes=y'],
    ...['-pix_fmt', 'gray', '-threads', '1', '-flush_packets', '1', '-f', 'yuv4mpegpipe', 'pipe:1'],
  ];
}

function inputArguments(settings: CameraSettings & { kind: FfmpegKind }, isModern: boolean): string[] {
  const { source, widthPx, heightPx, frameRateHz } = settings;
  const size = ['-video_size', `${widthPx}x${heightPx}`, '-framerate', String(frameRateHz)];
  switch (settings.kind) {
    case 'rtsp': {
      const tls = source.startsWith('rtsps:') ? ',tls' : '';
      const timeout = isModern ? '-timeout' : '-stimeout';
      return [
        ...['-protocol_whitelist', `rtsp,rtp,udp,tcp${tls}`, '-rtsp_transport', 'tcp', timeout, RTSP_TIMEOUT_US],
        ...['-f', 'rtsp', '-i', urlWithLogin(settings)],
      ];
    }
    case 'mjpeg': {
      const tls = source.startsWith('https:') ? ',https,tls' : '';
      return [
        ...['-protocol_whitelist', `http,tcp${tls}`, '-rw_timeout', HTTP_TIMEOUT_US],
        // A camera that sends its reader elsewhere is no camera.
        ...(isModern ? ['-max_redirects', '0'] : []),
        ...['-f', 'mpjpeg', '-i', urlWithLogin(settings)],
      ];
    }
    case 'v4l2':
      return ['-f', 'v4l2', '-input_format', 'mjpeg', ...size, '-i', source];
    case 'dshow':
      return ['-f', 'dshow', '-rtbufsize', '16M', ...size, '-vcodec', 'mjpeg', '-i', `video=${source}`];
    case 'avfoundation':
      return ['-f', 'avfoundation', ...size, '-i', `${source}:none`];
  }
}

/** The login goes into the URL, each part percent-encoded. */
function urlWithLogin({ source, login }: CameraSettings): string {
  if (login === undefined) return source;
  const split = login.indexOf(':');
  const user = split < 0 ? login : login.slice(0, split);
  const password = split < 0 ? '' : login.slice(split + 1);
  return source.replace(/^([a-z]+:\/\/)/i, `$1${encodeURIComponent(user)}:${encodeURIComponent(password)}@`);
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
