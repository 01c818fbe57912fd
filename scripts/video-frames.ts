/** Every frame of a video or network stream, in order and none dropped, through an ffmpeg child that waits for its reader. */
import { spawn } from 'node:child_process';
import { environment } from '../config/host/node-host.ts';
import { redact } from '../kiosk/camera/ffmpeg-arguments.ts';
import { createY4mSplitter } from '../kiosk/camera/y4m.ts';
import type { Picture } from '../kiosk/decode/decoder.ts';
import { CommandError, exitCode } from './command.ts';

const STDERR_CHARS_MAX = 500;

/** A file may not lead to the network, nor a stream to files. */
function protocolsOf(path: string): string {
  if (/^rtsps?:/i.test(path)) return 'rtsp,rtp,udp,tcp,tls';
  return /^https?:/i.test(path) ? 'http,https,tcp,tls' : 'file';
}

export async function* videoFrames(path: string, ffmpegPath: string): AsyncGenerator<Picture> {
  const isRtsp = path.startsWith('rtsp');
  const child = spawn(
    ffmpegPath,
    [
      ...[
        '-nostdin',
        '-hide_banner',
        '-loglevel',
        'error',
        '-protocol_whitelist',
        protocolsOf(path),
        ...(isRtsp ? ['-rtsp_transport', 'tcp'] : []),
        '-i',
        path,
      ],
      ...[
        '-an',
        '-sn',
        '-dn',
        '-vsync',
        'passthrough',
        '-vf',
        'format=yuv420p,extractplanes=y',
        '-pix_fmt',
        'gray',
        '-f',
        'yuv4mpegpipe',
        'pipe:1',
      ],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: environment('PATH') ?? '' } },
  );
  let complaint = '';
  const complain = (text: string) => {
    complaint = (complaint + text).slice(0, STDERR_CHARS_MAX);
  };
  child.stderr.setEncoding('utf8').on('data', complain);
  child.stderr.on('error', (error) => complain(error.message));
  const failed = new Promise<Error | undefined>((resolve) => {
    child.on('error', resolve);
    child.once('close', () => resolve(undefined));
  });
  let frames = 0;
  try {
    const ready: Picture[] = [];
    const split = createY4mSplitter(
      () => undefined,
      (luma, { widthPx, heightPx }) => ready.push({ luma, widthPx, heightPx }),
    );
    for await (const chunk of child.stdout) {
      split(chunk);
      for (const picture of ready.splice(0)) {
        frames++;
        yield picture;
      }
    }
    const error = await failed;
    if (error !== undefined)
      throw new CommandError(exitCode.unavailable, `videos need ffmpeg: install it, or set --ffmpeg (${error.message})`);
    if (frames === 0) throw new CommandError(exitCode.dataError, redact(complaint.trim(), undefined) || 'no video frame in it');
  } finally {
    child.kill('SIGKILL');
  }
}
