import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import nacl from 'tweetnacl';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../config/faults.ts';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { silentLog } from '../../config/ports/log.ts';
import { createMemoryJournal } from '../../fixtures/memory-journal.ts';
import { parseMetrics } from '../../fixtures/prometheus.ts';
import { recordSchema } from '../../sync/protocol/records.ts';
import { type Display, openDisplay } from '../display/display.ts';
import { type FactParts, type KioskFacts, kioskFacts } from './kiosk-facts.ts';
import { createMetrics, type Metrics } from './metrics.ts';

const good: KioskFacts = {
  fault: undefined,
  camera: {
    state: 'live',
    fault: undefined,
    ageMs: 40,
    frameRateHz: 15,
    restarts: 2,
    picture: { level: 120.5, detail: 0.25 },
  },
  screenConnected: true,
  screenAgeMs: 800,
  clock: 'trusted',
  clockSignedAgeMs: 30_000,
  sliceAgeMs: 90_000,
  records: 812,
  queue: { records: 3, oldestAgeMs: 61_000 },
  syncAges: { push: 5_000, pull: 1_800_000, feed: 20_000, heartbeat: undefined },
  leftMs: { keyring: 40 * 86_400_000, policy: -3_600_000, slice: undefined, certificate: 1_500 },
  peersConnected: 2,
  refused: { 'page-token': 4, 'page-socket': 7, peer: 1 },
  logLinesDropped: 12,
};

describe('the metrics', () => {
  const read = async (metrics: Metrics, facts: KioskFacts | undefined) => parseMetrics(await metrics.text(facts));

  it('say the state of every stage in base units', async () => {
    const metrics = createMetrics();
    metrics.onDecode(4);
    metrics.onDecode(120);
    metrics.onDecision({ verdict: 'pass', reason: 'ok' }, 240);
    metrics.onDecision({ verdict: 'see-staff', reason: 'already-recorded' }, 90);
    metrics.onPainted('unpainted');
    expect(Object.fromEntries(await read(metrics, good))).toMatchObject({
      checkpoint_lane_open: 1,
      'checkpoint_lane_fault{code="camera-black"}': 0,
      'checkpoint_camera_state{state="live"}': 1,
      'checkpoint_camera_state{state="down"}': 0,
      checkpoint_camera_frame_rate_hertz: 15,
      'checkpoint_refused_total{door="page-token"}': 4,
      'checkpoint_refused_total{door="peer"}': 1,
      checkpoint_log_lines_dropped_total: 12,
      checkpoint_camera_frame_age_seconds: 0.04,
      checkpoint_camera_restarts: 2,
      checkpoint_camera_picture_level: 120.5,
      checkpoint_camera_picture_detail_ratio: 0.25,
      'checkpoint_decode_seconds_bucket{le="0.005"}': 1,
      'checkpoint_decode_seconds_bucket{le="0.15"}': 2,
      checkpoint_decode_seconds_count: 2,
      'checkpoint_decisions_total{verdict="pass"}': 1,
      'checkpoint_decisions_total{verdict="deny"}': 0,
      'checkpoint_decisions_total{verdict="see-staff"}': 0,
      'checkpoint_decisions_total{verdict="already-recorded"}': 1,
      'checkpoint_results_painted_total{outcome="unpainted"}': 1,
      checkpoint_screen_connected: 1,
      checkpoint_journal_records: 812,
      checkpoint_queue_records: 3,
      checkpoint_queue_oldest_age_seconds: 61,
      checkpoint_slice_age_seconds: 90,
      checkpoint_peers_connected: 2,
      'checkpoint_valid_left_seconds{of="keyring"}': 3_456_000,
      'checkpoint_valid_left_seconds{of="policy"}': -3_600,
      'checkpoint_valid_left_seconds{of="certificate"}': 1.5,
      checkpoint_screen_confirmed_age_seconds: 0.8,
      checkpoint_clock_signed_age_seconds: 30,
      'checkpoint_sync_age_seconds{loop="push"}': 5,
      'checkpoint_sync_age_seconds{loop="pull"}': 1_800,
      'checkpoint_sync_age_seconds{loop="feed"}': 20,
      'checkpoint_sync_age_seconds{loop="heartbeat"}': Number.POSITIVE_INFINITY,
      'checkpoint_clock_state{state="trusted"}': 1,
      'checkpoint_clock_state{state="untrusted"}': 0,
    });
  });

  it('show one fault at a time, of the lane and of the camera', async () => {
    const metrics = createMetrics();
    await read(metrics, { ...good, fault: 'camera-stalled', camera: { ...good.camera, state: 'down', fault: 'camera-stalled' } });
    const values = await read(metrics, {
      ...good,
      fault: 'camera-black',
      camera: { ...good.camera, state: 'down', fault: 'camera-black' },
    });
    const set = [...values].filter(([name, value]) => name.includes('_fault{') && value === 1).map(([name]) => name);
    expect(set).toEqual(['checkpoint_lane_fault{code="camera-black"}', 'checkpoint_camera_fault{code="camera-black"}']);
    expect(values.get('checkpoint_lane_open')).toBe(0);
  });

  it('give no value to what is not known, and infinite age to what never came', async () => {
    const metrics = createMetrics();
    await read(metrics, good);
    for (const facts of [
      undefined,
      {
        ...good,
        queue: undefined,
        syncAges: undefined,
        peersConnected: undefined,
        sliceAgeMs: undefined,
        camera: { ...good.camera, picture: undefined },
      },
    ]) {
      const values = await read(metrics, facts);
      for (const name of [
        'queue_records',
        'queue_oldest_age_seconds',
        'camera_picture_level',
        'peers_connected',
        'sync_age_seconds{loop="feed"}',
      ])
        expect(values.has(`checkpoint_${name}`)).toBe(false);
      expect(values.get('checkpoint_slice_age_seconds')).toBe(Number.POSITIVE_INFINITY);
    }
    expect((await read(metrics, undefined)).get('checkpoint_lane_fault{code="starting"}')).toBe(1);
  });

  it('have labels of fixed lists only', async () => {
    const metrics = createMetrics();
    const before = [...(await read(metrics, good)).keys()];
    metrics.onDecision({ verdict: 'deny', reason: 'expired' }, 10);
    metrics.onPainted('painted');
    expect([...(await read(metrics, { ...good, fault: 'disk-full' })).keys()]).toEqual(before);
  });
});

