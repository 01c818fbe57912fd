/**
 * How ffmpeg is told of a network camera (pure). Addresses hold logins, and every user of the machine may read a command
 * line, so ffmpeg gets the address on its standard input, as a script of its concat demuxer with one entry. That demuxer
 * guesses the format of an entry, so formats and protocols are whitelisted, inside more narrowly than outside. Options in
 * a script are known since ffmpeg 5.0; for older ones the address stays on the command line.
 */
import type { CameraSettings } from './camera-settings.ts';
import type { FfmpegCall, FfmpegVersion } from './ffmpeg-call.ts';

export type NetworkKind = 'rtsp' | 'mjpeg';

const RTSP_TIMEOUT_US = '3000000';
const HTTP_TIMEOUT_US = '2000000';
/** The rate is counted here: to guess it, ffmpeg would look at the stream for a second longer. */
const NO_RATE_GUESS: [string, string] = ['fpsprobesize', '0'];

export function networkInput(settings: CameraSettings & { kind: NetworkKind }, version: FfmpegVersion): FfmpegCall {
  const { kind } = settings;
  const format = kind === 'rtsp' ? 'rtsp' : 'mpjpeg';
  const protocols = protocolsOf(settings);
  const options = inputOptions(kind, version);
  const address = addressOf(settings);
  if (!takesScript(version)) {
    const given = options.flatMap(([name, value]) => [`-${name}`, value]);
    return { arguments: ['-protocol_whitelist', protocols, ...given, '-f', format, '-i', address], stdin: undefined };
  }
  const inner = [...options, ['protocol_whitelist', protocols], ['format_whitelist', format]];
  return {
    arguments: [
      ...['-protocol_whitelist', `pipe,${protocols}`, '-format_whitelist', `concat,${format}`],
      ...[`-${NO_RATE_GUESS[0]}`, NO_RATE_GUESS[1], '-f', 'concat', '-safe', '0', '-i', 'pipe:0'],
    ],
    stdin: ['ffconcat version 1.0', `file ${quoted(address)}`, ...inner.map(([name, value]) => `option ${name} ${value}`), ''].join('\n'),
  };
}

/** Whether other users of the machine can read the login, because this ffmpeg takes it on its command line only. */
export function showsLogin(settings: CameraSettings & { kind: NetworkKind }, version: FfmpegVersion): boolean {
  return !takesScript(version) && /^[a-z]+:\/\/[^/]*@/i.test(addressOf(settings));
}

/** The address with its login, each part percent-encoded: any password survives. */
export function addressOf({ source, login }: CameraSettings): string {
  const address = encodeControls(source);
  if (login === undefined) return address;
  const split = login.indexOf(':');
  const user = split < 0 ? login : login.slice(0, split);
  const password = split < 0 ? '' : login.slice(split + 1);
  return address.replace(/^([a-z]+:\/\/)(?:[^/@]*@)?/i, `$1${encodeURIComponent(user)}:${encodeURIComponent(password)}@`);
}

function takesScript({ major }: FfmpegVersion): boolean {
  return major >= 5;
}

function protocolsOf({ kind, source }: CameraSettings): string {
  if (kind === 'rtsp') return `rtsp,rtp,udp,tcp${/^rtsps:/i.test(source) ? ',tls' : ''}`;
  return `http,tcp${/^https:/i.test(source) ? ',https,tls' : ''}`;
}

function inputOptions(kind: NetworkKind, { major }: FfmpegVersion): [string, string][] {
  if (kind === 'rtsp') {
    // Before 5.0 `timeout` makes ffmpeg listen.
    return [
      ['rtsp_transport', 'tcp'],
      [major >= 5 ? 'timeout' : 'stimeout', RTSP_TIMEOUT_US],
      // A track of sound that is silent would be waited for.
      ['allowed_media_types', 'video'],
      NO_RATE_GUESS,
    ];
  }
  // A camera that sends its reader elsewhere is no camera; before 5.0 that cannot be said.
  const redirects: [string, string][] = major >= 5 ? [['max_redirects', '0']] : [];
  return [['rw_timeout', HTTP_TIMEOUT_US], ...redirects, NO_RATE_GUESS];
}

/** No address may end its line. */
function encodeControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, encodeURIComponent);
}

/** In single quotes everything stands for itself but the quote. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
