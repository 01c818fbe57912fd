/** The real kiosk process under whoever can reach its ports: it lives, says who was refused, and serves its own pages. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { nodeRandom } from '../config/host/node-host.ts';
import { createDemoKit } from '../fixtures/demo-kit.ts';
import { harass, resetAfter, silentSockets, upgradeRequest } from '../fixtures/hostile-client.ts';
import { type KioskProcess, startKioskProcess } from '../fixtures/kiosk-process.ts';
import { parseMetrics } from '../fixtures/prometheus.ts';
import { renderFrame } from '../fixtures/render-qr.ts';

const SIZE = { widthPx: 320, heightPx: 240 };
let folder = '';
let kiosk: KioskProcess;
let port = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hostile-'));
  const head = `YUV4MPEG2 W${SIZE.widthPx} H${SIZE.heightPx} F10:1 Ip A1:1 Cmono\n`;
  const frames = [1, 2, 3].flatMap((seed) => [Buffer.from('FRAME\n'), renderFrame({ ...SIZE, seed })]);
  writeFileSync(join(folder, 'empty.y4m'), Buffer.concat([Buffer.from(head), ...frames]));
  const config = { 'camera.kind': 'replay', 'camera.source': 'empty.y4m', 'display.port': 0, 'display.required': false };
  const kit = createDemoKit({ folder, nowMs: Date.now(), demo: false, config }, nodeRandom);
  kiosk = startKioskProcess(kit.configFile, join(folder, 'data'));
  port = Number((await kiosk.until('kiosk-started', 1, 60_000)).port);
}, 90_000);
afterEach(async () => {
  expect(await kiosk.stop()).toBe(0);
  rmSync(folder, { recursive: true, force: true });
});

const origin = () => `http://127.0.0.1:${port}`;
const metrics = async () => parseMetrics(await (await fetch(`${origin()}/metrics`)).text());
async function enter(role: 'citizen' | 'supervisor'): Promise<string> {
  const { headers } = await fetch(kiosk.enterUrl(role), { redirect: 'manual' });
  return headers.get('set-cookie')?.split(';')[0] ?? '';
}
const socketOf = (cookie: string, path: string) =>
  new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { cookie, origin: origin() } });
const ending = (socket: WebSocket) =>
  Promise.race([
    once(socket, 'open').then(() => 'open'),
    once(socket, 'unexpected-response').then(([, response]) => {
      response.resume();
      return `${response.statusCode} ${response.headers['x-reason'] ?? ''}`;
    }),
  ]);

describe('the kiosk process', () => {
  it('lives through hundreds of upgrades that are refused and reset, half requests and broken bodies', async () => {
    await harass({ port }, 200, '/citizen/socket');
    const cookie = await enter('citizen');
    // Also where the upgrade itself would be taken.
    await resetAfter({ port }, 100, upgradeRequest({ port }, '/citizen/mirror', { cookie, origin: origin() }));
    expect((await fetch(`${origin()}/citizen/`)).status).toBe(200);
    expect(await ending(socketOf(cookie, '/citizen/socket'))).toBe('open');
    expect((await metrics()).get('checkpoint_refused_total{door="page-socket"}')).toBeGreaterThanOrEqual(200);
    const refusals = kiosk.log.filter(({ event }) => event === 'display-refused');
    expect(refusals).toMatchObject([{ door: 'page-socket' }]);
  }, 120_000);

  it('counts and logs page tokens that are not its own', async () => {
    for (let guess = 0; guess < 5; guess++) expect((await fetch(`${origin()}/enter/supervisor?token=guess-${guess}`)).status).toBe(403);
    expect((await metrics()).get('checkpoint_refused_total{door="page-token"}')).toBe(5);
    const line = await kiosk.until('display-refused');
    expect(line).toMatchObject({ door: 'page-token', why: 'refused' });
    expect(JSON.stringify(kiosk.log)).not.toContain('guess-');
  });

  it('keeps no more than a few silent sockets, however many there are, and serves its pages meanwhile', async () => {
    const silent = await silentSockets({ port }, 600);
    const halves = await silentSockets({ port }, 100, 'GET /citizen/ HTTP/1.1\r\n');
    try {
      expect((await fetch(`${origin()}/citizen/`)).status).toBe(200);
      await expect.poll(() => silent.open() + halves.open(), { timeout: 10_000 }).toBeLessThanOrEqual(64);
      // Nor those for long.
      await expect.poll(() => silent.open() + halves.open(), { timeout: 20_000 }).toBe(0);
      expect((await fetch(`${origin()}/metrics`)).status).toBe(200);
    } finally {
      silent.close();
      halves.close();
    }
  }, 60_000);

  it('keeps the newest mirrors of one session, and refuses one supervisor page too many by name', async () => {
    const cookie = await enter('citizen');
    const mirrors: WebSocket[] = [];
    for (let index = 0; index < 300; index++) {
      const socket = socketOf(cookie, '/citizen/mirror');
      socket.on('error', () => undefined);
      mirrors.push(socket);
      if (index % 10 === 9) await Promise.all(mirrors.slice(-10).map(ending));
    }
    const open = () => mirrors.filter(({ readyState }) => readyState === WebSocket.OPEN);
    await expect.poll(() => open().length, { timeout: 10_000 }).toBeLessThanOrEqual(2);
    const [last] = mirrors.slice(-1);
    expect(last?.readyState).toBe(WebSocket.OPEN);
    const staff = await enter('supervisor');
    const answers = [];
    for (let index = 0; index < 10; index++) answers.push(await ending(socketOf(staff, '/supervisor/socket')));
    expect(answers).toEqual([...Array(8).fill('open'), ...Array(2).fill('503 too-many-sockets')]);
    for (const socket of mirrors) socket.terminate();
  }, 60_000);
});
