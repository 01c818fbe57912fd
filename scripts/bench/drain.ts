/**
 * `bench drain`: what a long queue costs a scan. A kiosk that was cut off sends its backlog while a decision is looked up
 * and journalled every 20 ms; timed is how late each one is done, beside the same without a backlog.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { admitKiosk, startCentreProcess } from '../../fixtures/centre-process.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { quietHost } from '../../fixtures/test-centre.ts';
import { testDecision } from '../../fixtures/test-journal.ts';
import { openTestStore } from '../../fixtures/test-store.ts';
import { type Journal, openJournal } from '../../kiosk/journal/journal.ts';
import { openSlice } from '../../kiosk/registry/registry-slice.ts';
import { readKeyring } from '../../sync/credential/keyring.ts';
import { createSigner } from '../../sync/credential/signer.ts';
import { startPushLoop } from '../../sync/edge/push-loop.ts';
import { createUpstreamClient } from '../../sync/edge/upstream-client.ts';
import { type BenchResult, metric, timeScans } from './stats.ts';

const BACKLOG = 30_000;
const CONTROL_SCANS = 500;
const DRAIN_MS = 120_000;

export async function benchDrain(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-drain-'));
  const kit = createDemoKit({ folder, nowMs: nodeClock.wallMs(), demo: true, config: {} }, nodeRandom);
  const keyring = readKeyring(readFileSync(kit.upstream.keyring, 'utf8'), kit.upstream.root);
  if (!keyring.ok) throw new Error(keyring.reason);
  const { sealingKey, roles } = keyring.value;
  const file = (name: string) => join(folder, name);
  const slice = openSlice({ database: file('slice.db'), manifest: file('slice.manifest.cose'), key: file('slice.key') }, roles.slice);
  const signer = createSigner(nodeRandom.bytes(32));
  const ids = { kioskId: 'k1', checkpointId: 'bench', lane: '1', bootId: 'aa' };
  const journal = openJournal(
    { dataDir: file('data'), ...ids, kioskPublicKey: signer.publicKey, reuseKey: nodeRandom.bytes(32) },
    quietHost,
  );
  // The centre has a disk of its own: its commits must not stand in the way of the kiosk's.
  const centreFolder = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/bench-drain-') : folder;
  const storeFile = join(centreFolder, 'store.db');
  const store = openTestStore(storeFile);
  await admitKiosk(store, 'k1', signer);
  const centre = await startCentreProcess(kit, storeFile);
  const client = createUpstreamClient({ url: new URL(centre.url), pins: () => [], keyId: 'k1', signer }, quietHost);
  try {
    say(`journalling ${BACKLOG} decisions`);
    for (let number = 0; number < BACKLOG; number++) scan(journal, sealingKey, number);
    const lookUpAndAppend = () => {
      slice.lookup({ cti: nodeRandom.bytes(8), subject: nodeRandom.bytes(12) });
      scan(journal, sealingKey, 0);
    };
    say(`${CONTROL_SCANS} scans without a centre`);
    const control = await timeScans(nodeClock, lookUpAndAppend, (done) => done < CONTROL_SCANS);
    say('scans while the backlog goes out');
    const mark = { read: () => undefined, write: () => undefined };
    const outbox = { ...journal, startNewJournal: () => undefined, prune: () => 0 };
    const options = {
      journal: outbox,
      mark,
      client,
      kioskId: 'k1',
      bootId: 'aa',
      receiptKeys: () => roles.receipt,
      sealingKey: () => sealingKey,
      reconnectSpreadMs: 0,
    };
    const startMs = nodeClock.monotonicMs();
    const push = startPushLoop(options, quietHost);
    const isUnderWay = () => push.state().acknowledged < BACKLOG && nodeClock.monotonicMs() - startMs < DRAIN_MS;
    const during = await timeScans(nodeClock, lookUpAndAppend, isUnderWay);
    const tookMs = nodeClock.monotonicMs() - startMs;
    const { acknowledged } = push.state();
    await push.stop();
    if (acknowledged < BACKLOG) throw new Error(`only ${acknowledged} records went out`);
    return {
      name: 'drain',
      results: {
        'control: lookup and journal, nothing to send': metric(control, 'ms'),
        [`the same while ${BACKLOG} records go out`]: metric(during, 'ms'),
        'the whole backlog': metric([tookMs], 'ms'),
      },
    };
  } finally {
    client.close();
    centre.stop();
    journal.close();
    slice.close();
    await store.close();
    for (const one of [folder, centreFolder]) rmSync(one, { recursive: true, force: true });
  }
}

function scan(journal: Journal, sealTo: Uint8Array, number: number): void {
  const entry = testDecision(number);
  if (entry.kind !== 'decision') throw new Error('a decision');
  journal.append({ ...entry, sealTo, passed: undefined }, { nowMs: nodeClock.wallMs(), clockState: 'trusted' });
}
