import type { ControlWishes } from './v4l2-controls.ts';

/** How a camera is reached. */
export interface CameraSettings {
  readonly kind: 'rtsp' | 'mjpeg' | 'v4l2' | 'dshow' | 'avfoundation' | 'replay' | 'stills' | 'browser';
  /** URL without a login, device, path to replay, or part of the name of a browser's camera. */
  readonly source: string;
  /** `user:password` of a network camera. */
  readonly login: string | undefined;
  /** Asked of a USB camera and the most of a browser's; a network camera says itself what it sends. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRateHz: number;
  readonly ffmpegPath: string;
  /** Set on a V4L2 camera at each opening; undefined leaves it as it is. */
  readonly controls?: ControlWishes | undefined;
  /** `v4l2-ctl` where absent. */
  readonly v4l2CtlPath?: string | undefined;
  /** So long without a frame, the camera is opened anew. */
  readonly stalledMs: number;
  /** How often a replay is shown. */
  readonly loops: number;
}