describe('the facts', () => {
  const parts = (readAfter: FactParts['journal']['readAfter']): FactParts => ({
    source: { health: () => good.camera },
    registry: { content: () => ({ freshAtMs: () => 5_000 }) },
    journal: { lastSeq: () => 9, readAfter },
    display: { screen: () => ({ connected: true, confirmedAgeMs: 900 }), refused: () => ({ 'page-token': 0, 'page-socket': 0 }) },
    linesDropped: () => 0,
    expiries: () => ({ keyring: 100_000, policy: 60_000, slice: undefined, certificate: undefined }),
    time: { nowMs: () => 65_000, state: () => 'trusted', signedAgeMs: () => 7_000 },
    push: { state: () => ({ waiting: 4, acknowledged: 5 }) },
    sync: { ages: () => ({ push: 1, pull: 2, feed: 3, heartbeat: undefined }) },
  });

  it('say how old the first record is that waits', () => {
    const journal = createMemoryJournal(
      { kioskId: 'k1', kioskKey: new Uint8Array(32), sealingKey: nacl.box.keyPair().publicKey, records: 8 },
      nodeRandom,
    );
    const [waiting] = journal.readAfter(5, 1);
    const { eventTime } = recordSchema.parse(JSON.parse(new TextDecoder().decode(waiting?.line)));
    const nowMs = Date.parse(eventTime) + 4_000;
    const facts = kioskFacts(
      { ...parts(journal.readAfter), time: { nowMs: () => nowMs, state: () => 'trusted', signedAgeMs: () => 0 } },
      undefined,
    );
    expect(facts.queue).toEqual({ records: 4, oldestAgeMs: 4_000 });
  });

  it('say how old the evidence of each stage is', () => {
    const refuse = () => [];
    expect(kioskFacts(parts(refuse), undefined)).toMatchObject({
      screenAgeMs: 900,
      clockSignedAgeMs: 7_000,
      syncAges: { push: 1, pull: 2, feed: 3, heartbeat: undefined },
    });
  });

  it('hold everything else where the journal cannot be read', () => {
    const refuse = () => {
      throw new Fault('journal-unwritable');
    };
    for (const broken of [refuse, () => [{ line: new TextEncoder().encode('{') }], () => []]) {
      expect(kioskFacts(parts(broken), undefined)).toMatchObject({ queue: { records: 4, oldestAgeMs: undefined }, sliceAgeMs: 60_000 });
    }
  });
});

describe('the address /metrics', () => {
  let folder = '';
  let display: Display;
  const metrics = createMetrics();

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'metrics-test-'));
    display = await openDisplay(
      {
        port: 0,
        tokenDir: folder,
        sessions: { read: () => [], write: () => undefined },
        guide: { x: 0, y: 0, width: 1, height: 1 },
        required: true,
        metrics: { contentType: metrics.contentType, text: () => metrics.text(good) },
      },
      { clock: nodeClock, random: nodeRandom, log: silentLog },
    );
  });
  afterEach(async () => {
    await display.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const get = (headers: Record<string, string>, method = 'GET') =>
    new Promise<{ status: number | undefined; type: string | undefined; body: string }>((resolve, reject) => {
      request({ host: '127.0.0.1', port: display.port, path: '/metrics', method, headers })
        .on('error', reject)
        .on('response', async (response) => {
          resolve({ status: response.statusCode, type: response.headers['content-type'], body: await textOf(response) });
        })
        .end();
    });

  it('answers whoever is on this machine in the text form of Prometheus', async () => {
    const { status, type, body } = await get({});
    expect(status).toBe(200);
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(parseMetrics(body).get('checkpoint_lane_open')).toBe(1);
  });

  it('answers no other host name and no other method', async () => {
    expect((await get({ host: `evil.example:${display.port}` })).status).toBe(421);
    expect((await get({}, 'POST')).status).toBe(405);
  });
});
