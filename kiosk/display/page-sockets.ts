/**
 * The open sockets of the pages: how many there may be, of each session and of all, and whether somebody is still there.
 * A page opens one of each kind. Of what only one is of use to a page the newest is kept, because a browser that was ended
 * says no goodbye; of the supervisor's the next is refused, because each may stand on a desk of its own.
 */
import type { WebSocket } from 'ws';
import { type Clock, every } from '../../config/ports/clock.ts';

export type Channel = 'citizen' | 'mirror' | 'camera' | 'supervisor';

export interface PageSockets {
  /** Whether one more may come of this session (the hash of its cookie). */
  hasRoom(channel: Channel, session: string): boolean;
  add(channel: Channel, session: string, socket: WebSocket): void;
  close(): void;
}

interface Entry {
  readonly channel: Channel;
  readonly session: string;
  readonly socket: WebSocket;
  unanswered: number;
}

const ALL_MAX = 64;
const EACH: Readonly<Record<Channel, { readonly max: number; readonly isNewestKept: boolean }>> = {
  citizen: { max: 2, isNewestKept: true },
  mirror: { max: 2, isNewestKept: true },
  camera: { max: 2, isNewestKept: true },
  supervisor: { max: 8, isNewestKept: false },
};
const PING_MS = 10_000;
/** A browser answers pings by itself, also while its page is busy. */
const UNANSWERED_MAX = 2;
const GOODBYE_MS_MAX = 1_000;
const REPLACED_CODE = 4005;

export function createPageSockets(clock: Clock): PageSockets {
  const entries = new Set<Entry>();
  const alike = (channel: Channel, session: string) =>
    [...entries].filter((entry) => entry.channel === channel && entry.session === session && entry.socket.readyState === entry.socket.OPEN);
  const stop = every(clock, PING_MS, () => {
    for (const entry of entries) {
      if (entry.unanswered >= UNANSWERED_MAX) entry.socket.terminate();
      else if (entry.socket.readyState === entry.socket.OPEN) {
        entry.unanswered++;
        entry.socket.ping();
      }
    }
  });
  return {
    hasRoom(channel, session) {
      const { max, isNewestKept } = EACH[channel];
      return entries.size < ALL_MAX && (isNewestKept || alike(channel, session).length < max);
    },
    add(channel, session, socket) {
      const { max, isNewestKept } = EACH[channel];
      const entry: Entry = { channel, session, socket, unanswered: 0 };
      entries.add(entry);
      const isThere = () => {
        entry.unanswered = 0;
      };
      socket.on('pong', isThere);
      socket.on('message', isThere);
      socket.once('close', () => entries.delete(entry));
      // One that is closing counts among all until it is gone.
      const [oldest, ...newer] = alike(channel, session);
      if (oldest === undefined || !isNewestKept || newer.length < max) return;
      oldest.socket.close(REPLACED_CODE, 'too many of this page');
      const cancel = clock.after(GOODBYE_MS_MAX, () => oldest.socket.terminate());
      oldest.socket.once('close', cancel);
    },
    close() {
      stop();
      for (const { socket } of entries) socket.terminate();
    },
  };
}
