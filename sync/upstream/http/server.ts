/**
 * The HTTP server of upstream: registers the routes, finds out who asks, keeps bodies within bounds, and turns replies into
 * responses. Holds no state and makes no rules, so that any number of processes may share one store.
 */
import { basename, dirname } from 'node:path';
import fastifyStatic from '@fastify/static';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { Fault } from '../../../config/faults.ts';
import { packageRoot } from '../../../config/host/install-paths.ts';
import { LATE_CHECK_MS, tendServer } from '../../../config/host/tend-server.ts';
import type { Host } from '../../../config/ports/host.ts';
import { type ProblemCode, problemBody } from '../../protocol/problem.ts';
import { mayDrain } from '../fleet/rules.ts';
import type { EnrolledKiosk, FleetStore } from '../store/store.ts';
import { authenticateKiosk } from './authenticate.ts';
import type { DiskMark } from './disk-mark.ts';
import { openApiDocument } from './openapi.ts';
import type { OperatorDoor } from './operator-door.ts';
import { createRefusedRequests } from './refused-requests.ts';
import { problem, type Reply, type Route, type UpstreamRequest } from './route.ts';
import { createSightings, type Sightings } from './sightings.ts';
import { signInPage } from './sign-in.ts';

export interface ServerOptions {
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly door: OperatorDoor;
  readonly version: string;
  /** The statement that ends a kiosk, for one that was revoked. */
  revocationOf(kiosk: EnrolledKiosk, nowMs: number): string;
  /** Told of every write that failed. */
  readonly disk: Pick<DiskMark, 'note'>;
}

export interface UpstreamServer {
  readonly url: string;
  close(): Promise<void>;
}

const REQUEST_MS_MAX = 60_000;
const HEADERS_MS_MAX = 10_000;
const HANDSHAKE_MS_MAX = 10_000;
const KEEP_ALIVE_MS = 72_000;
/** Nothing at all in either direction: longer than a kiosk waits for the feed, and than a connection is kept. */
const IDLE_MS_MAX = 90_000;
/** Who has connected and not sent one whole request: a fleet that comes back at once is within it. */
const SILENT_MAX = 1_024;
const CONNECTIONS_MAX = 16_384;
const IMMUTABLE_MS = 365 * 86_400_000;
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // A form of our own page must be able to say where it comes from.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
};

