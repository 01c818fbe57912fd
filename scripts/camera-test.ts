/** `checkpoint-kiosk camera test`: opens a camera as the kiosk would, watches and decodes its frames for some seconds, and says how it does. */
import { closingAfter } from '../config/closers.ts';
import { type FaultCode, faults } from '../config/faults.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import type { Host } from '../config/ports/host.ts';
import { guideOf, openConfiguredCamera } from '../kiosk/camera/configured-camera.ts';
import type { Frame, FrameSource } from '../kiosk/camera/frame-source.ts';
import { measureGuide, partOf } from '../kiosk/camera/sharpness.ts';
import type { Decoder } from '../kiosk/decode/decoder.ts';
import { openWorkerDecoder } from '../kiosk/decode/worker-decoder.ts';
import type { CameraChoice } from './camera-config.ts';
import { createFrameReader } from './camera-frames.ts';
import { exitCode } from './command.ts';
import { untilStopped } from './until-stopped.ts';

export interface CameraTestResult {
  /** The camera was live in the end and its picture good. */
  readonly ok: boolean;
  readonly fault: FaultCode | null;
  readonly seconds: number;
  /** 0 where no frame came. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Frames a second as they came, decoded or not. */
  readonly frameRateHz: number;
  readonly restarts: number;
  /** Mean grey level of the guide, 0 to 255, and its sharpness, which only compares pictures of one scene. */
  readonly level: number;
  readonly sharpness: number;
  /** Detail of the whole picture, as picture health has it. */
  readonly detail: number;
  readonly decodesPerS: number;
  readonly decodeMs: { readonly p50: number; readonly p95: number };
  /** Decoded frames that showed a symbol, and those of which a text was read. */
  readonly framesWithSymbol: number;
  readonly framesRead: number;
}

interface Seen {
  frames: number;
  firstSequence: number;
  newest: Frame | undefined;
  firstAtMs: number;
  decodeMs: number[];
  withSymbol: number;
  read: number;
  levels: number[];
  sharpness: number[];
}

const PROGRESS_MS = 1_000;

export function runCameraTest({ config, path }: CameraChoice, seconds: number, json: boolean): Promise<number> {
  const host = createNodeHost('warn');
  return closingAfter(async (opened) => {
    // The decoder first: nobody waits at a camera for it, and the seconds are those of the camera.
    const decoder = opened.add(
      await openWorkerDecoder({ frameMsMax: config['decode.frameMsMax'], budgetMs: config['decode.budgetMs'] }, host),
    );
    const source = opened.add(openConfiguredCamera(config, path, Number.POSITIVE_INFINITY, undefined, host));
    return watch(source, decoder, { config, seconds, json }, host);
  });
}

interface Watching {
  readonly config: KioskConfig;
  readonly seconds: number;
  readonly json: boolean;
}

async function watch(source: FrameSource, decoder: Decoder, { config, seconds, json }: Watching, host: Host): Promise<number> {
  let isStopped = false;
  void untilStopped().then(() => {
    isStopped = true;
  });
  const reader = createFrameReader(source, host.clock);
  const startMs = host.clock.monotonicMs();
  const endMs = startMs + seconds * 1000;
  const seen: Seen = {
    ...{ frames: 0, firstSequence: 0, newest: undefined, firstAtMs: startMs },
    ...{ decodeMs: [], withSymbol: 0, read: 0, levels: [], sharpness: [] },
  };
  let nextWordMs = startMs + PROGRESS_MS;
  while (!isStopped && host.clock.monotonicMs() < endMs) {
    const frame = await reader.next(Math.min(endMs, nextWordMs));
    if (frame !== undefined) await look(frame, decoder, config, seen);
    if (host.clock.monotonicMs() < nextWordMs) continue;
    nextWordMs += PROGRESS_MS;
    process.stderr.write(
      `${progressLine(Math.round((host.clock.monotonicMs() - startMs) / 1000), resultOf(seen, source, startMs, host.clock.monotonicMs()))}\n`,
    );
  }
  const result = resultOf(seen, source, startMs, host.clock.monotonicMs());
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : textOf(result));
  if (result.fault !== null)
    process.stderr.write(`checkpoint-kiosk: ${result.fault}: ${faults[result.fault].summary} ${faults[result.fault].action}\n`);
  return result.ok ? exitCode.ok : exitCode.failed;
}

