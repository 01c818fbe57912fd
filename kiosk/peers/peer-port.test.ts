/** The port of the lanes under whoever can reach it. */
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { nodeClock } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { harass, resetAfter, silentSockets, upgradeRequest } from '../../fixtures/hostile-client.ts';
import { listenForPeers, type PeerListener } from './peer-socket.ts';

let listener: PeerListener;
beforeEach(async () => {
  listener = await listenForPeers({ host: '127.0.0.1', port: 0 }, () => undefined, { clock: nodeClock, log: silentLog });
});
afterEach(() => listener.close());

async function joins(): Promise<boolean> {
  const socket = new WebSocket(`ws://127.0.0.1:${listener.port}/peers`);
  const isOpen = await Promise.race([once(socket, 'open').then(() => true), once(socket, 'error').then(() => false)]);
  socket.terminate();
  return isOpen;
}

it('lives through upgrades that are refused or taken and then reset', async () => {
  const target = { port: listener.port };
  await harass(target, 60, '/peers');
  await resetAfter(target, 100, upgradeRequest(target, '/peers', {}));
  expect(await joins()).toBe(true);
});

it('lets another lane in while hundreds of silent connections stand before it, and ends those', async () => {
  const silent = await silentSockets({ port: listener.port }, 300);
  try {
    expect(await joins()).toBe(true);
    await expect.poll(silent.open).toBeLessThanOrEqual(32);
    await expect.poll(silent.open, { timeout: 20_000 }).toBe(0);
  } finally {
    silent.close();
  }
});