/** Throws Fault('upstream-port-busy'). */
export async function startServer(
  routes: readonly Route[],
  store: Pick<FleetStore, 'findKiosk' | 'markSeen'>,
  options: ServerOptions,
  host: Host,
): Promise<UpstreamServer> {
  const server = buildServer(routes, store, options, host);
  try {
    await server.listen({ host: options.address, port: options.port });
  } catch (error) {
    await server.close();
    const detail = `${options.address}:${options.port}: ${error instanceof Error ? error.message : error}`;
    throw new Fault('upstream-port-busy', detail, { cause: error });
  }
  const [bound] = server.addresses();
  const name = options.address.includes(':') ? `[${options.address}]` : options.address;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${name}:${typeof bound === 'object' ? bound.port : options.port}`,
    close: () => server.close(),
  };
}

/** Not yet listening. */
export function buildServer(
  routes: readonly Route[],
  store: Pick<FleetStore, 'findKiosk' | 'markSeen'>,
  options: Pick<ServerOptions, 'tls' | 'door' | 'version' | 'revocationOf' | 'disk'>,
  host: Host,
) {
  const { tls } = options;
  const late = { headersTimeout: HEADERS_MS_MAX, connectionsCheckingInterval: LATE_CHECK_MS };
  const server = fastify({
    ...(tls === undefined
      ? { http: late }
      : { https: { ...late, handshakeTimeout: HANDSHAKE_MS_MAX, cert: tls.certificate, key: tls.key } }),
    connectionTimeout: IDLE_MS_MAX,
    bodyLimit: Math.max(...routes.map(({ bodyBytesMax }) => bodyBytesMax)),
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    logger: false,
  });
  tendServer(server.server, { name: 'upstream', silentMax: SILENT_MAX, openMax: CONNECTIONS_MAX }, host.log);
  server.addHook('onRequest', async (_request, response) => void response.headers(HEADERS));
  void server.register(fastifyStatic, { root: packageRoot, serve: false });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.setNotFoundHandler(async (_request, response) => respond(response, problem('not-found')));
  server.setErrorHandler(async (error: Error & { statusCode?: number }, request, response) => {
    const code = options.disk.note(error) ? 'disk-full' : problemOfStatus(error.statusCode);
    if (code === 'internal') host.log.error('request-failed', { path: request.routeOptions.url, why: error.stack ?? error.message });
    return respond(response, problem(code));
  });
  const parts = { ...options, sightings: createSightings(), refused: createRefusedRequests(host) };
  for (const route of routes) {
    server.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: Math.max(route.bodyBytesMax, 1),
      handler: async (request, response) => respond(response, await answer(route, describe(request), store, parts, host.clock.wallMs())),
    });
  }
  const document = openApiDocument(routes, options.version);
  server.get('/v1/openapi.json', async (_request, response) => response.send(document));
  return server;
}

interface AnswerParts extends Pick<ServerOptions, 'door' | 'revocationOf' | 'disk'> {
  readonly sightings: Sightings;
  refused(reason: string, address: string): void;
}

async function answer(
  route: Route,
  request: UpstreamRequest,
  store: Pick<FleetStore, 'findKiosk' | 'markSeen'>,
  options: AnswerParts,
  nowMs: number,
): Promise<Reply> {
  if (route.caller === 'kiosk') {
    const caller = await authenticateKiosk(request, store);
    if (!caller.ok) {
      options.refused(caller.reason, request.address);
      return problem(caller.reason);
    }
    const { kioskId, revokedAtMs } = caller.value.kiosk;
    if (options.sightings.isNew(caller.value, nowMs)) await noteSeen(store, options.disk, kioskId, nowMs);
    if (revokedAtMs !== undefined && !(route.drains === true && mayDrain(revokedAtMs, nowMs))) {
      return { kind: 'statement', status: 403, line: options.revocationOf(caller.value.kiosk, nowMs) };
    }
    return route.handle(request, caller.value);
  }
  if (route.caller === 'anyone') return route.handle(request);
  const operator = await options.door.admit(request);
  if (operator.ok) return route.handle(request, operator.value);
  const isPage = route.reply.kind === 'html' && operator.reason === 'operator-unknown';
  return isPage ? { kind: 'html', body: signInPage(false), status: 401 } : problem(operator.reason);
}

/** On a full disk a kiosk is served all the same: its lists must not stop for a note of when it was seen. */
async function noteSeen(store: Pick<FleetStore, 'markSeen'>, disk: Pick<DiskMark, 'note'>, kioskId: string, nowMs: number): Promise<void> {
  try {
    await store.markSeen(kioskId, nowMs);
  } catch (error) {
    if (!disk.note(error)) throw error;
  }
}

function describe(request: FastifyRequest): UpstreamRequest {
  const params = typeof request.params === 'object' && request.params !== null ? request.params : {};
  return {
    method: request.method,
    target: request.url,
    params: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)])),
    headers: request.headers,
    body: request.body instanceof Uint8Array ? request.body : new Uint8Array(0),
    address: request.ip,
  };
}

function respond(response: FastifyReply, reply: Reply): FastifyReply {
  if (reply.kind === 'file') {
    // With Range: a download that was cut off goes on. It says itself how long it may be kept.
    void response.removeHeader('cache-control');
    return response.sendFile(basename(reply.path), dirname(reply.path), { immutable: true, maxAge: IMMUTABLE_MS });
  }
  if (reply.kind === 'none') return response.code(204).send();
  if (reply.kind === 'statement') {
    return response
      .code(reply.status ?? 200)
      .type('application/vnd.checkpoint.statement')
      .send(`${reply.line}\n`);
  }
  if (reply.kind === 'json') return response.type('application/json').send(JSON.stringify(reply.body));
  if (reply.kind === 'html') {
    return response
      .code(reply.status ?? 200)
      .type('text/html; charset=utf-8')
      .send(reply.body);
  }
  if (reply.kind === 'redirect') return response.header('set-cookie', reply.cookie).redirect(reply.location, 303);
  const body = problemBody(reply.code, reply.detail);
  // Not Basic: a browser would send it along for every page that asks it to.
  if (reply.code === 'operator-unknown') void response.header('www-authenticate', 'Bearer');
  if (body.status === 503 || body.status === 429) void response.header('retry-after', '5');
  return response.code(body.status).type('application/problem+json').send(JSON.stringify(body));
}

function problemOfStatus(status: number | undefined): ProblemCode {
  if (status === 413) return 'body-too-large';
  return status !== undefined && status >= 400 && status < 500 ? 'request-invalid' : 'internal';
}
