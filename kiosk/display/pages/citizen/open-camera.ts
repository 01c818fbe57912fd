/** Asks the browser for the camera that the kiosk names. Throws a DOMException whose name says why there is none. */
import type { OpenCameraMessage } from '../../../camera/page-messages.ts';
import { chooseCamera, isAnyCamera } from './camera-rules.ts';

/** Shorter than the kiosk waits for a first frame, so that it hears what is wrong. */
const ANSWER_MS_MAX = 4_000;

/** A question that the browser has not answered yet: asked again, it would put a second one before the user. */
let open: { readonly key: string; readonly answer: Promise<MediaStream> } | undefined;

export async function openCamera({ source, widthPx, heightPx, frameRateHz }: OpenCameraMessage): Promise<MediaStream> {
  // Only https and this machine's own addresses are given cameras.
  if (!window.isSecureContext) throw new DOMException('not a secure context', 'SecurityError');
  const size = {
    width: { ideal: widthPx, max: widthPx },
    height: { ideal: heightPx, max: heightPx },
    frameRate: { ideal: frameRateHz, max: frameRateHz },
  };
  if (isAnyCamera(source)) return ask({ video: size });
  const chosen = chooseCamera(await namedCameras(), source);
  if (chosen === undefined) throw new DOMException('no camera of this name', 'NotFoundError');
  return ask({ video: { ...size, deviceId: { exact: chosen.deviceId } } });
}

/** Cameras have names only for a page that may use one. */
async function namedCameras(): Promise<MediaDeviceInfo[]> {
  const cameras = async () => (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'videoinput');
  const found = await cameras();
  if (found.some(({ label }) => label !== '')) return found;
  stop(await ask({ video: true }));
  return cameras();
}

async function ask(constraints: MediaStreamConstraints): Promise<MediaStream> {
  const key = JSON.stringify(constraints);
  if (open !== undefined && open.key !== key) open.answer.then(stop, () => undefined);
  const asked = open?.key === key ? open : { key, answer: navigator.mediaDevices.getUserMedia(constraints) };
  open = asked;
  const answered = () => {
    if (open === asked) open = undefined;
  };
  // What is answered after this attempt gave up is the next one's.
  return Promise.race([asked.answer, noAnswer()]).then(
    (stream) => {
      answered();
      return stream;
    },
    (error: unknown) => {
      asked.answer.catch(answered);
      throw error;
    },
  );
}

async function noAnswer(): Promise<never> {
  await new Promise((resolve) => window.setTimeout(resolve, ANSWER_MS_MAX));
  const { state } = await navigator.permissions.query({ name: 'camera' });
  throw new DOMException('no answer', state === 'granted' ? 'TimeoutError' : 'NotAllowedError');
}

export function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
