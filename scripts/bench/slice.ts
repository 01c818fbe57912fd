/**
 * `bench slice`: slices of a million and of ten million people. From the registry to the file, its size, lookups warm and
 * cold, and what it costs a scan when a snapshot, or a change of 100,000 rows, is fetched and taken over meanwhile. The
 * centre is a process of its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nacl from 'tweetnacl';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { sleep } from '../../config/ports/clock.ts';
import { silentLog } from '../../config/ports/log.ts';
import { admitKiosk, startCentreProcess } from '../../fixtures/centre-process.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { quietHost } from '../../fixtures/test-centre.ts';
import { testDecision } from '../../fixtures/test-journal.ts';
import { openTestStore } from '../../fixtures/test-store.ts';
import { openJournal } from '../../kiosk/journal/journal.ts';
import { fetchedFiles, openSlice, type RegistrySlice } from '../../kiosk/registry/registry-slice.ts';
import { readKeyring } from '../../sync/credential/keyring.ts';
import { createSigner } from '../../sync/credential/signer.ts';
import { pullSlice } from '../../sync/edge/pull-slice.ts';
import { createUpstreamClient } from '../../sync/edge/upstream-client.ts';
import type { Status } from '../../sync/protocol/slice.ts';
import type { RegistryChange, Store } from '../../sync/upstream/store/store.ts';
import { type BenchResult, type Metric, metric, timeCalls, timeScans } from './stats.ts';

const SIZES = [1_000_000, 10_000_000];
const CHANGED = 100_000;
const LOOKUPS = 100_000;
const COLD_LOOKUPS = 2_000;
const CONTROL_SCANS = 1_000;
const ROWS_A_TRANSACTION = 20_000;
const PUBLISH_MS_MAX = 900_000;
const REGION = 79;
const SLICE = 'region';

export async function benchSlice(say: (line: string) => void): Promise<BenchResult> {
  const results: Record<string, Metric> = {};
  for (const rows of SIZES) {
    const measured = await measure(rows, say);
    for (const [name, value] of Object.entries(measured)) results[`${rows / 1e6} M rows: ${name}`] = value;
  }
  return { name: 'slice', results };
}

async function measure(rows: number, say: (line: string) => void): Promise<Record<string, Metric>> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-slice-'));
  // The centre has a disk of its own, where there is one: its work must not stand in the way of the kiosk's.
  const centreFolder = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/bench-slice-') : join(folder, 'centre');
  const kit = createDemoKit({ folder, nowMs: nodeClock.wallMs(), demo: true, config: {} }, nodeRandom);
  const keyring = readKeyring(readFileSync(kit.upstream.keyring, 'utf8'), kit.upstream.root);
  if (!keyring.ok) throw new Error(keyring.reason);
  const store = openTestStore(join(centreFolder, 'store.db'));
  const signer = createSigner(nodeRandom.bytes(32));
  const sealing = nacl.box.keyPair();
  await admitKiosk(store, 'k1', signer, sealing.publicKey);
  say(`writing ${rows} people into the registry`);
  await fill(store, 0, rows, (index) => (index % 50 === 0 ? 'F1' : 'clear'));
  say('building the slice');
  const startMs = nodeClock.monotonicMs();
  const centre = await startCentreProcess(kit, join(centreFolder, 'store.db'), ['--publish-s', '1', '--slice', `${SLICE}=${REGION}`]);
  const buildMs = nodeClock.monotonicMs() - startMs;
  const client = createUpstreamClient({ url: new URL(centre.url), pins: () => [], keyId: 'k1', signer }, quietHost);
  const ids = { kioskId: 'k1', checkpointId: 'bench', lane: '1', bootId: 'aa' };
  const journal = openJournal(
    { dataDir: join(folder, 'data'), ...ids, kioskPublicKey: signer.publicKey, reuseKey: nodeRandom.bytes(32) },
    quietHost,
  );
  const files = { database: join(folder, 'none.db'), manifest: join(folder, 'manifest.cose'), key: join(folder, 'none.key') };
  let slice: RegistrySlice | undefined;
  let swapMs = 0;
  const pull = () =>
    pullSlice(
      {
        client,
        log: silentLog,
        bytesMax: 1e9,
        kioskId: 'k1',
        sliceId: SLICE,
        sealingSecret: sealing.secretKey,
        inbox: {
          inUse: () => slice,
          isDamaged: () => false,
          storeId: () => undefined,
          lastUsed: () => undefined,
          heardSeq: () => undefined,
          manifestFile: files.manifest,
          filesFor: (manifest) => fetchedFiles(files.manifest, manifest),
          refresh(verified) {
            const beforeMs = nodeClock.monotonicMs();
            const next = openSlice(files, keyring.value.roles.slice, undefined, verified);
            slice?.close();
            slice = next;
            swapMs = nodeClock.monotonicMs() - beforeMs;
          },
        },
      },
      keyring.value,
    );
  let scanned = 0;
  const scan = () => {
    slice?.lookup({ cti: nodeRandom.bytes(8), subject: subjectOf(scanned++ % rows) });
    const entry = testDecision(scanned);
    if (entry.kind !== 'decision') throw new Error('a decision');
    journal.append({ ...entry, sealTo: keyring.value.sealingKey, passed: undefined }, { nowMs: nodeClock.wallMs(), clockState: 'trusted' });
  };
  /** Scans while a newer slice is fetched and taken over. */
  const scansWhilePulling = async () => {
    let isOver = false;
    const beginMs = nodeClock.monotonicMs();
    const pulling = pull().finally(() => {
      isOver = true;
    });
    const times = await timeScans(nodeClock, scan, () => !isOver);
    const pulled = await pulling;
    if (!pulled.ok || !pulled.value) throw new Error(pulled.ok ? 'there was no newer slice' : pulled.reason);
    return { times: metric(times, 'ms'), tookMs: nodeClock.monotonicMs() - beginMs };
  };
  try {
    say('fetching the snapshot');
    const snapshot = await scansWhilePulling();
    const manifest = slice?.manifest;
    if (manifest === undefined || slice === undefined) throw new Error('no slice');
    if (manifest.rows.status < rows) throw new Error(`only ${manifest.rows.status} rows`);
    say('lookups');
    const warm = timeCalls(nodeClock.monotonicMs, LOOKUPS, (index) => slice?.lookup(claimsOf(index, rows)));
    slice.close();
    slice = undefined;
    const isCold = spawnSync('dd', [`if=${fetchedFiles(files.manifest, manifest).database}`, 'iflag=nocache', 'count=0']).status === 0;
    slice = openSlice(files, keyring.value.roles.slice, undefined, manifest.content);
    const cold = Array.from({ length: COLD_LOOKUPS }, (_, index) => {
      const beforeMs = nodeClock.monotonicMs();
      slice?.lookup(claimsOf(index, rows));
      return (nodeClock.monotonicMs() - beforeMs) * 1000;
    });
    say(`changing ${CHANGED} rows`);
    await fill(store, rows - CHANGED / 2, rows + CHANGED / 2, () => 'F2');
    await published(store, manifest.version);
    // Its next round must not run beside what is measured.
    await sleep(nodeClock, 2_000);
    say(`${CONTROL_SCANS} scans with nothing beside them`);
    const control = await timeScans(nodeClock, scan, (done) => done < CONTROL_SCANS);
    say('scans while the changes are fetched and merged');
    const delta = await scansWhilePulling();
    const [newest] = await store.publishedSlices(SLICE, 1);
    return {
      'registry to signed slice, start of the centre included': metric([buildMs], 'ms'),
      'length of the snapshot': metric([manifest.snapshot.lengthBytes], 'bytes'),
      'lookup, warm': metric(warm, 'us'),
      [isCold ? 'lookup, first ones of a file that is not in memory' : 'lookup, first ones of a file just opened']: metric(cold, 'us'),
      'snapshot fetched and in use': metric([snapshot.tookMs], 'ms'),
      'scan while the snapshot is fetched': snapshot.times,
      'control: scan, nothing beside it': metric(control, 'ms'),
      [`scan while ${CHANGED} rows change`]: delta.times,
      'changes fetched, merged and in use': metric([delta.tookMs], 'ms'),
      'length of the changes': metric([newest?.body.deltas.at(-1)?.lengthBytes ?? Number.NaN], 'bytes'),
      'length of the merged file': metric([readFileSync(slice.file).length], 'bytes'),
      'swap to the next slice': metric([swapMs], 'ms'),
    };
  } finally {
    client.close();
    centre.stop();
    slice?.close();
    journal.close();
    await store.close();
    for (const one of [folder, centreFolder]) rmSync(one, { recursive: true, force: true });
  }
}

