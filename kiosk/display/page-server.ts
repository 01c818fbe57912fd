/**
 * Serves the pages on loopback and checks who connects. Host and Origin must name this server, which keeps pages of other
 * sites and rebound names out; only GET; a strict content policy, no inline code. `/metrics` asks for no session: it says
 * what anybody who stands in front of the kiosk can see and count, and whoever reads it runs on this machine.
 */
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import fastifyStatic from '@fastify/static';
import fastify from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { Fault } from '../../config/faults.ts';
import { packageRoot } from '../../config/host/install-paths.ts';
import { FROM_PAGE_BYTES_MAX } from './messages.ts';
import { cookieName, type Role, roles, type Sessions } from './sessions.ts';

export type Channel = 'citizen' | 'mirror' | 'camera' | 'supervisor';

export interface PageServer {
  readonly port: number;
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

/** Throws Fault('display-port-busy'). */
export async function openPageServer(
  { port, sessions, cameraBytesMax, metrics }: PageServerOptions,
  onSocket: (channel: Channel, socket: WebSocket) => void,
): Promise<PageServer> {
  const app = fastify({ logger: false, bodyLimit: 1024, forceCloseConnections: true });
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
    if (role === undefined || typeof token !== 'string') return reply.code(404).send('No such page.\n');
    const entry = sessions.enter(role, token, request.headers.cookie);
    if (entry.kind === 'refused') return reply.code(403).send('This link is not valid.\n');
    if (entry.kind === 'used-before')
      return reply.code(403).send('This link was used before; all its sessions were ended. Take the new one.\n');
    reply.header('set-cookie', `${cookieName(role)}=${entry.cookie}; Path=/${role}/; HttpOnly; SameSite=Strict`);
    return reply.redirect(`/${role}/`);
  });
  await app.register(fastifyStatic, { root: join(packageRoot, 'dist/kiosk/display/pages'), cacheControl: false });

  const serverOf = (maxPayload: number) => new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });
  const sockets = serverOf(FROM_PAGE_BYTES_MAX);
  const cameras = cameraBytesMax === undefined ? undefined : serverOf(cameraBytesMax);
  app.server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const own = portOf(app.server.address());
    const target = CHANNELS[request.url ?? ''];
    const server = target?.channel === 'camera' ? cameras : sockets;
    const isAllowed =
      target !== undefined &&
      server !== undefined &&
      isOwnHost(request.headers.host, own) &&
      isOwnOrigin(request.headers.origin, own) &&
      sessions.isKnown(target.role, request.headers.cookie);
    if (!isAllowed) {
      stream.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
      return;
    }
    server.handleUpgrade(request, stream, head, (socket) => onSocket(target.channel, socket));
  });
  try {
    await app.listen({ port, host: '127.0.0.1' });
  } catch (error) {
    await app.close();
    throw new Fault('display-port-busy', `Port ${port}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return {
    port: portOf(app.server.address()),
    async close() {
      for (const socket of [...sockets.clients, ...(cameras?.clients ?? [])]) socket.terminate();
      await app.close();
    },
  };
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
