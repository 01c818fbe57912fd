/** A recorded or rendered scene to replay: a folder of pictures, or a clip file of grey frames (YUV4MPEG2 mono). */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../config/faults.ts';
import { openPicture } from './pictures.ts';
import { parseY4mHeader, Y4M_FRAME_LINE, Y4M_HEADER_BYTES_MAX } from './y4m.ts';

export interface Clip {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRateHz: number;
  readonly frameCount: number;
  /** Luma of one frame, rows without padding, a fresh array. */
  read(index: number): Promise<Uint8Array>;
  close(): void;
}

const PICTURE = /\.(png|jpe?g|webp)$/i;
const FOLDER_RATE_HZ = 10;

/** Throws Fault('camera-missing') with what is wrong. */
export async function openClip(path: string): Promise<Clip> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new Fault('camera-missing', `${path} does not exist.`);
  return stat.isDirectory() ? openFolder(path) : openY4m(path, stat.size);
}

async function openFolder(folder: string): Promise<Clip> {
  const files = readdirSync(folder)
    .filter((name) => PICTURE.test(name))
    .sort()
    .map((name) => join(folder, name));
  const [first] = files;
  if (first === undefined) throw new Fault('camera-missing', `${folder} holds no picture (png, jpg, webp).`);
  const { width: widthPx, height: heightPx } = await picture(first, () => openPicture(first).metadata());
  return {
    widthPx,
    heightPx,
    frameRateHz: FOLDER_RATE_HZ,
    frameCount: files.length,
    async read(index) {
      const file = files[index % files.length] ?? first;
      const shape = { width: widthPx, height: heightPx, fit: 'contain', background: 'white' } as const;
      const raw = await picture(file, () => openPicture(file).flatten({ background: 'white' }).resize(shape).greyscale().raw().toBuffer());
      return new Uint8Array(raw);
    },
    close: () => undefined,
  };
}

async function picture<Result>(file: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('camera-missing', `${file} is not a readable picture.`, { cause: error });
  }
}

function openY4m(path: string, sizeBytes: number): Clip {
  const { file, head } = openHead(path, Math.min(Y4M_HEADER_BYTES_MAX, sizeBytes));
  const header = parseY4mHeader(head);
  const frameBytes = typeof header === 'object' ? header.widthPx * header.heightPx : 0;
  const stepBytes = Y4M_FRAME_LINE.length + frameBytes;
  const frameCount = typeof header === 'object' ? Math.floor((sizeBytes - header.headerBytes) / stepBytes) : 0;
  if (typeof header !== 'object' || frameCount < 1) {
    closeSync(file);
    throw new Fault('camera-missing', `${path}: ${typeof header === 'string' ? header : 'no whole frame in it'}.`);
  }
  return {
    widthPx: header.widthPx,
    heightPx: header.heightPx,
    frameRateHz: header.frameRateHz,
    frameCount,
    async read(index) {
      const luma = new Uint8Array(frameBytes);
      readSync(file, luma, 0, frameBytes, header.headerBytes + (index % frameCount) * stepBytes + Y4M_FRAME_LINE.length);
      return luma;
    },
    close: () => closeSync(file),
  };
}

function openHead(path: string, headBytes: number): { readonly file: number; readonly head: Buffer } {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const head = Buffer.alloc(headBytes);
    readSync(file, head, 0, headBytes, 0);
    return { file, head };
  } catch (error) {
    if (file !== undefined) closeSync(file);
    throw new Fault('camera-missing', `${path} cannot be read: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
