/** What the page and its camera worker say to each other. */
import type { OpenCameraMessage } from '../../../camera/page-messages.ts';
import type { CameraFault } from './camera-rules.ts';

export type ToCameraWorker =
  /** Connects to the kiosk. */
  | { readonly kind: 'connect'; readonly url: string }
  /** The frames of the opened camera. */
  | { readonly kind: 'frames'; readonly frames: ReadableStream<VideoFrame> }
  /** One picture, where a browser gives no frames; the next one after `taken`. */
  | { readonly kind: 'picture'; readonly picture: ImageBitmap; readonly capturedAtMs: number }
  /** No pictures will come. `name` is the browser's for it. */
  | { readonly kind: 'fault'; readonly fault: CameraFault; readonly name: string };

export type FromCameraWorker =
  /** The kiosk asks for the camera. */
  | { readonly kind: 'wanted'; readonly wanted: OpenCameraMessage }
  | { readonly kind: 'taken' }
  /** The connection is over. */
  | { readonly kind: 'over' };
