/**
 * The mirror's own sockets: 15 pictures a second while something moves, 5 while nothing does, and none to a page that has not
 * taken the last ones.
 */
import type { Clock } from '../../config/ports/clock.ts';
import type { Frame } from '../camera/frame-source.ts';
import type { Guide } from '../decode/camera-code-source.ts';
import type { Sighting } from '../decode/code-source.ts';
import type { Quad } from '../decode/decoder.ts';
import { encodeMirror, mirrorPicture } from './mirror.ts';
import { createMovement } from './movement.ts';

/** What is needed of a WebSocket. */
export interface MirrorSocket {
  readonly bufferedAmount: number;
  send(message: Uint8Array): void;
  on(event: 'close', action: () => void): unknown;
}

export interface MirrorChannel {
  add(socket: MirrorSocket): void;
  offer(sighting: Sighting): void;
}

/** A little less than a fifteenth of a second: frames of such a camera do not come to the millisecond. */
const PERIOD_MS = 60;
/** Nobody sees that noise stands still for so long. */
const STILL_PERIOD_MS = 190;
/** A hand that pauses moves again soon. */
const MOVING_MS = 1_000;
/** A code that was found stays covered for so long where it was: the next frames may not find it. */
const RECENT_MS = 700;
const BUFFERED_BYTES_MAX = 400_000;

export function createMirrorChannel(guide: Guide, clock: Clock): MirrorChannel {
  const sockets = new Set<MirrorSocket>();
  let recent: { readonly quad: Quad; readonly atMs: number }[] = [];
  const movement = createMovement();
  let lastSentMs = -Infinity;
  let movedAtMs = -Infinity;

  /** Whether the page is due a picture. What moves is shown at once, also where the last picture was just sent. */
  const isDue = (frame: Frame, nowMs: number): boolean => {
    const sinceMs = nowMs - lastSentMs;
    if (sinceMs < PERIOD_MS) return false;
    // Asked first and always: what is kept is the frame that was looked at.
    if (movement.isMoving(frame) || recent.length > 0) movedAtMs = nowMs;
    return nowMs - movedAtMs <= MOVING_MS || sinceMs >= STILL_PERIOD_MS;
  };

  return {
    add(socket) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    },
    offer({ frame, symbols }) {
      const nowMs = clock.monotonicMs();
      const current = symbols.flatMap(({ quad }) => (quad === undefined ? [] : [quad]));
      recent = [...recent.filter(({ atMs }) => nowMs - atMs <= RECENT_MS), ...current.map((quad) => ({ quad, atMs: nowMs }))];
      if (frame === undefined || sockets.size === 0 || !isDue(frame, nowMs)) return;
      lastSentMs = nowMs;
      movement.keep();
      const message = encodeMirror(
        mirrorPicture(
          frame,
          guide,
          current,
          recent.map(({ quad }) => quad),
        ),
      );
      for (const socket of sockets) if (socket.bufferedAmount < BUFFERED_BYTES_MAX) socket.send(message);
    },
  };
}
