import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { createBrowserSource } from '../camera/browser-source.ts';
import type { FrameSource } from '../camera/frame-source.ts';
import { PAGE_FRAME_MAGIC, pageFrameBytesMax } from '../camera/page-frames.ts';
import { createPageLinks } from '../camera/page-link.ts';
import { type Display, openDisplay } from './display.ts';

const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
const guide = { x: 0.15, y: 0, width: 0.7, height: 1 };
const SIZE = { widthPx: 320, heightPx: 240 };
let folder = '';
let display: Display;
let source: FrameSource;
const sockets: WebSocket[] = [];

async function start(hasCamera: boolean) {
  const links = createPageLinks(pageFrameBytesMax(SIZE));
  display = await openDisplay(
    {
      port: 0,
      tokenDir: folder,
      sessions: { read: () => [], write: () => undefined },
      guide,
      required: true,
      camera: hasCamera ? links : undefined,
    },
    host,
  );
  const settings = { kind: 'browser', source: 'any', login: undefined, ...SIZE, frameRateHz: 30 } as const;
  source = createBrowserSource({ ...settings, ffmpegPath: '', stalledMs: 500, loops: 1 }, links, host);
}
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'camera-socket-'));
  await start(true);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await source.close();
  await display.close();
  rmSync(folder, { recursive: true, force: true });
});

const origin = () => `http://127.0.0.1:${display.port}`;
const enter = async (role: 'citizen' | 'supervisor' = 'citizen') => {
  const { headers } = await fetch(display.enterUrl(role), { redirect: 'manual' });
  return headers.get('set-cookie')?.split(';')[0] ?? '';
};

async function connect(headers: Record<string, string>, path = '/citizen/camera'): Promise<WebSocket | number> {
  const socket = new WebSocket(`ws://127.0.0.1:${display.port}${path}`, { headers });
  sockets.push(socket);
  return Promise.race([
    once(socket, 'open').then(() => socket),
    once(socket, 'unexpected-response').then(([, response]) => {
      response.resume();
      return Number(response.statusCode);
    }),
  ]);
}

async function connected(cookie: string): Promise<WebSocket> {
  const socket = await connect({ cookie, origin: origin() });
  if (!(socket instanceof WebSocket)) throw new Error(`refused: ${socket}`);
  return socket;
}

function frame(sequence: number, level = 5, { widthPx, heightPx } = SIZE): Buffer {
  const bytes = Buffer.alloc(20 + widthPx * heightPx, level);
  bytes.writeUInt32BE(PAGE_FRAME_MAGIC, 0);
  bytes.writeUInt16BE(widthPx, 4);
  bytes.writeUInt16BE(heightPx, 6);
  bytes.writeUInt32BE(sequence, 8);
  bytes.writeDoubleBE(performance.now(), 12);
  return bytes;
}

describe('the socket of the camera', () => {
  it('is only for the page of the citizen, on this server, with its cookie', async () => {
    const cookie = await enter();
    expect(await connect({ origin: origin() })).toBe(403);
    expect(await connect({ cookie })).toBe(403);
    expect(await connect({ cookie, origin: 'http://evil.example' })).toBe(403);
    expect(await connect({ cookie, origin: origin(), host: `evil.example:${display.port}` })).toBe(403);
    expect(await connect({ cookie: await enter('supervisor'), origin: origin() })).toBe(403);
    expect(await connect({ cookie: 'checkpoint-citizen=', origin: origin() })).toBe(403);
    expect(source.health().frameAgeMs).toBe(Infinity);
    expect(await connect({ cookie, origin: origin() })).toBeInstanceOf(WebSocket);
  });

  it('is not there where the kiosk has a camera of its own, and the pages may not use one', async () => {
    expect((await fetch(`${origin()}/citizen/`)).headers.get('permissions-policy')).toBe('camera=(self), microphone=()');
    await source.close();
    await display.close();
    await start(false);
    expect((await fetch(`${origin()}/citizen/`)).headers.get('permissions-policy')).toBe('camera=(), microphone=()');
    expect(await connect({ cookie: await enter(), origin: origin() })).toBe(403);
  });

  it('is announced to the citizen page', async () => {
    const cookie = await enter();
    const kinds: string[] = [];
    const connecting = connect({ cookie, origin: origin() }, '/citizen/socket');
    sockets.at(-1)?.on('message', (data) => kinds.push(JSON.parse(data.toString()).kind));
    expect(await connecting).toBeInstanceOf(WebSocket);
    await expect.poll(() => kinds).toContain('camera');
  });

  it('brings frames', async () => {
    const socket = await connected(await enter());
    socket.send(frame(1, 77));
    const taken = await source.next();
    expect(taken).toMatchObject({ ...SIZE, generation: 1 });
    expect([taken?.luma[0], taken?.luma.at(-1)]).toEqual([77, 77]);
  });

  it('belongs to the newer page', async () => {
    const cookie = await enter();
    const first = await connected(cookie);
    first.send(frame(1, 1));
    await source.next();
    const closed = once(first, 'close');
    const second = await connected(cookie);
    expect((await closed)[0]).toBe(4000);
    second.send(frame(1, 2));
    const taken = await source.next();
    expect([taken?.generation, taken?.luma[0]]).toEqual([2, 2]);
  });

  const longer = Buffer.concat([frame(1), Buffer.alloc(1)]);
  it.each<[string, Buffer | string, number]>([
    ['a byte more than the largest picture', longer, 1009],
    ['ten megabytes', Buffer.alloc(10_000_000), 1009],
    ['a byte too few', frame(1).subarray(0, -1), 1008],
    ['another head', Buffer.alloc(1_000, 1), 1008],
    ['nothing', Buffer.alloc(0), 1008],
    ['a picture that is too wide', frame(1, 5, { widthPx: 321, heightPx: 20 }), 1008],
    ['a verdict', '{"kind":"pass"}', 1008],
    ['a long text', 'x'.repeat(50_000), 1008],
  ])('is closed on %s', async (_name, bad, closeCode) => {
    const socket = await connected(await enter());
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    socket.send(bad);
    expect((await closed)[0]).toBe(closeCode);
    await expect.poll(() => source.health().fault).toMatch(/camera-(malformed|settings)/);
  });

  it('is ended for a page that does not answer', async () => {
    const socket = await connected(await enter());
    socket.send(frame(1));
    await source.next();
    socket.pause();
    const closed = once(socket, 'close');
    await expect.poll(() => source.health().fault).toBe('camera-stalled');
    socket.resume();
    expect((await closed)[0]).toBe(4003);
  });

  it('ends with the sessions when a token is used twice', async () => {
    const url = display.enterUrl('citizen');
    const { headers } = await fetch(url, { redirect: 'manual' });
    const closed = once(await connected(headers.get('set-cookie')?.split(';')[0] ?? ''), 'close');
    expect((await fetch(url, { redirect: 'manual' })).status).toBe(403);
    expect((await closed)[0]).toBe(4001);
  });
});
