/** WebSockets between lanes as the rest of the room knows them: the only file here that touches the network. */

import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { Fault } from '../../config/faults.ts';
import { socketMessage } from '../../config/host/socket-message.ts';
import { LATE_CHECK_MS, tendServer } from '../../config/host/tend-server.ts';
import type { Clock } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import type { PeerAddress } from '../../sync/protocol/peers.ts';
import { FRAME_BYTES_EXTRA } from './peer-frames.ts';
import { MESSAGE_BYTES_MAX } from './peer-messages.ts';

export interface PeerSocket {
  send(message: string | Uint8Array): void;
  /** Bytes that the other side has not taken. */
  waitingBytes(): number;
  /** Tells the other side why, and is gone a second later at the latest. */
  end(reason: string): void;
  /** One listener each, set at once. */
  onMessage(listener: (message: string | Uint8Array) => void): void;
  /** `reason`: what the other side said, or what went wrong. */
  onEnd(listener: (reason: string) => void): void;
}

export interface PeerListener {
  readonly port: number;
  close(): Promise<void>;
}

const PATH = '/peers';
const CLOSE_CODE = 4000;
const GOODBYE_MS_MAX = 1_000;
const OPENING_MS_MAX = 3_000;
/** What has not shown a key after seconds is gone. */
const SOCKETS_MAX = 96;
/** Strangers who do not even ask for a socket. */
const SILENT_MAX = 32;
const SOCKET_OPTIONS = { maxPayload: MESSAGE_BYTES_MAX + FRAME_BYTES_EXTRA, perMessageDeflate: false } as const;

/** Throws Fault('peers-port-busy'). */
export async function listenForPeers(
  { host, port }: PeerAddress,
  onSocket: (socket: PeerSocket) => void,
  { clock, log }: Pick<Host, 'clock' | 'log'>,
): Promise<PeerListener> {
  const timeouts = { headersTimeout: OPENING_MS_MAX, requestTimeout: OPENING_MS_MAX, connectionsCheckingInterval: LATE_CHECK_MS };
  const server = createServer(timeouts, (_request, response) => {
    response.writeHead(426, { connection: 'close' }).end();
  });
  server.timeout = OPENING_MS_MAX;
  const takeOver = tendServer(server, { name: 'peers', silentMax: SILENT_MAX, openMax: SOCKETS_MAX }, log);
  // A browser says where its page comes from; lanes do not.
  const verifyClient = ({ origin }: { origin?: string }) => origin === undefined && sockets.clients.size < SOCKETS_MAX;
  const sockets = new WebSocketServer({ server, path: PATH, verifyClient, ...SOCKET_OPTIONS });
  sockets.on('connection', (socket, request) => {
    takeOver(request.socket);
    onSocket(wrap(socket, clock));
  });
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error) => reject(new Fault('peers-port-busy', `${host}:${port}: ${error.message}`, { cause: error }));
    sockets.once('error', refuse);
    server.listen(port, host, () => {
      sockets.off('error', refuse);
      // The server hands its errors on; it has said them already.
      sockets.on('error', () => undefined);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** `onOpen` once it stands; a connection that fails ends with its reason. */
export function connectToPeer({ host, port }: PeerAddress, onOpen: () => void, clock: Clock): PeerSocket {
  const name = host.includes(':') ? `[${host}]` : host;
  const socket = new WebSocket(`ws://${name}:${port}${PATH}`, { handshakeTimeout: OPENING_MS_MAX, ...SOCKET_OPTIONS });
  socket.once('open', onOpen);
  return wrap(socket, clock);
}

function wrap(socket: WebSocket, clock: Clock): PeerSocket {
  let broken: string | undefined;
  socket.on('error', (error) => {
    broken = error.message;
  });
  return {
    send(message) {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    waitingBytes: () => socket.bufferedAmount,
    end(reason) {
      if (socket.readyState === WebSocket.CONNECTING) return socket.terminate();
      socket.close(CLOSE_CODE, reason);
      const cancel = clock.after(GOODBYE_MS_MAX, () => socket.terminate());
      socket.once('close', cancel);
    },
    onMessage(listener) {
      socket.on('message', (data, isBinary) => listener(socketMessage(data, isBinary)));
    },
    onEnd(listener) {
      socket.once('close', (code, reason) => listener(reason.toString() || broken || `closed with ${code}`));
    },
  };
}
