/** What the camera page decides by itself (pure): which camera is meant, what a browser's error means, how a picture fits. */
import type { FromCameraPage } from '../../../camera/page-messages.ts';

export type CameraFault = FromCameraPage['fault'];

export interface Named {
  readonly deviceId: string;
  /** Empty until the page may use cameras. */
  readonly label: string;
}

/** Ids are hexadecimal: a shorter part of one is found by chance. */
const ID_CHARS_MIN = 8;

export function isAnyCamera(source: string): boolean {
  return source === 'default' || source === 'any';
}

/** The camera whose name or device id is `source`, else holds it; undefined where there is none. */
export function chooseCamera<Device extends Named>(devices: readonly Device[], source: string): Device | undefined {
  const wanted = source.toLowerCase();
  return (
    devices.find(({ label, deviceId }) => label.toLowerCase() === wanted || deviceId === source) ??
    devices.find(({ label }) => label.toLowerCase().includes(wanted)) ??
    devices.find(({ deviceId }) => source.length >= ID_CHARS_MIN && deviceId.includes(source))
  );
}

/** `name` is that of a DOMException of getUserMedia. */
export function cameraFaultOf(name: string): CameraFault {
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'camera-denied';
    case 'OverconstrainedError':
      return 'camera-settings';
    default:
      return 'camera-missing';
  }
}

/** The size at which a picture lies within the largest one allowed, in its own shape; never larger than it is. */
export function fitInto(widthPx: number, heightPx: number, widthPxMax: number, heightPxMax: number) {
  const scale = Math.min(1, widthPxMax / widthPx, heightPxMax / heightPx);
  const scaled = (px: number, pxMax: number) => Math.max(1, Math.min(pxMax, Math.round(px * scale)));
  return { widthPx: scaled(widthPx, widthPxMax), heightPx: scaled(heightPx, heightPxMax) };
}
