/** The camera that the configuration names. Opening never fails: what is wrong stands in the source's health, and it keeps trying. */
import type { Host } from '../../config/ports/host.ts';
import type { CameraSettings } from './camera-settings.ts';
import { createFfmpegSource } from './ffmpeg-source.ts';
import type { FrameSource } from './frame-source.ts';
import { createReplaySource } from './replay-source.ts';
import { createStillsSource, webcamShot } from './stills-source.ts';

export function openCamera(settings: CameraSettings, host: Host): FrameSource {
  const { kind } = settings;
  if (kind === 'replay') return createReplaySource({ path: settings.source, loops: settings.loops }, host);
  if (kind === 'stills') return createStillsSource(webcamShot(settings), host);
  return createFfmpegSource({ ...settings, kind }, host);
}
