/** The real kiosk and the real centre while nobody takes their log: a full disk, a pipe that was closed, one that nobody reads. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { centreArguments } from '../fixtures/centre-process.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { freePort } from '../fixtures/network-camera.ts';
import { parseMetrics } from '../fixtures/prometheus.ts';
import { renderFrame } from '../fixtures/render-qr.ts';

let folder = '';
let kit: DemoKit;
let port = 0;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'log-lost-'));
  port = await freePort();
  const size = { widthPx: 320, heightPx: 240 };
  const frame = renderFrame({ ...size, seed: 1 });
  writeFileSync(join(folder, 'empty.y4m'), Buffer.concat([Buffer.from('YUV4MPEG2 W320 H240 F10:1 Ip A1:1 Cmono\nFRAME\n'), frame]));
  const config = { 'camera.kind': 'replay', 'camera.source': 'empty.y4m', 'display.port': port, 'display.required': false };
  kit = createDemoKit({ folder, nowMs: Date.now(), demo: false, config }, nodeRandom);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[], stderr: number | 'pipe'): ChildProcess {
  const child = spawn(process.execPath, [builtPath('scripts/cli.ts'), ...args], { stdio: ['ignore', 'ignore', stderr] });
  children.push(child);
  return child;
}
const runKiosk = (stderr: number | 'pipe') => start(['run', '--config', kit.configFile], stderr);

async function metrics(): Promise<ReadonlyMap<string, number>> {
  try {
    return parseMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new Map();
  }
}
const served = { timeout: 60_000, interval: 200 };

describe('the kiosk', () => {
  it.each(['a full disk', 'a closed pipe'])(
    'opens its lane although its log is %s, and counts the lines that are lost',
    async (name) => {
      const full = openSync('/dev/full', 'w');
      const kiosk = runKiosk(name === 'a full disk' ? full : 'pipe');
      kiosk.stderr?.destroy();
      closeSync(full);
      await expect.poll(async () => (await metrics()).get('checkpoint_lane_open'), served).toBe(1);
      expect((await metrics()).get('checkpoint_log_lines_dropped_total')).toBeGreaterThan(1);
      expect(kiosk.exitCode).toBe(null);
      kiosk.kill('SIGTERM');
      expect((await once(kiosk, 'exit'))[0]).toBe(0);
    },
    90_000,
  );

  it('starts and goes on although nobody reads the pipe of its log, and says everything once somebody does', async () => {
    const pipe = join(folder, 'log.pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    const filled = fill(reader);
    const writer = openSync(pipe, 'w');
    const kiosk = runKiosk(writer);
    closeSync(writer);
    await expect.poll(async () => (await metrics()).get('checkpoint_lane_open'), served).toBe(1);
    let text = '';
    await expect
      .poll(() => {
        text += readAll(reader);
        return text.slice(filled);
      }, served)
      .toMatch(/"event":"kiosk-started".*"event":"lane-open"/s);
    expect(kiosk.exitCode).toBe(null);
    closeSync(reader);
  }, 90_000);
});

/** Until the pipe takes no more; gives how many bytes it holds. */
function fill(pipe: number): number {
  for (let bytes = 0; ; ) {
    try {
      bytes += writeSync(pipe, '.'.repeat(512));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      return bytes;
    }
  }
}

/** What is in the pipe now. */
function readAll(pipe: number): string {
  const bytes = Buffer.alloc(1 << 20);
  try {
    return bytes.toString('utf8', 0, readSync(pipe, bytes));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    return '';
  }
}

describe('the centre', () => {
  it.each(['a full disk', 'a closed pipe'])(
    'starts and answers although its log is %s',
    async (name) => {
      const store = join(folder, 'store.db');
      const full = openSync('/dev/full', 'w');
      const centre = start(centreArguments(kit, store, ['--port', String(port)]), name === 'a full disk' ? full : 'pipe');
      centre.stderr?.destroy();
      closeSync(full);
      const token = () => readFileSync(join(kit.upstream.folder, 'operator.token'), 'utf8').trim();
      const dropped = async () => {
        try {
          const answer = await fetch(`http://127.0.0.1:${port}/v1/overview`, { headers: { authorization: `Bearer ${token()}` } });
          return z.object({ logLinesDropped: z.number() }).parse(await answer.json()).logLinesDropped;
        } catch (error) {
          if (!(error instanceof Error)) throw error;
          return undefined;
        }
      };
      await expect.poll(dropped, served).toBeGreaterThan(0);
      expect(centre.exitCode).toBe(null);
    },
    90_000,
  );
});
