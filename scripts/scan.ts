/** `checkpoint-kiosk scan`: decodes pictures and video, every frame in order, one JSON line each. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../config/faults.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import { openClip } from '../kiosk/camera/clip.ts';
import { openPicture } from '../kiosk/camera/pictures.ts';
import type { DecodedSymbol, Decoder, Picture, Quad } from '../kiosk/decode/decoder.ts';
import { openWorkerDecoder } from '../kiosk/decode/worker-decoder.ts';
import { openZxingJs } from '../kiosk/decode/zxing-js-reader.ts';
import { readCredential } from '../sync/credential/credential.ts';
import type { TrustList } from '../sync/credential/trust.ts';
import { CommandError, exitCode } from './command.ts';
import { videoFrames } from './video-frames.ts';

export interface ScanOptions {
  readonly trust: { readonly list: TrustList; readonly now: number } | undefined;
  /** Milliseconds a picture may take; Infinity with --all. */
  readonly budgetMs: number;
  readonly ffmpegPath: string;
}

const PICTURE = /\.(png|jpe?g|webp|gif|tiff?|avif|svg)$/i;
const CLIP = /\.y4m$/i;
const URL_LIKE = /^[a-z][a-z0-9+.-]*:\/\//i;
const PIXELS_MAX = 40_000_000;
/** With --all a picture still ends: a hang is a fault, not patience. */
const ALL_MS_MAX = 60_000;
const SMALL_SIDE_PX = 1_000;
const STILL_BUDGET_MS = 250;
const FRAME_BUDGET_MS = 66;

export async function runScan(paths: readonly string[], options: ScanOptions): Promise<number> {
  const host = createNodeHost('silent');
  const frameMsMax = Math.min(options.budgetMs, ALL_MS_MAX);
  const isAll = options.budgetMs === Infinity;
  // A single picture has no next frame: everything is tried on it. Frames of a video are read as a kiosk would.
  const still = await openWorkerDecoder({ frameMsMax, budgetMs: isAll ? ALL_MS_MAX : STILL_BUDGET_MS, exhaustive: true }, host);
  // Each video has its own: what was seen in the one before says nothing about this one.
  const openMoving = () => openWorkerDecoder({ frameMsMax, budgetMs: isAll ? ALL_MS_MAX : FRAME_BUDGET_MS }, host);
  let worst: number = exitCode.ok;
  try {
    for (const path of paths.flatMap(expand)) {
      const decoder = isPicture(path) ? still : await openMoving();
      try {
        for await (const { frame, picture } of picturesOf(path, options)) {
          await print(await scanPicture(path, frame, picture, decoder, options));
        }
      } catch (error) {
        if (error instanceof Fault && error.code === 'native-module-missing') throw error;
        const message = error instanceof Error ? error.message : String(error);
        await print({ file: path, frame: null, text: null, error: message });
        process.stderr.write(`checkpoint-kiosk: ${path}: ${message}\n`);
        worst = error instanceof CommandError ? error.code : exitCode.noInput;
      } finally {
        if (decoder !== still) await decoder.close();
      }
    }
  } finally {
    await still.close();
  }
  return worst;
}

/** A folder stands for the pictures in it, by name. */
function expand(path: string): string[] {
  if (URL_LIKE.test(path) || !existsSync(path) || !statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => PICTURE.test(name));
  return names.sort().map((name) => join(path, name));
}

async function* picturesOf(path: string, { ffmpegPath }: ScanOptions): AsyncGenerator<{ frame: number; picture: Picture }> {
  if (!URL_LIKE.test(path) && !existsSync(path)) throw new CommandError(exitCode.noInput, 'no such file');
  if (isPicture(path)) {
    yield { frame: 0, picture: await readPicture(path) };
    return;
  }
  if (CLIP.test(path)) {
    const clip = await openClip(path);
    try {
      for (let frame = 0; frame < clip.frameCount; frame++) yield { frame, picture: { ...clip, luma: await clip.read(frame) } };
    } finally {
      clip.close();
    }
    return;
  }
  let frame = 0;
  for await (const picture of videoFrames(path, ffmpegPath)) yield { frame: frame++, picture };
}

function isPicture(path: string): boolean {
  return PICTURE.test(path) && !URL_LIKE.test(path);
}

/** Grey, as it lies there, on white where it is clear. */
export async function readPicture(path: string): Promise<Picture> {
  const image = openPicture(path, { limitInputPixels: PIXELS_MAX }).rotate().flatten({ background: 'white' }).greyscale();
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { luma: new Uint8Array(data), widthPx: info.width, heightPx: info.height };
}

async function scanPicture(file: string, frame: number, picture: Picture, decoder: Decoder, options: ScanOptions) {
  const { symbols, decodeMs, timedOut } = await decoder.decode(picture);
  const found = hasText(symbols) || options.budgetMs !== Infinity ? symbols : await tryHarder(picture, decoder);
  const texts = found.filter((symbol) => symbol.text !== undefined).sort((a, b) => rank(b) - rank(a));
  const text = texts[0]?.text ?? null;
  const line = { file, frame, text, texts: texts.map((symbol) => symbol.text), ms: Math.round(decodeMs * 10) / 10, timedOut };
  if (options.trust === undefined) return line;
  const { list, now } = options.trust;
  // Without a text there is nothing good: never a reason that reads like a pass.
  if (text === null) return { ...line, ok: false, reason: 'unreadable' };
  const result = readCredential(text, { trust: list, now });
  return { ...line, ok: result.ok, reason: result.ok ? null : result.reason };
}

/** What takes too long for a lane: twice the size, and the other decoder. */
async function tryHarder(picture: Picture, decoder: Decoder): Promise<readonly DecodedSymbol[]> {
  if (Math.max(picture.widthPx, picture.heightPx) <= SMALL_SIDE_PX) {
    const { widthPx: width, heightPx: height } = picture;
    const raw = { width, height, channels: 1 } as const;
    const enlarged = openPicture(Buffer.from(picture.luma), { raw }).resize(width * 2, height * 2, { kernel: 'cubic' });
    const { data, info } = await enlarged.greyscale().raw().toBuffer({ resolveWithObject: true });
    const { symbols } = await decoder.decode({ luma: new Uint8Array(data), widthPx: info.width, heightPx: info.height });
    if (hasText(symbols)) return symbols;
  }
  return openZxingJs().read(picture);
}

function hasText(symbols: readonly DecodedSymbol[]): boolean {
  return symbols.some(({ text }) => text !== undefined);
}

/** Our own codes first, then the larger one. */
function rank({ text, quad }: DecodedSymbol): number {
  return (text !== undefined && /^CP[12]:/.test(text) ? 1e9 : 0) + areaOf(quad);
}

function areaOf(quad: Quad): number {
  let twice = 0;
  for (const [index, { x, y }] of quad.entries()) {
    const next = quad[(index + 1) % 4] ?? { x, y };
    twice += x * next.y - next.x * y;
  }
  return Math.abs(twice) / 2;
}

function print(line: object): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(`${JSON.stringify(line)}\n`)) resolve();
    else process.stdout.once('drain', resolve);
  });
}
