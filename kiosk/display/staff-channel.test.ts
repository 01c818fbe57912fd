/** What the supervisor's page may say to the kiosk, over a real socket. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { type Display, type DisplayOptions, openDisplay } from './display.ts';
import type { StaffMessage } from './messages.ts';

const ANSWER = { ok: true, vi: 'Đã nhận', en: 'Taken' };
const MESSAGE = { kind: 'confirm-time', atMs: 1_768_446_000_000 };
let folder: string;
let display: Display;
let heard: StaffMessage[];

const open = async (more: Partial<DisplayOptions>) => {
  const sessions = { read: () => [], write: () => undefined };
  display = await openDisplay(
    { port: 0, tokenDir: folder, sessions, guide: { x: 0, y: 0, width: 1, height: 1 }, required: true, ...more },
    { clock: nodeClock, random: nodeRandom, log: silentLog },
  );
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'staff-'));
  heard = [];
  const onStaff = (message: StaffMessage) => {
    heard.push(message);
    return ANSWER;
  };
  await open({ onStaff });
});
afterEach(async () => {
  await display.close();
  rmSync(folder, { recursive: true, force: true });
});

const cookieOf = async (role: 'citizen' | 'supervisor') => {
  const entered = await fetch(display.enterUrl(role), { redirect: 'manual' });
  return entered.headers.get('set-cookie')?.split(';')[0] ?? '';
};

/** A page of staff; `next` gives its next message, or the code with which the kiosk closed it. */
async function page(channel: 'supervisor' | 'citizen' = 'supervisor') {
  const origin = `http://127.0.0.1:${display.port}`;
  const socket = new WebSocket(`ws://127.0.0.1:${display.port}/${channel}/socket`, {
    headers: { origin, cookie: await cookieOf(channel) },
  });
  const events: unknown[] = [];
  socket.on('message', (data) => events.push(JSON.parse(data.toString())));
  socket.on('close', (code) => events.push(code));
  await once(socket, 'open');
  const next = async () => {
    await expect.poll(() => events.length, { timeout: 3_000, interval: 5 }).toBeGreaterThan(0);
    return events.shift();
  };
  return { send: (data: unknown) => socket.send(typeof data === 'string' ? data : JSON.stringify(data)), socket, next };
}

describe('what staff say', () => {
  it('is handed on as it was said, and answered on the page that said it', async () => {
    const [one, other] = [await page(), await page()];
    one.send(MESSAGE);
    expect(await one.next()).toEqual({ kind: 'staff-reply', to: 'confirm-time', ...ANSWER });
    expect(heard).toEqual([MESSAGE]);
    display.setSupervisor(JSON.parse('{"kioskId":"k1"}'));
    // The other page hears nothing of it: the snapshot is its first message.
    expect(await other.next()).toEqual({ kind: 'snapshot', kioskId: 'k1' });
  });

  it.each([
    ['no JSON', 'confirm'],
    ['another kind', { ...MESSAGE, kind: 'open-lane' }],
    ['a field too many', { ...MESSAGE, floor: 0 }],
    ['no time', { kind: 'confirm-time' }],
    ['half a millisecond', { ...MESSAGE, atMs: 0.5 }],
    ['a time as text', { ...MESSAGE, atMs: '1768446000000' }],
    ['a time beyond what is counted exactly', { ...MESSAGE, atMs: 2 ** 53 }],
  ])('ends the connection where it is %s, and reaches nobody', async (_name, data) => {
    const one = await page();
    one.send(data);
    expect(await one.next()).toBe(1008);
    expect(heard).toEqual([]);
  });

  it('ends the connection where it is too long, or no text', async () => {
    const [long, binary] = [await page(), await page()];
    long.send(JSON.stringify(MESSAGE).padEnd(513));
    expect(await long.next()).toBe(1009);
    binary.socket.send(Buffer.from(JSON.stringify(MESSAGE)), { binary: true });
    expect(await binary.next()).toBe(1008);
    expect(heard).toEqual([]);
  });

  it('is bounded to ten in ten seconds, of all pages together, and told so', async () => {
    const pages = [await page(), await page()];
    const replies: unknown[] = [];
    for (let index = 0; index < 12; index++) {
      const one = pages[index % 2];
      one?.send(MESSAGE);
      replies.push(await one?.next());
    }
    expect(heard).toHaveLength(10);
    expect(replies.slice(10)).toMatchObject([{ ok: false }, { ok: false }]);
  });

  it('is not heard from a citizen page, nor where nobody handles it', async () => {
    const citizen = await page('citizen');
    citizen.send(MESSAGE);
    await expect.poll(citizen.next, { timeout: 3_000, interval: 5 }).toBe(1008);
    await display.close();
    await open({});
    const one = await page();
    one.send(MESSAGE);
    expect(await one.next()).toBe(1008);
    expect(heard).toEqual([]);
  });

  it('is not heard from a page of another site, nor without a session', async () => {
    const cookie = await cookieOf('supervisor');
    const own = `http://127.0.0.1:${display.port}`;
    for (const headers of [
      { cookie, origin: 'http://evil.example' },
      { cookie },
      { origin: own },
      { cookie: await cookieOf('citizen'), origin: own },
    ]) {
      const socket = new WebSocket(`ws://127.0.0.1:${display.port}/supervisor/socket`, { headers });
      const [, response] = await once(socket, 'unexpected-response');
      response.resume();
      expect(response.statusCode).toBe(403);
    }
  });
});