async function look(frame: Frame, decoder: Decoder, config: KioskConfig, seen: Seen): Promise<void> {
  if (seen.newest === undefined) [seen.firstSequence, seen.firstAtMs] = [frame.sequence, frame.arrivedAtMs];
  seen.newest = frame;
  const { level, sharpness } = measureGuide(partOf(frame, guideOf(config)));
  seen.levels.push(level);
  seen.sharpness.push(sharpness);
  // Frames of a source have no padding.
  const { symbols, decodeMs } = await decoder.decode(frame);
  seen.frames++;
  seen.decodeMs.push(decodeMs);
  if (symbols.length > 0) seen.withSymbol++;
  if (symbols.some(({ text }) => text !== undefined)) seen.read++;
}

function resultOf(seen: Seen, source: FrameSource, startMs: number, nowMs: number): CameraTestResult {
  const { state, fault, restarts, picture } = source.health();
  const spanS = ((seen.newest?.arrivedAtMs ?? 0) - seen.firstAtMs) / 1000;
  const decodingS = (nowMs - seen.firstAtMs) / 1000;
  const isLive = state === 'live' || state === 'degraded';
  return {
    ok: isLive && seen.frames > 0,
    // A camera that never sent anything has not yet failed for its source.
    fault: isLive ? null : (fault ?? 'camera-no-frame'),
    seconds: rounded((nowMs - startMs) / 1000, 1),
    widthPx: seen.newest?.widthPx ?? 0,
    heightPx: seen.newest?.heightPx ?? 0,
    frameRateHz: spanS > 0 ? rounded(((seen.newest?.sequence ?? 0) - seen.firstSequence) / spanS, 1) : 0,
    restarts,
    level: Math.round(percentile(seen.levels, 0.5)),
    sharpness: rounded(percentile(seen.sharpness, 0.5), 5),
    detail: rounded(picture?.detail ?? 0, 3),
    decodesPerS: seen.frames > 0 && decodingS > 0 ? rounded(seen.frames / decodingS, 1) : 0,
    decodeMs: { p50: rounded(percentile(seen.decodeMs, 0.5), 1), p95: rounded(percentile(seen.decodeMs, 0.95), 1) },
    framesWithSymbol: seen.withSymbol,
    framesRead: seen.read,
  };
}

function progressLine(second: number, { fault, frameRateHz, level, decodesPerS, framesRead }: CameraTestResult): string {
  if (fault !== null && frameRateHz === 0) return `${second} s: no picture yet`;
  return `${second} s: ${frameRateHz} frames/s, level ${level}, ${decodesPerS} decoded/s, code read in ${framesRead}${fault === null ? '' : `, ${fault}`}`;
}

function textOf(result: CameraTestResult): string {
  const { widthPx, heightPx, decodeMs } = result;
  const rows: [string, string][] = [
    ['camera', result.ok ? 'good' : (result.fault ?? 'no picture')],
    ['size', `${widthPx}x${heightPx}`],
    ['frames a second', String(result.frameRateHz)],
    ['reopened', String(result.restarts)],
    ['level of the guide', `${result.level} of 255`],
    ['sharpness of the guide', String(result.sharpness)],
    ['detail', String(result.detail)],
    ['decoded a second', String(result.decodesPerS)],
    ['decoding, ms', `${decodeMs.p50} (p50), ${decodeMs.p95} (p95)`],
    ['frames with a symbol', String(result.framesWithSymbol)],
    ['frames read', String(result.framesRead)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(24)}${value}\n`).join('');
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
