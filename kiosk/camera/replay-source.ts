/** The replay camera: a clip shown at its own rate, over and over. Needs no ffmpeg, no device and no network. */
import { Fault } from '../../config/faults.ts';
import { sleep } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { type Clip, openClip } from './clip.ts';
import type { FrameSource } from './frame-source.ts';
import { createNewestFrame, videoLimits } from './newest-frame.ts';

export interface ReplayOptions {
  readonly path: string;
  /** How often the clip is shown; the source closes after that. */
  readonly loops: number;
}

const RETRY_MS = 2_000;
const STALLED_MS = 2_000;

export function createReplaySource({ path, loops }: ReplayOptions, host: Host): FrameSource {
  const newest = createNewestFrame(host.clock, videoLimits(STALLED_MS));
  let closed = false;

  const show = async (clip: Clip, generation: number): Promise<void> => {
    const startMs = host.clock.monotonicMs();
    for (let shown = 0; !closed && shown < clip.frameCount * loops; shown++) {
      // Each frame has its own due time: a slow read delays one frame, not the clip.
      const waitMs = startMs + (shown * 1000) / clip.frameRateHz - host.clock.monotonicMs();
      if (waitMs > 0) await sleep(host.clock, waitMs);
      const luma = await clip.read(shown % clip.frameCount);
      newest.put(generation, { luma, widthPx: clip.widthPx, heightPx: clip.heightPx, stride: clip.widthPx });
    }
  };

  const run = async (): Promise<void> => {
    while (!closed) {
      const generation = newest.open();
      try {
        const clip = await openClip(path);
        try {
          await show(clip, generation);
        } finally {
          clip.close();
        }
        newest.close();
        return;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        newest.shut(generation, error.code);
        host.log.error(error.code, { detail: error.detail });
        await sleep(host.clock, RETRY_MS);
      }
    }
  };

  const finished = run();
  return {
    next: newest.next,
    health: newest.health,
    // A file is not asked again.
    reopen: () => undefined,
    async close() {
      closed = true;
      newest.close();
      await finished;
    },
  };
}
