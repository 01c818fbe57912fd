/** The real centre process under whoever can reach its port: it lives, answers, and writes down who guesses. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { nodeRandom } from '../../config/host/node-host.ts';
import { type CentreProcess, startCentreProcess } from '../../fixtures/centre-process.ts';
import { createDemoKit, type DemoKit } from '../../fixtures/demo-kit.ts';
import { harass, silentSockets } from '../../fixtures/hostile-client.ts';

let folder: string;
let kit: DemoKit;
let centre: CentreProcess;
let port: number;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hostile-centre-'));
  kit = createDemoKit({ folder, nowMs: Date.now(), demo: true, config: {} }, nodeRandom);
  centre = await startCentreProcess(kit, join(folder, 'store.db'));
  port = Number(new URL(centre.url).port);
});
afterAll(() => {
  centre.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** `source`: all of 127 is this machine. */
async function overview(authorization: string, source = '127.0.0.1') {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path: '/v1/overview', headers: { authorization }, localAddress: source, agent: false });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.end();
  });
}
const operator = () => `Bearer ${readFileSync(join(kit.upstream.folder, 'operator.token'), 'utf8').trim()}`;
const read = async () =>
  z
    .looseObject({
      turnedAway: z.object({ operator: z.number(), enrolment: z.number() }),
      alarms: z.array(z.looseObject({ code: z.string(), detail: z.string() })),
    })
    .parse(JSON.parse((await overview(operator())).body));

describe('the centre process', () => {
  it('lives through hundreds of upgrades that are reset, half requests and broken bodies', async () => {
    await harass({ port }, 200, '/v1/registry/changes');
    expect(centre.exitCode()).toBe(undefined);
    expect((await overview(operator())).status).toBe(200);
  }, 120_000);

  it('ends silent connections and half requests within seconds, and answers meanwhile', async () => {
    const silent = await silentSockets({ port }, 600);
    const halves = await silentSockets({ port }, 100, 'POST /v1/enrolments HTTP/1.1\r\nhost: x\r\n');
    try {
      expect((await overview(operator())).status).toBe(200);
      await expect.poll(() => silent.open() + halves.open(), { timeout: 40_000, interval: 200 }).toBe(0);
      expect(centre.exitCode()).toBe(undefined);
    } finally {
      silent.close();
      halves.close();
    }
  }, 90_000);

  it('keeps no more than a bounded number of bodies that dribble in', async () => {
    const head = 'POST /v1/enrolments HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n{';
    const slow = await silentSockets({ port }, 1_200, head);
    try {
      await expect.poll(slow.open, { timeout: 20_000, interval: 200 }).toBeLessThanOrEqual(1_024);
      expect((await overview(operator())).status).toBe(200);
    } finally {
      slow.close();
    }
  }, 60_000);

  it('logs, counts and raises an alarm for guesses, and answers the operator from another address at once', async () => {
    for (let count = 0; count < 4; count++) void overview(`Bearer guess-${count}`, '127.0.0.9').catch(() => undefined);
    await expect.poll(() => centre.log().includes('operator-refused')).toBe(true);
    const startMs = performance.now();
    expect((await overview(operator())).status).toBe(200);
    expect(performance.now() - startMs).toBeLessThan(5_000);
    // The more there were, the longer each is held: ten of them take a while, four side by side.
    const alarmAfterOneMore = async () => {
      void overview('Bearer guess-again', '127.0.0.9').catch(() => undefined);
      return (await read()).alarms.map(({ code, detail }) => `${code} ${detail}`);
    };
    await expect.poll(alarmAfterOneMore, { timeout: 90_000, interval: 500 }).toContain('operator-guesses from 127.0.0.9');
    expect((await read()).turnedAway.operator).toBeGreaterThanOrEqual(10);
    expect(centre.log()).not.toContain('guess-');
  }, 180_000);
});
