/** The mirror's own sockets: at most 15 pictures a second, and none to a page that has not taken the last ones. */
import type { WebSocket } from 'ws';
import type { Clock } from '../../config/ports/clock.ts';
import type { Guide } from '../decode/camera-code-source.ts';
import type { Sighting } from '../decode/code-source.ts';
import type { Quad } from '../decode/decoder.ts';
import { encodeMirror, mirrorPicture } from './mirror.ts';

export interface MirrorChannel {
  add(socket: WebSocket): void;
  offer(sighting: Sighting): void;
}

const PERIOD_MS = 1000 / 15;
/** A code that was found stays covered for so long where it was: the next frames may not find it. */
const RECENT_MS = 700;
const BUFFERED_BYTES_MAX = 400_000;

export function createMirrorChannel(guide: Guide, clock: Clock): MirrorChannel {
  const sockets = new Set<WebSocket>();
  let recent: { readonly quad: Quad; readonly atMs: number }[] = [];
  let lastSentMs = -Infinity;
  return {
    add(socket) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    },
    offer({ frame, symbols }) {
      const nowMs = clock.monotonicMs();
      const current = symbols.flatMap(({ quad }) => (quad === undefined ? [] : [quad]));
      recent = [...recent.filter(({ atMs }) => nowMs - atMs <= RECENT_MS), ...current.map((quad) => ({ quad, atMs: nowMs }))];
      if (frame === undefined || sockets.size === 0 || nowMs - lastSentMs < PERIOD_MS) return;
      lastSentMs = nowMs;
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
