import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import type { Quad } from '../decode/decoder.ts';
import { openZxingWasm } from '../decode/zxing-wasm-reader.ts';
import { type Display, openDisplay } from './display.ts';
import { mirrorPicture } from './mirror.ts';
import { closedScreen, DWELL_MS, mayCutIn, type ScreenModel, viewAt } from './screen-state.ts';

const guide = { x: 0.15, y: 0, width: 0.7, height: 1 };
let folder = '';
let display: Display;
const alarms: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'server-test-'));
  alarms.length = 0;
  const log = { ...silentLog, error: (event: string) => void alarms.push(event) };
  display = await openDisplay(
    { port: 0, tokenDir: folder, sessions: { read: () => [], write: () => undefined }, guide, required: true },
    { clock: nodeClock, random: nodeRandom, log },
  );
});
afterEach(async () => {
  await display.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly cookie: string;
  readonly headers: Record<string, unknown>;
}

async function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port: display.port, path, method, headers }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  const cookie = String(response.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
  return { status: response.statusCode, cookie, headers: response.headers };
}

const pathOf = (url: string) => url.slice(url.indexOf('/enter'));
const enter = async (role: 'citizen' | 'supervisor' = 'citizen') => (await get(pathOf(display.enterUrl(role)))).cookie;

async function connect(path: string, headers: Record<string, string>): Promise<WebSocket | number> {
  const socket = new WebSocket(`ws://127.0.0.1:${display.port}${path}`, { headers });
  return Promise.race([
    once(socket, 'open').then(() => socket),
    once(socket, 'unexpected-response').then(([, response]) => {
      response.resume();
      return Number(response.statusCode);
    }),
  ]);
}
const origin = () => ({ origin: `http://127.0.0.1:${display.port}` });

describe('the pages', () => {
  it('come with a strict content policy and are not stored', async () => {
    const { status, headers } = await get('/citizen/');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
  });

  it('answer no other host name and no other method', async () => {
    expect((await get('/citizen/', { host: 'evil.example' })).status).toBe(421);
    expect((await get('/citizen/', { host: `evil.example:${display.port}` })).status).toBe(421);
    expect((await get('/citizen/', {}, 'POST')).status).toBe(405);
  });

  it('serve no file outside of their folder', async () => {
    for (const path of ['/../package.json', '/%2e%2e/%2e%2e/package.json', '/citizen/..%2f..%2f..%2f..%2fpackage.json']) {
      expect((await get(path)).status).not.toBe(200);
    }
  });
});

