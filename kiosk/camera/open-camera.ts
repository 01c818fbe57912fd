/** The camera that the configuration names. Opening never fails: what is wrong stands in the source's health, and it keeps trying. */
import type { Host } from '../../config/ports/host.ts';
import { createBrowserSource } from './browser-source.ts';
import type { CameraSettings } from './camera-settings.ts';
import { createFfmpegSource } from './ffmpeg-source.ts';
import type { FrameSource } from './frame-source.ts';
import type { PageLinks } from './page-link.ts';
import { createReplaySource } from './replay-source.ts';
import { createStillsSource, webcamShot } from './stills-source.ts';

/** `pages` brings the pages whose browser is the camera. */
export function openCamera(settings: CameraSettings, host: Host, pages?: PageLinks): FrameSource {
  const { kind } = settings;
  if (kind === 'browser') {
    if (pages === undefined) throw new Error('a camera of the browser needs its pages');
    return createBrowserSource(settings, pages, host);
  }
  if (kind === 'replay') return createReplaySource({ path: settings.source, loops: settings.loops }, host);
  if (kind === 'stills') return createStillsSource(webcamShot(settings), host);
  return createFfmpegSource({ ...settings, kind }, host);
}
