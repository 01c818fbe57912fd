/** Frames of a camera until a time is over: the loop that the camera commands share. */
import type { Clock } from '../config/ports/clock.ts';
import type { Frame, FrameSource } from '../kiosk/camera/frame-source.ts';

export interface FrameReader {
  /** The next frame, or undefined once `untilMs` (monotonic) has passed or the source has ended. */
  next(untilMs: number): Promise<Frame | undefined>;
}

export function createFrameReader(source: FrameSource, clock: Clock): FrameReader {
  // A source has one reader at a time: what was asked for is waited for again.
  let asked: Promise<Frame | undefined> | undefined;
  return {
    next(untilMs) {
      asked ??= source.next();
      const frame = asked;
      return new Promise((resolve, reject) => {
        let isOver = false;
        const cancel = clock.after(Math.max(0, untilMs - clock.monotonicMs()), () => {
          isOver = true;
          resolve(undefined);
        });
        frame
          .then((given) => {
            // One that came too late stays for the next call.
            if (isOver) return;
            asked = undefined;
            resolve(given);
          })
          .catch(reject)
          .finally(cancel);
      });
    },
  };
}
