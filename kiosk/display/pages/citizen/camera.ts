/**
 * The page's camera, where the kiosk's own browser is the camera: opened when the kiosk asks, handed to a worker that sends
 * its pictures, and begun anew after whatever ends it: half a second later, and every two seconds where that does not help.
 */
import { cameraFaultOf } from './camera-rules.ts';
import type { FromCameraWorker, ToCameraWorker } from './camera-talk.ts';
import { openCamera, stop } from './open-camera.ts';

/** Not in every browser, and so not in TypeScript's library. */
declare const MediaStreamTrackProcessor:
  | (new (init: {
      readonly track: MediaStreamTrack;
      readonly maxBufferSize: number;
    }) => { readonly readable: ReadableStream<VideoFrame> })
  | undefined;

const RETRY_MS = [500, 1_000, 2_000];
/** What ends after so long is not the same failure again. */
const HEALTHY_MS = 30_000;

/** Keeps the camera open until the function it returns is called. */
export function keepCameraOpen(): () => void {
  let failures = 0;
  let isStopped = false;
  let retry: number | undefined;
  let end: () => void = () => undefined;
  const begin = () => {
    const beganAtMs = performance.now();
    end = openOnce(() => {
      if (performance.now() - beganAtMs >= HEALTHY_MS) failures = 0;
      if (!isStopped) retry = window.setTimeout(begin, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
      failures++;
    });
  };
  begin();
  return () => {
    isStopped = true;
    window.clearTimeout(retry);
    end();
  };
}

/** One connection, one opening of the camera. `onOver` is called once. */
function openOnce(onOver: () => void): () => void {
  const worker = new Worker(new URL('./camera-worker.ts', import.meta.url), { type: 'module' });
  const tell = (message: ToCameraWorker, moved: Transferable[] = []) => worker.postMessage(message, moved);
  let stream: MediaStream | undefined;
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    worker.terminate();
    if (stream !== undefined) stop(stream);
    onOver();
  };
  const open = async (wanted: Parameters<typeof openCamera>[0]) => {
    try {
      stream = await openCamera(wanted);
    } catch (error) {
      const name = error instanceof Error ? error.name : 'failed';
      return tell({ kind: 'fault', fault: cameraFaultOf(name), name });
    }
    if (isOver) return stop(stream);
    const [track] = stream.getVideoTracks();
    if (track === undefined) return tell({ kind: 'fault', fault: 'camera-missing', name: 'notrack' });
    if (typeof MediaStreamTrackProcessor === 'undefined') return sendPictures(track, worker, tell);
    const frames = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable;
    tell({ kind: 'frames', frames }, [frames]);
  };
  worker.addEventListener('message', ({ data }: MessageEvent<FromCameraWorker>) => {
    if (data.kind === 'over') end();
    else if (data.kind === 'wanted') void open(data.wanted);
  });
  worker.addEventListener('error', end);
  tell({ kind: 'connect', url: `ws://${location.host}/citizen/camera` });
  return end;
}

/** For a browser that gives no frames of a track: plays it unseen and sends what is shown, one picture at a time. */
function sendPictures(track: MediaStreamTrack, worker: Worker, tell: (message: ToCameraWorker, moved: Transferable[]) => void): void {
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  const fail = (name: string) => tell({ kind: 'fault', fault: name === 'ended' ? 'camera-missing' : 'camera-no-frame', name }, []);
  const next = () =>
    video.requestVideoFrameCallback((nowMs, { captureTime }) => {
      createImageBitmap(video).then(
        (picture) => tell({ kind: 'picture', picture, capturedAtMs: captureTime ?? nowMs }, [picture]),
        (error: unknown) => fail(error instanceof Error ? error.name : 'failed'),
      );
    });
  worker.addEventListener('message', ({ data }: MessageEvent<FromCameraWorker>) => {
    if (data.kind === 'taken') next();
  });
  track.addEventListener('ended', () => fail('ended'));
  video.play().then(next, () => fail('unplayed'));
}