function subjectOf(index: number): Uint8Array {
  const pseudonym = new Uint8Array(12).fill(1);
  new DataView(pseudonym.buffer).setUint32(0, index);
  return pseudonym;
}

/** All over the slice; every second one is in nobody's registry. */
function claimsOf(index: number, rows: number) {
  const known = (index * 2_654_435_761) % rows;
  return { cti: new Uint8Array(8), subject: subjectOf(index % 2 === 0 ? known : rows * 2 + known) };
}

/** As the registry writes them: who is clear has no days. */
function days(status: Status) {
  return status === 'clear' ? { status, fromDay: 0, untilDay: undefined } : { status, fromDay: 20_000, untilDay: 20_014 };
}

async function fill(store: Store, from: number, to: number, statusOf: (index: number) => Status): Promise<void> {
  for (let first = from; first < to; first += ROWS_A_TRANSACTION) {
    const changes = Array.from({ length: Math.min(ROWS_A_TRANSACTION, to - first) }, (_, offset): RegistryChange => {
      const index = first + offset;
      return { kind: 'status', pseudonym: subjectOf(index), ...days(statusOf(index)), region: REGION };
    });
    await store.changeRegistry(changes, false, { atMs: nodeClock.wallMs(), actor: 'bench', action: 'fill', detail: '' });
  }
}

/** Until the centre shows the registry as it is now. */
async function published(store: Store, after: number): Promise<void> {
  const untilMs = nodeClock.monotonicMs() + PUBLISH_MS_MAX;
  const revision = await store.registryRevision();
  for (;;) {
    const [newest] = await store.publishedSlices(SLICE, 1);
    if (newest !== undefined && newest.version > after && newest.revision === revision) return;
    if (nodeClock.monotonicMs() > untilMs) throw new Error('the centre did not publish');
    await sleep(nodeClock, 500);
  }
}
