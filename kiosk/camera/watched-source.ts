/**
 * A FrameSource that also looks at its pictures: frames that come and show nothing close the lane too. A frozen or black
 * picture is often cured by opening the device anew, which is tried now and then.
 */
import type { FaultCode } from '../../config/faults.ts';
import type { Host } from '../../config/ports/host.ts';
import type { Frame, FrameSource } from './frame-source.ts';
import { createPictureHealth, createPictureMeter, type PictureLimits, type PictureMeasure } from './picture-health.ts';

const REOPEN_EVERY_MS = 30_000;
const CURED_BY_REOPENING: ReadonlySet<FaultCode> = new Set(['camera-frozen', 'camera-black']);

export function watchPictures(source: FrameSource, limits: PictureLimits, host: Host): FrameSource {
  const measure = createPictureMeter();
  const picture = createPictureHealth(limits);
  let generation = 0;
  let shown: FaultCode | undefined;
  let reopenedAtMs = Number.NEGATIVE_INFINITY;
  let newest: PictureMeasure | undefined;

  const look = (frame: Frame) => {
    if (frame.generation !== generation) picture.reopened();
    generation = frame.generation;
    newest = measure(frame);
    picture.judge(newest, frame.arrivedAtMs);
    const fault = picture.fault();
    if (fault !== shown) {
      const { meanLevel, contrast, brightShare, detail } = newest;
      const measured = {
        meanLevel: Math.round(meanLevel),
        contrast: Number(contrast.toFixed(1)),
        brightShare: Number(brightShare.toFixed(2)),
        detail: Number(detail.toFixed(3)),
      };
      if (fault === undefined) host.log.info('picture-good', { ...measured, was: shown });
      else host.log.warn(fault, measured);
    }
    shown = fault;
    const isDue = host.clock.monotonicMs() - reopenedAtMs >= REOPEN_EVERY_MS;
    if (fault === undefined || !CURED_BY_REOPENING.has(fault) || !isDue) return;
    reopenedAtMs = host.clock.monotonicMs();
    source.reopen();
  };

  return {
    ...source,
    async next() {
      const frame = await source.next();
      if (frame !== undefined) look(frame);
      return frame;
    },
    health() {
      const health = { ...source.health(), ...(newest && { picture: { level: newest.meanLevel, detail: newest.detail } }) };
      const fault = picture.fault();
      const isComing = health.state === 'live' || health.state === 'degraded';
      return isComing && fault !== undefined ? { ...health, state: 'down', fault } : health;
    },
  };
}
