import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { upgradeRequest } from '../../fixtures/hostile-client.ts';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import { createPageSockets } from './page-sockets.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

it('ends a page that answers no ping, and keeps one that does', async () => {
  const host = createSimulatedHost();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const sockets = createPageSockets(host.clock);
  closers.push(sockets.close, () => server.close());
  const join = async (answers: boolean): Promise<WebSocket> => {
    const client = connect(port, '127.0.0.1');
    closers.push(() => client.destroy());
    // A ping is two bytes; a masked pong of nothing is six.
    client.on('data', (bytes) => {
      if (answers && bytes.includes(0x89)) client.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
    });
    client.write(upgradeRequest({ port }, '/', {}));
    const [socket] = await once(server, 'connection');
    return socket;
  };
  const [mute, alive] = [await join(false), await join(true)];
  sockets.add('supervisor', 's', mute);
  sockets.add('supervisor', 's', alive);
  for (let round = 0; round < 4; round++) {
    const answered = round < 3 ? once(alive, 'pong') : undefined;
    host.advance(10_000);
    await answered;
  }
  await expect.poll(() => mute.readyState).toBe(mute.CLOSED);
  expect(alive.readyState).toBe(alive.OPEN);
});
