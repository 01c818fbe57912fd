/**
 * What staff say on the supervisor's page: parsed strictly, bounded in number, answered on the page that said it. What it means
 * is the matter of who handles it.
 */
import type { WebSocket } from 'ws';
import type { Clock } from '../../config/ports/clock.ts';
import { parseFromSupervisor, type StaffMessage, type StaffReply, type ToSupervisor } from './messages.ts';

export type StaffHandler = (message: StaffMessage) => StaffReply;

const TOO_MANY: StaffReply = {
  ok: false,
  vi: 'Gửi quá nhanh. Chờ vài giây rồi thử lại.',
  en: 'Too many at once. Wait a few seconds and try again.',
};
/** Of all pages together: a person presses a button, a program that got in does not. */
const MESSAGES = 10;
const WITHIN_MS = 10_000;

export function createStaffChannel(handle: StaffHandler | undefined, clock: Clock): (socket: WebSocket) => void {
  let heardAtMs: readonly number[] = [];
  const isTooMany = () => {
    const nowMs = clock.monotonicMs();
    heardAtMs = [...heardAtMs.filter((atMs) => nowMs - atMs < WITHIN_MS), nowMs].slice(-MESSAGES - 1);
    return heardAtMs.length > MESSAGES;
  };
  return (socket) => {
    socket.on('message', (data, isBinary) => {
      const message = isBinary ? undefined : parseFromSupervisor(data.toString());
      if (message === undefined || handle === undefined) {
        socket.close(1008, 'malformed');
        return;
      }
      const reply: ToSupervisor = { kind: 'staff-reply', to: message.kind, ...(isTooMany() ? TOO_MANY : handle(message)) };
      socket.send(JSON.stringify(reply));
    });
  };
}
