/** The camera that the configuration names, opened and watched. */
import type { KioskConfig } from '../../config/options/kiosk-options.ts';
import type { Host } from '../../config/ports/host.ts';
import type { CameraSettings } from './camera-settings.ts';
import type { FrameSource } from './frame-source.ts';
import { meterOnGuide } from './metered-source.ts';
import { openCamera } from './open-camera.ts';
import { pageFrameBytesMax } from './page-frames.ts';
import { createPageLinks, type PageLinks } from './page-link.ts';
import type { PictureLimits } from './picture-health.ts';
import { readLogin } from './read-login.ts';
import type { PicturePart } from './sharpness.ts';
import type { ControlSetting } from './v4l2-controls.ts';
import { watchPictures } from './watched-source.ts';

const FROZEN_USB_MS = 3_000;
/** A network camera may send nothing new of a scene without noise for some seconds. */
const FROZEN_NETWORK_MS = 10_000;
/** `path` makes a path of the configuration absolute. Throws Fault('camera-missing') where the login cannot be read. */
export function openConfiguredCamera(
  config: KioskConfig,
  path: (given: string) => string,
  loops: number,
  pages: PageLinks | undefined,
  host: Host,
): FrameSource {
  const settings = cameraSettings(config, path, loops);
  const source = openCamera(settings, host, pages);
  const isMetered = settings.kind === 'v4l2' && config['camera.exposure'] === 'guide';
  return watchPictures(isMetered ? meterOnGuide(source, settings, guideOf(config), host) : source, pictureLimits(config), host);
}

export function guideOf(config: KioskConfig): PicturePart {
  return { x: config['guide.x'], y: config['guide.y'], width: config['guide.width'], height: config['guide.height'] };
}

/** Where pages offer their camera; undefined where the kiosk has one of its own. */
export function cameraPages(config: KioskConfig): PageLinks | undefined {
  if (config['camera.kind'] !== 'browser') return undefined;
  return createPageLinks(pageFrameBytesMax({ widthPx: config['camera.widthPx'], heightPx: config['camera.heightPx'] }));
}

export function cameraSettings(config: KioskConfig, path: (given: string) => string, loops: number): CameraSettings {
  return {
    kind: config['camera.kind'],
    source: config['camera.kind'] === 'replay' ? path(config['camera.source']) : config['camera.source'],
    login: config['camera.passwordFile'] === undefined ? undefined : readLogin(path(config['camera.passwordFile'])),
    widthPx: config['camera.widthPx'],
    heightPx: config['camera.heightPx'],
    frameRateHz: config['camera.frameRateHz'],
    ffmpegPath: config['camera.ffmpegPath'] ?? 'ffmpeg',
    controls: { powerLineHz: config['camera.powerLineHz'], settings: controlSettings(config['camera.controls'] ?? '') },
    v4l2CtlPath: config['camera.v4l2CtlPath'],
    stalledMs: config['camera.stalledMs'],
    loops,
  };
}

function controlSettings(text: string): ControlSetting[] {
  return [...text.matchAll(/([a-z0-9_]+)=(-?\d+)/g)].map(([, name = '', value]) => ({ name, value: Number(value) }));
}

function pictureLimits(config: KioskConfig): PictureLimits {
  return {
    frozenMs: config['camera.frozenMs'] ?? usualFrozenMs(config['camera.kind']),
    interframe: config['camera.kind'] === 'rtsp',
    blackMs: config['camera.blackMs'],
    blackLevelMax: config['camera.blackLevelMax'],
    washedOutMs: config['camera.washedOutMs'],
    washedOutShareMin: config['camera.washedOutShareMin'],
    coveredMs: config['camera.coveredMs'],
    detailShareMin: config['camera.detailShareMin'],
  };
}

function usualFrozenMs(kind: KioskConfig['camera.kind']): number {
  switch (kind) {
    case 'replay':
      return Number.POSITIVE_INFINITY;
    case 'rtsp':
    case 'mjpeg':
    case 'stills':
      return FROZEN_NETWORK_MS;
    default:
      return FROZEN_USB_MS;
  }
}
