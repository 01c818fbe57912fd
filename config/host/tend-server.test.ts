import { once } from 'node:events';
import { Agent, createServer, request, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type SilentSockets, silentSockets } from '../../fixtures/hostile-client.ts';
import { silentLog } from '../ports/log.ts';
import { tendServer } from './tend-server.ts';

let server: Server;
const opened: SilentSockets[] = [];
afterEach(() => {
  for (const sockets of opened.splice(0)) sockets.close();
  server.closeAllConnections();
  server.close();
});

/** Answers at once, but for /wait: those are handed out. */
async function serve(silentMax: number, openMax: number) {
  const held: ServerResponse[] = [];
  server = createServer((asked, response) => {
    if (asked.url === '/wait') held.push(response);
    else asked.resume().on('end', () => response.end('here'));
  });
  const warned: string[] = [];
  tendServer(server, { name: 'test', silentMax, openMax }, { ...silentLog, warn: (event) => void warned.push(event) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, held, warned };
}

const silent = async (port: number, count: number, text?: string) => {
  const sockets = await silentSockets({ port }, count, text);
  opened.push(sockets);
  return sockets;
};

async function ask(port: number, path: string, agent?: Agent): Promise<number> {
  const sent = request({ host: '127.0.0.1', port, path, agent: agent ?? false }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

describe('a tended server', () => {
  it('lets the oldest silent connections go, and never one that waits for its answer', async () => {
    const { port, held } = await serve(5, 100);
    const waiting = ask(port, '/wait');
    await expect.poll(() => held.length).toBe(1);
    const sockets = await silent(port, 40);
    await expect.poll(sockets.open).toBe(5);
    expect(await ask(port, '/')).toBe(200);
    held[0]?.end();
    expect(await waiting).toBe(200);
  });

  it('takes a body that dribbles in for silence', async () => {
    const { port } = await serve(5, 100);
    const sockets = await silent(port, 40, 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nx');
    await expect.poll(sockets.open).toBe(5);
  });

  it('makes room among idle connections for whoever comes, and refuses only where all are at work', async () => {
    const { port, held } = await serve(5, 6);
    const agents = Array.from({ length: 6 }, () => new Agent({ keepAlive: true }));
    for (const agent of agents) expect(await ask(port, '/', agent)).toBe(200);
    expect(await ask(port, '/')).toBe(200);
    const waiting = Array.from({ length: 6 }, () => ask(port, '/wait'));
    await expect.poll(() => held.length).toBe(6);
    await expect(ask(port, '/')).rejects.toThrow();
    for (const response of held) response.end();
    expect(await Promise.all(waiting)).toEqual(Array(6).fill(200));
    for (const agent of agents) agent.destroy();
  });

  it('lives when the system cannot give it one more connection, and says so', async () => {
    const { port, warned } = await serve(5, 6);
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    expect(warned).toEqual(['server-error', 'server-error']);
    expect(await ask(port, '/')).toBe(200);
  });
});
