/**
 * Serves the pages on loopback and checks who connects. Host and Origin must name this server, which keeps pages of other
 * sites and rebound names out; only GET; a strict content policy, no inline code. `/metrics` asks for no session: it says
 * what anybody who stands in front of the kiosk can see and count, and whoever reads it runs on this machine.
 */
import type { IncomingMessage, Server } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import fastifyStatic from '@fastify/static';
import fastify from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { Fault } from '../../config/faults.ts';
import { packageRoot } from '../../config/host/install-paths.ts';
import { LATE_CHECK_MS, type TakeOver, tendServer } from '../../config/host/tend-server.ts';
import type { Host } from '../../config/ports/host.ts';
import { FROM_PAGE_BYTES_MAX } from './messages.ts';
import { type Channel, createPageSockets } from './page-sockets.ts';
import { createRefusals, type Refusals } from './refusals.ts';
import { refusedLinkPage, refusedLinkStyle } from './refused-link.ts';
import { cookieName, type Role, roles, type Sessions } from './sessions.ts';

export interface PageServer {
  readonly port: number;
  /** Who was turned away so far. */
  readonly refusals: Pick<Refusals, 'counts'>;
  close(): Promise<void>;
}

/** What `/metrics` answers. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

const CHANNELS: Readonly<Record<string, { readonly channel: Channel; readonly role: Role }>> = {
  '/citizen/socket': { channel: 'citizen', role: 'citizen' },
  '/citizen/mirror': { channel: 'mirror', role: 'citizen' },
  '/citizen/camera': { channel: 'camera', role: 'citizen' },
  '/supervisor/socket': { channel: 'supervisor', role: 'supervisor' },
};

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

export interface PageServerOptions {
  /** 0 for any. */
  readonly port: number;
  readonly sessions: Sessions;
  /** The longest message of a page's camera; undefined: no page has one to offer. */
  readonly cameraBytesMax: number | undefined;
  readonly metrics: MetricsPage | undefined;
}

/** A page of ours asks at once, and takes what it asked for. */
const HEADERS_MS_MAX = 5_000;
const REQUEST_MS_MAX = 10_000;
const IDLE_MS_MAX = 20_000;
const SILENT_MAX = 64;
const CONNECTIONS_MAX = 256;

