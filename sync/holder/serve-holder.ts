/**
 * Serves the holder's page: a few built files, read once at the start, to whoever asks. It takes nothing in, keeps nothing and
 * knows nobody: key and code stay on the phone. The content policy lets the page fetch and send nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { Fault } from '../../config/faults.ts';
import { packageRoot } from '../../config/host/install-paths.ts';
import { LATE_CHECK_MS, tendServer } from '../../config/host/tend-server.ts';
import type { Log } from '../../config/ports/log.ts';

export interface HolderServer {
  readonly port: number;
  close(): Promise<void>;
}

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-store',
};
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
};
const REQUEST_MS_MAX = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** Who takes nothing of a file for so long has gone. */
const IDLE_MS_MAX = 20_000;
const SILENT_MAX = 100;
const CONNECTIONS_MAX = 500;

interface ServedFile {
  readonly type: string;
  readonly body: Buffer;
}

/** `port` 0 for any. Throws Fault('holder-page-missing') and Fault('holder-port-busy'). */
export async function serveHolder({ address, port }: { readonly address: string; readonly port: number }, log: Log): Promise<HolderServer> {
  const files = readFiles(join(packageRoot, 'dist/sync/holder/page'));
  const timeouts = { headersTimeout: REQUEST_MS_MAX, requestTimeout: REQUEST_MS_MAX, keepAliveTimeout: KEEP_ALIVE_MS };
  const server = createServer({ ...timeouts, connectionsCheckingInterval: LATE_CHECK_MS }, (request, response) => {
    // A body is not waited for: there is nothing to take in.
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answer(response, 405, { allow: 'GET, HEAD', connection: 'close' }, 'Only GET.\n');
    const file = files.get((request.url ?? '').replace(/\?.*$/s, ''));
    if (file === undefined) return answer(response, 404, { 'content-type': 'text/plain' }, 'No such page.\n');
    return answer(response, 200, { 'content-type': file.type }, file.body);
  });
  server.timeout = IDLE_MS_MAX;
  tendServer(server, { name: 'holder', silentMax: SILENT_MAX, openMax: CONNECTIONS_MAX }, log);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Fault('holder-port-busy', `${address}:${port}: ${error.message}`, { cause: error })));
    server.listen({ host: address, port }, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body: string | Buffer): void {
  response.writeHead(status, { ...HEADERS, ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** By path. What is not in the folder at the start is never served, whatever a path says. */
function readFiles(folder: string): ReadonlyMap<string, ServedFile> {
  const files = new Map<string, ServedFile>();
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const type = TYPES[extname(entry.name)];
      if (!entry.isFile() || type === undefined) continue;
      const file = join(entry.parentPath, entry.name);
      files.set(file.slice(folder.length).replaceAll('\\', '/'), { type, body: readFileSync(file) });
    }
  } catch (error) {
    throw new Fault('holder-page-missing', `${folder}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const index = files.get('/index.html');
  if (index === undefined) throw new Fault('holder-page-missing', `${folder}: holds no index.html`);
  return files.set('/', index);
}
