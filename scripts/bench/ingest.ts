/**
 * `bench ingest`: records a second from kiosks to a durable centre, all of it: batches made, compressed, signed, sent to
 * another process, verified, committed with fsync, acknowledged, receipts believed. The records are sealed decisions as a
 * kiosk writes them; their sealing and journalling is not timed, because it happened when people crossed.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeHost, nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { sleep } from '../../config/ports/clock.ts';
import { silentLog } from '../../config/ports/log.ts';
import { admitKiosk, startCentreProcess } from '../../fixtures/centre-process.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { createMemoryJournal } from '../../fixtures/memory-journal.ts';
import { openTestStore } from '../../fixtures/test-store.ts';
import { readKeyring } from '../../sync/credential/keyring.ts';
import { createSigner } from '../../sync/credential/signer.ts';
import { startPushLoop } from '../../sync/edge/push-loop.ts';
import { createUpstreamClient } from '../../sync/edge/upstream-client.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const KIOSKS = 8;
const RECORDS = 5_000;
const RUNS = 3;
const WAIT_MS = 120_000;

export async function benchIngest(say: (line: string) => void): Promise<BenchResult> {
  const rates: number[] = [];
  const projectedRates: number[] = [];
  const bytes: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-ingest-'));
    try {
      say(`run ${run + 1} of ${RUNS}: ${KIOSKS} kiosks, ${RECORDS} records each`);
      const measured = await measure(folder);
      rates.push(measured.acknowledgedPerS);
      projectedRates.push(measured.projectedPerS);
      bytes.push(measured.bytesARecord);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const results: Record<string, Metric> = {
    'acknowledged durably, client included': metric(rates, 'records/s'),
    'and projected into tables, same time': metric(projectedRates, 'records/s'),
    'store: raw batches, index and tables': metric(bytes, 'bytes/record'),
  };
  return { name: 'ingest', results };
}

async function measure(folder: string) {
  const kit = createDemoKit({ folder, nowMs: nodeClock.wallMs(), demo: true, config: {} }, nodeRandom);
  const storeFile = join(folder, 'store.db');
  const store = openTestStore(storeFile);
  const host = { ...createNodeHost('error'), log: silentLog };
  const keyring = readKeyring(readFileSync(kit.upstream.keyring, 'utf8'), kit.upstream.root);
  if (!keyring.ok) throw new Error(keyring.reason);
  const { sealingKey, roles } = keyring.value;
  const kiosks = Array.from({ length: KIOSKS }, (_, index) => ({ kioskId: `k${index}`, signer: createSigner(nodeRandom.bytes(32)) }));
  for (const { kioskId, signer } of kiosks) await admitKiosk(store, kioskId, signer);
  const journals = kiosks.map(({ kioskId, signer }) =>
    createMemoryJournal({ kioskId, kioskKey: signer.publicKey, sealingKey, records: RECORDS }, nodeRandom),
  );
  const centre = await startCentreProcess(kit, storeFile);
  try {
    const startMs = nodeClock.monotonicMs();
    const pushes = kiosks.map(({ kioskId, signer }, index) => {
      const journal = journals[index];
      if (journal === undefined) throw new Error('a journal for each kiosk');
      const client = createUpstreamClient({ url: new URL(centre.url), pins: () => [], keyId: kioskId, signer }, host);
      const mark = { read: () => undefined, write: () => undefined };
      return startPushLoop(
        {
          journal,
          mark,
          client,
          kioskId,
          bootId: 'aa',
          receiptKeys: () => roles.receipt,
          sealingKey: () => sealingKey,
          reconnectSpreadMs: 0,
        },
        host,
      );
    });
    const isDone = (await Promise.all(pushes.map((push) => push.drained(WAIT_MS)))).every(Boolean);
    const acknowledgedS = (nodeClock.monotonicMs() - startMs) / 1000;
    if (!isDone) throw new Error('the centre did not acknowledge everything');
    await Promise.all(pushes.map((push) => push.stop()));
    while ((await store.counts()).batchesWaiting > 0) await sleep(nodeClock, 50);
    const projectedS = (nodeClock.monotonicMs() - startMs) / 1000;
    const total = KIOSKS * RECORDS;
    const { crossings } = await store.counts();
    if (crossings < total * 0.99) throw new Error(`only ${crossings} of ${total} were projected`);
    return { acknowledgedPerS: total / acknowledgedS, projectedPerS: total / projectedS, bytesARecord: sizeOf(storeFile) / total };
  } finally {
    centre.stop();
    await store.close();
  }
}

function sizeOf(file: string): number {
  return ['', '-wal'].reduce((sum, suffix) => sum + (statSync(file + suffix, { throwIfNoEntry: false })?.size ?? 0), 0);
}
