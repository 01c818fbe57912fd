/**
 * `bench feed`: from a hold written at the centre to the moment when the kiosk would stop its person, with other kiosks
 * waiting on the same feed from another process; quiet first, then with a bulk import and uploads that stand still.
 * Centre and measured kiosk share this process, which makes the figures worse than two machines would.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtPath } from '../../config/host/install-paths.ts';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { sleep } from '../../config/ports/clock.ts';
import { admitKiosk } from '../../fixtures/centre-process.ts';
import { openTestCentre, quietHost, type SyncedKiosk, type TestCentre } from '../../fixtures/test-centre.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import { createSigner } from '../../sync/credential/signer.ts';
import { authorityDay } from '../../sync/protocol/authority-time.ts';
import { importCsv } from '../../sync/upstream/registry/import-csv.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const HOLDS = 100;
const PULLERS = 1_000;
const STUCK_UPLOADS = 20;
const IMPORT_ROWS = 200_000;
const START_MS_MAX = 60_000;
const SETTLE_MS = 3_000;
/** Ten rounds of waiting, and two heartbeats. */
const IDLE_MS = 270_000;

export async function benchFeed(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-feed-'));
  const centre = await openTestCentre(folder);
  const closers: (() => unknown)[] = [centre.close];
  try {
    const kiosk = await centre.openSyncedKiosk('k1');
    closers.push(kiosk.close);
    await until(() => kiosk.overlay.freshness() !== undefined);
    const results: Record<string, Metric> = {};
    say(`${HOLDS} holds, one kiosk`);
    say(`counting bytes of a kiosk that waits, ${IDLE_MS / 1000} s`);
    results['a kiosk and day that only waits (feed, extrapolated)'] = metric([await idleBytesADay(centre)], 'bytes');
    results['hold to blocked, one kiosk'] = metric(await timeHolds(centre, kiosk), 'ms');
    say(`starting ${PULLERS} kiosks that wait`);
    closers.push(await startPullers(centre, PULLERS));
    say(`${HOLDS} holds`);
    results[`hold to blocked, ${PULLERS} kiosks waiting`] = metric(await timeHolds(centre, kiosk), 'ms');
    say(`${HOLDS} holds beside imports of ${IMPORT_ROWS} rows each and ${STUCK_UPLOADS} uploads that stand still`);
    const stuck = Array.from({ length: STUCK_UPLOADS }, () => stuckUpload(centre.upstream.url));
    closers.push(() => {
      for (const socket of stuck) socket.destroy();
    });
    let isOver = false;
    const importing = bulkImports(centre, folder, () => isOver);
    results[`hold to blocked, ${PULLERS} waiting, import and stuck uploads`] = metric(await timeHolds(centre, kiosk), 'ms');
    isOver = true;
    say(`${await importing} rows were imported meanwhile`);
    return { name: 'feed', results };
  } finally {
    for (const close of closers.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timeHolds(centre: TestCentre, kiosk: SyncedKiosk): Promise<number[]> {
  const times: number[] = [];
  const today = authorityDay(nodeClock.wallMs() / 1000);
  for (let index = 0; index < HOLDS; index++) {
    await sleep(nodeClock, 20 + (nodeRandom.bytes(1)[0] ?? 0));
    const pseudonym = nodeRandom.bytes(12);
    const startMs = nodeClock.monotonicMs();
    const audit = { atMs: nodeClock.wallMs(), actor: 'bench', action: 'status F0', detail: '' };
    await centre.store.changeRegistry([{ kind: 'status', pseudonym, status: 'F0', fromDay: today, untilDay: undefined }], true, audit);
    while (kiosk.status(pseudonym)?.status !== 'F0') await sleep(nodeClock, 1);
    times.push(nodeClock.monotonicMs() - startMs);
  }
  return times;
}

/** Kiosks that were enrolled without asking: they share a key, and only wait. */
async function startPullers(centre: TestCentre, count: number): Promise<() => void> {
  const seed = nodeRandom.bytes(32);
  const signer = createSigner(seed);
  for (let index = 0; index < count; index++) await admitKiosk(centre.store, `puller-${index}`, signer);
  const [slice] = await centre.store.publishedSlices('default', 1);
  if (slice === undefined) throw new Error('no slice');
  const { generation, keyCheck } = slice.body;
  const { keyring, root } = centre.kit.upstream;
  const args = [
    builtPath('fixtures/feed-pullers.ts'),
    centre.upstream.url,
    String(count),
    toHex(seed),
    keyring,
    root,
    String(slice.version),
    String(await centre.store.feedHead()),
    String(generation),
    keyCheck,
    centre.store.storeId,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.on('error', (error) => process.stderr.write(`the pullers: ${error.message}\n`));
  await Promise.race([once(child.stdout, 'data'), sleep(nodeClock, START_MS_MAX)]);
  return () => child.kill('SIGKILL');
}

/** Says that it will send a batch, sends a little of it, and waits. */
function stuckUpload(url: string): Socket {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const target = `/v1/journals/${'ab'.repeat(16)}/batches`;
  socket.write(`POST ${target} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 200000\r\ncontent-type: application/gzip\r\n\r\nbegin`);
  return socket;
}

/** One file after the other, of ever new people. */
async function bulkImports(centre: TestCentre, folder: string, isOver: () => boolean): Promise<number> {
  let rows = 0;
  while (!isOver()) rows += await bulkImport(centre, folder);
  return rows;
}

async function bulkImport(centre: TestCentre, folder: string): Promise<number> {
  const file = join(folder, 'bulk.csv');
  const rows = Array.from({ length: IMPORT_ROWS }, (_, index) => `${String(index).padStart(12, '0')},F1`);
  writeFileSync(file, `id,status\n${rows.join('\n')}\n`);
  const options = {
    file,
    subjectKey: nodeRandom.bytes(32),
    actor: 'bench',
    dryRun: false,
    onBadRow: () => undefined,
    onProgress: () => undefined,
  };
  return (await importCsv(centre.store, options, quietHost)).changed;
}

/** Through a proxy that counts both ways; TCP and TLS not included. */
async function idleBytesADay(centre: TestCentre): Promise<number> {
  let bytes = 0;
  const { port, hostname } = new URL(centre.upstream.url);
  const proxy = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        to.write(chunk);
      });
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const kiosk = await centre.openSyncedKiosk('k2', `http://127.0.0.1:${address.port}`);
  try {
    await until(() => kiosk.overlay.freshness() !== undefined);
    await sleep(nodeClock, SETTLE_MS);
    const before = bytes;
    await sleep(nodeClock, IDLE_MS);
    return ((bytes - before) * 86_400_000) / IDLE_MS;
  } finally {
    await kiosk.close();
    proxy.close();
  }
}

async function until(condition: () => boolean): Promise<void> {
  const startMs = nodeClock.monotonicMs();
  while (!condition()) {
    if (nodeClock.monotonicMs() - startMs > START_MS_MAX) throw new Error('the kiosk did not get its lists');
    await sleep(nodeClock, 20);
  }
}
