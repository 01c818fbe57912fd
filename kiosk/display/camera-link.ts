/** A citizen page's camera socket as the camera room knows it. */

import type { WebSocket } from 'ws';
import { socketMessage } from '../../config/host/socket-message.ts';
import type { Clock } from '../../config/ports/clock.ts';
import type { PageLink } from '../camera/page-link.ts';

/** A page that hangs never says goodbye. */
const GOODBYE_MS_MAX = 1_000;

export function linkCamera(socket: WebSocket, clock: Clock): PageLink {
  return {
    send: (text) => socket.send(text),
    end(code, reason) {
      socket.close(code, reason);
      const cancel = clock.after(GOODBYE_MS_MAX, () => socket.terminate());
      socket.once('close', cancel);
    },
    onMessage(listener) {
      socket.on('message', (data, isBinary) => listener(socketMessage(data, isBinary)));
    },
    onEnd(listener) {
      socket.once('error', () => listener('malformed'));
      socket.once('close', () => listener('gone'));
    },
  };
}
