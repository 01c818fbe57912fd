/**
 * The camera's own thread: takes frames, makes them grey, and sends each one that the kiosk has asked for, over a socket of
 * its own; every other frame is dropped here, the oldest first. So the page paints undisturbed, whatever the camera does.
 */
import type { ToCameraPage } from '../../../camera/page-messages.ts';
import { createPictureWriter } from './camera-picture.ts';
import type { FromCameraWorker, ToCameraWorker } from './camera-talk.ts';

let socket: WebSocket | undefined;
let write: ReturnType<typeof createPictureWriter> | undefined;
let asked = 0;
let sequence = 0;

const tell = (message: FromCameraWorker) => postMessage(message);

function connect(url: string): void {
  socket = new WebSocket(url);
  socket.addEventListener('message', ({ data }) => hear(JSON.parse(data)));
  socket.addEventListener('close', () => tell({ kind: 'over' }));
}

function hear(message: ToCameraPage): void {
  if (message.kind === 'next') {
    asked++;
    return;
  }
  write = createPictureWriter(message);
  tell({ kind: 'wanted', wanted: message });
}

/** Tells why no pictures come; the kiosk ends the connection then. */
function give(fault: (ToCameraWorker & { kind: 'fault' })['fault'], name: string): void {
  if (socket?.readyState === WebSocket.OPEN)
    socket.send(JSON.stringify({ kind: 'fault', fault, name: name.replace(/[^A-Za-z]/g, '').slice(0, 40) }));
}

/** Sends a picture, or drops it: none was asked for, or the one before has not left yet. */
async function offer(picture: VideoFrame | ImageBitmap, capturedAtMs: number): Promise<void> {
  if (socket?.readyState !== WebSocket.OPEN || write === undefined || asked === 0 || socket.bufferedAmount > 0) {
    picture.close();
    return;
  }
  asked--;
  sequence++;
  socket.send(await write(picture, sequence, capturedAtMs));
}

async function sendFrames(frames: ReadableStream<VideoFrame>): Promise<void> {
  const reader = frames.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return give('camera-missing', 'ended');
    await offer(value, value.timestamp / 1_000);
  }
}

/** A picture that cannot be made grey is none. */
const failed = (error: unknown) => give('camera-no-frame', error instanceof Error ? error.name : 'failed');

addEventListener('message', ({ data }: MessageEvent<ToCameraWorker>) => {
  switch (data.kind) {
    case 'connect':
      return connect(data.url);
    case 'frames':
      sendFrames(data.frames).catch(failed);
      return;
    case 'picture':
      offer(data.picture, data.capturedAtMs).then(() => tell({ kind: 'taken' }), failed);
      return;
    case 'fault':
      return give(data.fault, data.name);
  }
});
