/**
 * `bench camera`: how soon a fault of a network camera closes the lane of a whole kiosk, and how soon the lane is open again
 * after the camera's return. RTSP through GStreamer and motion JPEG over HTTP, 720p; no screen is asked for.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultCode } from '../../config/faults.ts';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { parseConfig } from '../../config/options/parse-config.ts';
import { sleep } from '../../config/ports/clock.ts';
import { silentLog } from '../../config/ports/log.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { freePort, type NetworkCamera, openMjpegCamera, openRtspCamera, playFrames } from '../../fixtures/network-camera.ts';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { openKiosk } from '../../kiosk/main.ts';
import { CommandError, exitCode } from '../command.ts';
import { type BenchResult, type Metric, metric } from './stats.ts';

const SIZE = { widthPx: 1280, heightPx: 720 };
const RATE_HZ = 15;
const ROUNDS = 3;
const FRAMES = 8;
/** The usual detail of the place is learned in this time. */
const SETTLED_MS = 2_000;
const WAIT_MS_MAX = 30_000;

type Trouble = 'stall' | 'server killed' | 'black' | 'frozen';
/** A camera that is gone is stalled, and soon cannot be opened. */
const troubles: Readonly<Record<Trouble, readonly FaultCode[]>> = {
  stall: ['camera-stalled'],
  'server killed': ['camera-stalled', 'camera-missing', 'camera-no-frame'],
  black: ['camera-black'],
  frozen: ['camera-frozen'],
};

export async function benchCamera(say: (line: string) => void): Promise<BenchResult> {
  const results: Record<string, Metric> = {};
  for (const kind of ['rtsp', 'mjpeg'] as const) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-camera-'));
    try {
      Object.assign(results, await benchKind(kind, folder, say));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { name: 'camera', results };
}

async function benchKind(kind: 'rtsp' | 'mjpeg', folder: string, say: (line: string) => void): Promise<Record<string, Metric>> {
  const port = await freePort();
  const street = Array.from({ length: FRAMES }, (_, seed) => renderFrame({ ...SIZE, seed }));
  const black = Array.from({ length: FRAMES }, (_, seed) => renderFrame({ ...SIZE, seed, light: 0.001, noise: 2 }));
  let shown = street;
  let stop: () => Promise<void> = async () => undefined;
  let camera: NetworkCamera | undefined;
  const switchOn = async () => {
    const opened = await (kind === 'rtsp' ? openRtspCamera : openMjpegCamera)({ ...SIZE, frameRateHz: RATE_HZ, port });
    camera = opened;
    let index = 0;
    const next = { push: () => opened.push(shown[index++ % shown.length] ?? black[0] ?? new Uint8Array()) };
    stop = playFrames({ ...opened, ...next }, street, RATE_HZ);
    return opened;
  };
  const switchOff = async () => {
    await camera?.close();
    await stop();
  };

  let fault: FaultCode | undefined;
  const until = async (what: string, isTrue: () => boolean): Promise<number> => {
    const startMs = nodeClock.monotonicMs();
    while (!isTrue()) {
      if (nodeClock.monotonicMs() - startMs > WAIT_MS_MAX)
        throw new CommandError(exitCode.software, `${kind}: ${what} did not come in ${WAIT_MS_MAX} ms`);
      await sleep(nodeClock, 5);
    }
    return nodeClock.monotonicMs() - startMs;
  };

  const first = await switchOn();
  const kit = createDemoKit(
    {
      folder,
      nowMs: nodeClock.wallMs(),
      demo: true,
      config: {
        'camera.kind': kind,
        'camera.source': first.url,
        'display.port': 0,
        'display.required': false,
        'log.level': 'silent',
      },
    },
    nodeRandom,
  );
  const parsed = parseConfig(readFileSync(kit.configFile, 'utf8'));
  if (!parsed.ok) throw new Error(parsed.problems[0].key);
  const watcher = {
    onLane(next: FaultCode | undefined) {
      fault = next;
    },
  };
  const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
  const options = { config: parsed.config, configFile: kit.configFile, allowDemo: true, loops: 1, watcher };
  const kiosk = await openKiosk(options, host);
  const results: Record<string, Metric> = {};
  try {
    await until('an open lane', () => fault === undefined);
    for (const [trouble, expected] of Object.entries(troubles)) {
      const closedMs: number[] = [];
      const openedMs: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await sleep(nodeClock, SETTLED_MS);
        // Not in step with the frames, nor with the looks at the lane.
        await sleep(nodeClock, (nodeRandom.bytes(1)[0] ?? 0) * 2);
        if (trouble === 'stall') camera?.stall();
        else if (trouble === 'black') shown = black;
        else if (trouble === 'frozen') shown = street.slice(0, 1);
        else await switchOff();
        closedMs.push(await until(expected.join(' or '), () => fault !== undefined && expected.includes(fault)));
        // The reader is opened anew while the camera is still away.
        await sleep(nodeClock, SETTLED_MS);
        if (trouble === 'stall') camera?.resume();
        else if (trouble === 'server killed') await switchOn();
        shown = street;
        openedMs.push(await until('an open lane', () => fault === undefined));
      }
      results[`${kind}: ${trouble}, to the closed lane`] = metric(closedMs, 'ms');
      results[`${kind}: ${trouble}, from the camera's return to the open lane`] = metric(openedMs, 'ms');
      say(`${kind}: ${trouble} done`);
    }
    return results;
  } finally {
    await kiosk.close();
    await switchOff();
  }
}
