/** A centre, as a process of its own, on a small file system that fills up and has room again. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeRandom } from '../../config/host/node-host.ts';
import { type CentreProcess, startCentreProcess } from '../../fixtures/centre-process.ts';
import { createDemoKit, type DemoKit } from '../../fixtures/demo-kit.ts';

let folder = '';
let disk = '';
let kit: DemoKit;
let centre: CentreProcess | undefined;
const canMount = () => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'disk-full-'));
  disk = join(folder, 'disk');
  mkdirSync(disk);
  kit = createDemoKit({ folder, nowMs: Date.now(), demo: true, slice: false, config: {} }, nodeRandom);
});
afterEach(() => {
  centre?.stop();
  centre = undefined;
  spawnSync('umount', ['-l', disk]);
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (path: string, body?: object) => {
  const authorization = `Bearer ${readFileSync(join(kit.upstream.folder, 'operator.token'), 'utf8').trim()}`;
  const headers = { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) };
  const reply = await fetch(`${centre?.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: reply.status, type: reply.headers.get('content-type'), json: await reply.json() };
};
const holdsOf = (count: number) => ({
  changes: Array.from({ length: count }, () => ({ id: String(Math.floor(Math.random() * 1e12)).padStart(12, '0'), status: 'F0' })),
});

function fill(): void {
  for (let index = 0; statfsSync(disk).bavail > 0 && index < 20; index++) {
    try {
      writeFileSync(join(disk, `ballast-${index}`), Buffer.alloc(1 << 20));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  }
}

describe('a centre whose disk is full', () => {
  it('answers a hold with 507 by name, says so on the overview, serves lists, and goes on by itself', async ({ skip }) => {
    skip(!canMount(), 'no file system can be mounted here');
    centre = await startCentreProcess(kit, join(disk, 'store.db'));
    expect((await ask('/v1/registry/changes', holdsOf(1))).status).toBe(200);
    fill();
    const refused = async () => (await ask('/v1/registry/changes', holdsOf(1_000))).status;
    await expect.poll(refused, { timeout: 20_000 }).toBe(507);
    const answer = await ask('/v1/registry/changes', holdsOf(1_000));
    expect(answer).toMatchObject({
      status: 507,
      type: expect.stringContaining('application/problem+json'),
      json: { type: 'urn:checkpoint-kiosk:problem:disk-full' },
    });
    expect((await ask('/v1/overview')).json).toMatchObject({ diskFullSinceMs: expect.any(Number) });
    expect((await fetch(`${centre.url}/v1/slices/default/manifest`)).status).toBe(200);
    expect(centre.exitCode()).toBeUndefined();
    for (const name of readdirSync(disk)) if (name.startsWith('ballast')) rmSync(join(disk, name));
    await expect.poll(async () => (await ask('/v1/overview')).json, { timeout: 20_000 }).toMatchObject({ diskFullSinceMs: null });
    expect((await ask('/v1/registry/changes', holdsOf(10))).json).toMatchObject({ changed: 10 });
  }, 90_000);
});
