/**
 * What every server of ours has: a listener for its errors, short waits for whoever says nothing, and bounds on connections.
 * Strangers who connect and stay silent make room for whoever comes next, the oldest first, so that they can keep nobody out.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../ports/log.ts';

export interface ServerBounds {
  /** How the log names the server. */
  readonly name: string;
  /** Connections that have not brought one whole request. */
  readonly silentMax: number;
  /** All connections. */
  readonly openMax: number;
}

/** For `createServer`: Node looks for those that are late only so often. */
export const LATE_CHECK_MS = 1_000;

/** What an upgrade handler calls with the socket that it takes over: from then on it bounds it. */
export type TakeOver = (socket: Pick<Socket, 'remoteAddress' | 'remotePort'>) => void;

/** Call it before the server listens. */
export function tendServer(server: Server, { name, silentMax, openMax }: ServerBounds, log: Log): TakeOver {
  /** By address and port of the other side, because TLS wraps the socket; in the order in which they fell silent. */
  const open = new Map<string, Socket>();
  const silent = new Map<string, Socket>();
  const idle = new Map<string, Socket>();
  const makeRoom = (among: Map<string, Socket>): boolean => {
    const [oldest] = among;
    if (oldest === undefined) return false;
    const [key, socket] = oldest;
    among.delete(key);
    open.delete(key);
    socket.destroy();
    return true;
  };
  // Such as no file left for one more connection. Why it cannot listen is said by who asked it to.
  server.on('error', (error: Error) => {
    if (server.listening) log.warn('server-error', { server: name, why: error.message });
  });
  server.on('connection', (socket: Socket) => {
    // Node's own listener comes with its parser: none for a socket that leaves it, and none under TLS.
    socket.on('error', () => socket.destroy());
    const key = keyOf(socket);
    open.set(key, socket);
    silent.set(key, socket);
    socket.once('close', () => {
      for (const those of [open, silent, idle]) if (those.get(key) === socket) those.delete(key);
    });
    if (silent.size > silentMax) makeRoom(silent);
    if (open.size > openMax && !makeRoom(idle) && !makeRoom(silent)) socket.destroy();
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const key = keyOf(request.socket);
    idle.delete(key);
    // A body that dribbles in is no request yet.
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    if (length === '0' && coding === undefined) silent.delete(key);
    else request.once('end', () => silent.delete(key));
    response.once('close', () => {
      const socket = open.get(key);
      if (socket !== undefined && !silent.has(key)) idle.set(key, socket);
    });
  });
  return (socket) => {
    const key = keyOf(socket);
    for (const those of [open, silent, idle]) those.delete(key);
  };
}

function keyOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