/** Throws Fault('display-port-busy'). */
export async function openPageServer(
  { port, sessions, cameraBytesMax, metrics }: PageServerOptions,
  onSocket: (channel: Channel, socket: WebSocket) => void,
  host: Pick<Host, 'clock' | 'log'>,
): Promise<PageServer> {
  const app = fastify({
    logger: false,
    bodyLimit: 1024,
    forceCloseConnections: true,
    http: { headersTimeout: HEADERS_MS_MAX, connectionsCheckingInterval: LATE_CHECK_MS },
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: IDLE_MS_MAX,
  });
  const takeOver = tendServer(app.server, { name: 'pages', silentMax: SILENT_MAX, openMax: CONNECTIONS_MAX }, host.log);
  const refusals = createRefusals(host);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...HEADERS, 'permissions-policy': `camera=(${cameraBytesMax === undefined ? '' : 'self'}), microphone=()` });
    if (!isOwnHost(request.headers.host, portOf(app.server.address()))) return reply.code(421).send('This address is not served here.\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply.code(405).send('Only GET.\n');
    return undefined;
  });
  app.get('/favicon.ico', async (_request, reply) => reply.code(204).send());
  if (metrics !== undefined) app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  app.get('/', async (_request, reply) => reply.redirect('/citizen/'));
  app.get<{ Params: { role: string }; Querystring: { token?: string } }>('/enter/:role', async (request, reply) => {
    const role = roles.find((known) => known === request.params.role);
    const token = request.query.token;
    if (role === undefined) return reply.code(404).send('No such page.\n');
    const entry = sessions.enter(role, typeof token === 'string' ? token : '', request.headers.cookie);
    if (entry.kind !== 'entered') refusals.refused('page-token', entry.kind);
    if (entry.kind !== 'entered') {
      reply.header(
        'content-security-policy',
        HEADERS['content-security-policy'].replace("style-src 'self'", `style-src ${refusedLinkStyle}`),
      );
      return reply.code(403).type('text/html; charset=utf-8').send(refusedLinkPage(role, entry.kind));
    }
    // For the address of the link too: there it says that this browser is no stranger.
    reply.header('set-cookie', `${cookieName(role)}=${entry.cookie}; Path=/; HttpOnly; SameSite=Strict`);
    return reply.redirect(`/${role}/`);
  });
  app.get<{ Params: { role: string } }>('/:role/session', async (request, reply) => {
    const role = roles.find((known) => known === request.params.role);
    return reply.code(role !== undefined && sessions.sessionOf(role, request.headers.cookie) !== undefined ? 204 : 403).send();
  });
  await app.register(fastifyStatic, { root: join(packageRoot, 'dist/kiosk/display/pages'), cacheControl: false });
  const own = () => portOf(app.server.address());
  const closeSockets = acceptSockets(app.server, { own, sessions, cameraBytesMax, takeOver, refusals, onSocket, clock: host.clock });
  try {
    await app.listen({ port, host: '127.0.0.1' });
  } catch (error) {
    closeSockets();
    await app.close();
    throw new Fault('display-port-busy', `Port ${port}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return {
    port: own(),
    refusals,
    async close() {
      closeSockets();
      await app.close();
    },
  };
}

interface SocketOptions extends Pick<PageServerOptions, 'sessions' | 'cameraBytesMax'> {
  /** The port that pages of ours come from. */
  own(): number;
  readonly takeOver: TakeOver;
  readonly refusals: Refusals;
  onSocket(channel: Channel, socket: WebSocket): void;
  readonly clock: Host['clock'];
}

const REFUSED = 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n';
const NO_ROOM = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\nX-Reason: too-many-sockets\r\n\r\n';

/** Gives back what ends all sockets. */
function acceptSockets(server: Server, options: SocketOptions): () => void {
  const { own, sessions, cameraBytesMax, takeOver, refusals, onSocket, clock } = options;
  const open = createPageSockets(clock);
  const serverOf = (maxPayload: number) => new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });
  const sockets = serverOf(FROM_PAGE_BYTES_MAX);
  const cameras = cameraBytesMax === undefined ? undefined : serverOf(cameraBytesMax);
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    // Node takes its own listener away: whoever resets a connection while it is refused would end the kiosk.
    stream.on('error', () => stream.destroy());
    const refuse = (why: string, answer: string) => {
      refusals.refused('page-socket', why);
      // Who does not close its side has no claim on ours.
      stream.end(answer, () => stream.destroy());
    };
    const target = CHANNELS[request.url ?? ''];
    const socketServer = target?.channel === 'camera' ? cameras : sockets;
    if (target === undefined || socketServer === undefined) return refuse('path', REFUSED);
    if (!isOwnHost(request.headers.host, own())) return refuse('host', REFUSED);
    if (!isOwnOrigin(request.headers.origin, own())) return refuse('origin', REFUSED);
    const session = sessions.sessionOf(target.role, request.headers.cookie);
    if (session === undefined) return refuse('session', REFUSED);
    if (!open.hasRoom(target.channel, session)) return refuse('too-many-sockets', NO_ROOM);
    socketServer.handleUpgrade(request, stream, head, (socket) => {
      takeOver(request.socket);
      open.add(target.channel, session, socket);
      onSocket(target.channel, socket);
    });
  });
  return open.close;
}

function portOf(address: string | { port: number } | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function isOwnHost(host: string | undefined, port: number): boolean {
  return LOOPBACK_NAMES.some((name) => host === `${name}:${port}`);
}

/** Browsers always send an Origin with a WebSocket: without one it is no page of ours. */
function isOwnOrigin(origin: string | undefined, port: number): boolean {
  return LOOPBACK_NAMES.some((name) => origin === `http://${name}:${port}`);
}