describe('who may connect', () => {
  it('needs the one-time token, which only the kiosk user can read', async () => {
    expect(statSync(join(folder, 'citizen.token')).mode & 0o777).toBe(0o600);
    expect(display.enterUrl('citizen')).toContain(readFileSync(join(folder, 'citizen.token'), 'utf8').trim());
    expect((await get('/enter/citizen?token=wrong')).status).toBe(403);
    expect((await get('/enter/admin?token=x')).status).toBe(404);
    const { status, headers } = await get(pathOf(display.enterUrl('citizen')));
    expect(status).toBe(302);
    expect(String(headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
  });

  it('raises an alarm on a token used twice, and ends the sessions of its role', async () => {
    const url = pathOf(display.enterUrl('citizen'));
    const cookie = (await get(url)).cookie;
    const socket = await connect('/citizen/socket', { cookie, ...origin() });
    if (!(socket instanceof WebSocket)) throw new Error(`refused: ${socket}`);
    const closed = once(socket, 'close');
    expect((await get(url)).status).toBe(403);
    expect(alarms).toContain('display-token-reused');
    expect((await closed)[0]).toBe(4001);
    expect(await connect('/citizen/socket', { cookie, ...origin() })).toBe(403);
    expect((await get(pathOf(display.enterUrl('citizen')))).status).toBe(302);
  });

  it('lets the same browser go back to its link, also to one of an earlier run of the kiosk', async () => {
    const url = pathOf(display.enterUrl('citizen'));
    const { cookie } = await get(url);
    expect((await get(url, { cookie })).status).toBe(302);
    expect((await get('/enter/citizen?token=of-an-earlier-run', { cookie })).status).toBe(302);
    expect((await get('/enter/citizen', { cookie })).status).toBe(302);
    expect((await get('/enter/supervisor?token=of-an-earlier-run', { cookie })).status).toBe(403);
    expect(alarms).toEqual([]);
  });

  it('says whether a browser is known, and nothing else', async () => {
    const cookie = await enter();
    expect((await get('/citizen/session', { cookie })).status).toBe(204);
    expect((await get('/citizen/session')).status).toBe(403);
    expect((await get('/supervisor/session', { cookie })).status).toBe(403);
    expect((await get('/admin/session', { cookie })).status).toBe(403);
  });

  it('refuses sockets without cookie, with a foreign origin, or of another role', async () => {
    const cookie = await enter();
    expect(await connect('/citizen/socket', origin())).toBe(403);
    expect(await connect('/citizen/socket', { cookie })).toBe(403);
    expect(await connect('/citizen/socket', { cookie, origin: 'http://evil.example' })).toBe(403);
    expect(await connect('/supervisor/socket', { cookie, ...origin() })).toBe(403);
    expect(await connect('/elsewhere', { cookie, ...origin() })).toBe(403);
  });

  it('closes a page that sends anything but what it painted', async () => {
    const cookie = await enter();
    for (const bad of ['{}', 'x', '{"kind":"pass"}', 'y'.repeat(10_000)]) {
      const socket = await connect('/citizen/socket', { cookie, ...origin() });
      if (!(socket instanceof WebSocket)) throw new Error(`refused: ${socket}`);
      socket.on('error', () => undefined);
      socket.send(bad);
      const [code] = await once(socket, 'close');
      expect([1008, 1009]).toContain(code);
    }
  });

  it('has one screen: the newer page takes the place of the older', async () => {
    const cookie = await enter();
    const first = await connect('/citizen/socket', { cookie, ...origin() });
    if (!(first instanceof WebSocket)) throw new Error('refused');
    const closed = once(first, 'close');
    const second = await connect('/citizen/socket', { cookie, ...origin() });
    expect((await closed)[0]).toBe(4000);
    if (second instanceof WebSocket) second.close();
  });

  it('believes no page that confirms another state than the one sent', async () => {
    const cookie = await enter();
    const socket = await connect('/citizen/socket', { cookie, ...origin() });
    if (!(socket instanceof WebSocket)) throw new Error('refused');
    const said = { bootId: '', seq: 0 };
    socket.on('message', (data) => {
      Object.assign(said, JSON.parse(data.toString()));
      socket.send(JSON.stringify({ kind: 'alive', bootId: said.bootId, seq: said.seq, state: 'idle' }));
    });
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(said.seq).toBeGreaterThan(0);
    expect(display.health().ready).toBe(false);
    socket.close();
  });
});

describe('the mirror', () => {
  it('shows no code that a camera could read from the screen', async () => {
    const reader = await openZxingWasm();
    const size = { widthPx: 1280, heightPx: 720 };
    for (const modulePx of [4, 6, 9]) {
      const luma = renderFrame({
        ...size,
        seed: 4,
        code: { text: 'CP1:SECRET CODE OF A PERSON', modulePx, look: 'phone', x: 0.5, y: 0.5, turnDeg: 8 },
      });
      const symbols = await reader.read({ ...size, luma });
      expect(symbols.map(({ text }) => text)).toContain('CP1:SECRET CODE OF A PERSON');
      const frame = { ...size, luma, stride: 1280, arrivedAtMs: 0, generation: 1, sequence: 1 };
      const quads = symbols.map(({ quad }) => quad);
      const bare = mirrorPicture(frame, guide, [], []);
      const covered = mirrorPicture(frame, guide, quads, []);
      const later = mirrorPicture(frame, guide, [], quads);
      for (const picture of [covered, later]) expect((await reader.read(picture)).filter(({ text }) => text !== undefined)).toEqual([]);
      // Without the cover the largest one would be readable: the test can fail.
      if (modulePx === 9) expect((await reader.read(bare)).map(({ text }) => text)).toContain('CP1:SECRET CODE OF A PERSON');
    }
  });

  it('survives corners outside of the picture', () => {
    const frame = { widthPx: 64, heightPx: 48, luma: new Uint8Array(64 * 48), stride: 64, arrivedAtMs: 0, generation: 1, sequence: 1 };
    const wild: Quad = [
      { x: -500, y: -500 },
      { x: 900, y: -3 },
      { x: 1_000, y: 700 },
      { x: -7, y: 4_000 },
    ];
    expect(() => mirrorPicture(frame, guide, [wild], [wild])).not.toThrow();
  });
});

describe('the screen over time', () => {
  const open: ScreenModel = { ...closedScreen, fault: undefined };
  const withResult = (state: 'pass' | 'deny' | 'see-staff' | 'ask' | 'already-recorded'): ScreenModel => ({
    ...open,
    result: { view: { state, grade: 'fresh', sliceAgeMinutes: 0 }, sinceMs: 1_000 },
  });

  it.each([
    ['pass', 1_200],
    ['deny', 3_000],
    ['see-staff', 3_000],
    ['ask', 500],
    ['already-recorded', 1_200],
  ] as const)('holds %s for its dwell and lets nothing cut in before %i ms', (state, cutInMs) => {
    const model = withResult(state);
    expect(viewAt(model, 1_000 + DWELL_MS[state] - 1).view.state).toBe(state);
    expect(viewAt(model, 1_000 + DWELL_MS[state]).view.state).toBe(state === 'ask' ? 'see-staff' : 'idle');
    expect(mayCutIn(model, 1_000 + cutInMs - 1)).toBe(false);
    expect(mayCutIn(model, 1_000 + cutInMs)).toBe(true);
  });

  describe('and a code that is still held up after its result', () => {
    const heldAfter = (state: 'pass' | 'deny' | 'see-staff' | 'ask' | 'already-recorded', saidMs: number): ScreenModel => {
      const model = withResult(state);
      return { ...model, held: model.result && { result: model.result.view, saidMs } };
    };

    it.each([
      ['pass', 'go'],
      ['already-recorded', 'go'],
      ['deny', 'staff'],
      ['see-staff', 'staff'],
    ] as const)('is done with: %s leads on to %s', (state, next) => {
      const afterMs = 1_000 + DWELL_MS[state];
      expect(viewAt(heldAfter(state, afterMs), afterMs - 1).view.state).toBe(state);
      expect(viewAt(heldAfter(state, afterMs), afterMs).view).toEqual({ state: 'done', next });
      expect(viewAt({ ...heldAfter(state, afterMs), held: undefined }, afterMs).view.state).toBe('idle');
    });

    it('is not said any more by a kiosk that has stopped looking', () => {
      expect(viewAt(heldAfter('pass', 5_000), 6_400).view.state).toBe('done');
      expect(viewAt(heldAfter('pass', 5_000), 6_600).view.state).toBe('idle');
    });

    it('holds up nobody: another code is read and decided beside it', () => {
      const model = heldAfter('pass', 5_000);
      expect(mayCutIn(model, 5_000)).toBe(true);
      expect(viewAt({ ...model, reading: { hint: 'closer', sinceMs: 5_000 } }, 5_100).view.state).toBe('reading');
    });

    it('is news to no page that showed no result, and is behind a closed lane', () => {
      expect(viewAt({ ...heldAfter('pass', 5_000), result: undefined }, 5_000).view.state).toBe('idle');
      expect(viewAt({ ...heldAfter('pass', 5_000), fault: 'camera-stalled' }, 5_000).view.state).toBe('out-of-service');
    });
  });

  it('lets a closed lane win over everything', () => {
    expect(viewAt({ ...withResult('pass'), fault: 'camera-stalled' }, 1_001).view).toEqual({ state: 'out-of-service', code: 'O-12' });
  });

  it('begins as out of service', () => {
    expect(viewAt(closedScreen, 0).view.state).toBe('out-of-service');
  });

  it('ends a reading that nobody ends', () => {
    const model: ScreenModel = { ...open, reading: { hint: 'closer', sinceMs: 0 } };
    expect(viewAt(model, 5_000).view.state).toBe('reading');
    expect(viewAt(model, 6_000).view.state).toBe('idle');
  });
});
