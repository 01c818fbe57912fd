/**
 * YUV4MPEG2 with luma only (`Cmono`): the form of rendered clips, which ffmpeg reads and writes too. A text header line,
 * then for each frame a line `FRAME` and its rows.
 */
export interface Y4mHeader {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRateHz: number;
  /** Luma of white: 235 in a stream of limited range, as films have it, else 255. */
  readonly whiteLevel: number;
  /** Bytes before the first frame line. */
  readonly headerBytes: number;
}

export const Y4M_HEADER_BYTES_MAX = 256;
export const Y4M_FRAME_LINE = 'FRAME\n';
const MAGIC = 'YUV4MPEG2 ';
const LIMITED_WHITE = 235;
const SIDE_PX_MAX = 8_192;

/** `colour` names the planes that follow the rows of luma: none, or two of half the width and height. */
export function y4mHeader(widthPx: number, heightPx: number, frameRateHz: number, colour: 'mono' | '420' = 'mono'): string {
  return `${MAGIC}W${widthPx} H${heightPx} F${Math.round(frameRateHz * 1000)}:1000 Ip A1:1 C${colour}\n`;
}

/** Reads the header line; undefined while `bytes` does not hold all of it; a string names what is wrong. */
export function parseY4mHeader(bytes: Uint8Array): Y4mHeader | string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, Y4M_HEADER_BYTES_MAX)).toString('latin1');
  const isMagic = head.length < MAGIC.length ? MAGIC.startsWith(head) : head.startsWith(MAGIC);
  if (!isMagic) return 'not a YUV4MPEG2 stream';
  const end = head.indexOf('\n');
  if (end < 0) return bytes.length >= Y4M_HEADER_BYTES_MAX ? 'the header line is too long' : undefined;
  const tokens = new Map(
    head
      .slice(MAGIC.length, end)
      .split(' ')
      .map((token) => [token.slice(0, 1), token.slice(1)]),
  );
  const widthPx = Number(tokens.get('W'));
  const heightPx = Number(tokens.get('H'));
  const [rate, scale] = (tokens.get('F') ?? '').split(':').map(Number);
  if (!isSide(widthPx) || !isSide(heightPx)) return 'no usable picture size';
  if (tokens.get('C') !== 'mono') return 'not a grey stream (Cmono)';
  const frameRateHz = (rate ?? 0) / (scale ?? 1);
  return {
    widthPx,
    heightPx,
    frameRateHz: frameRateHz > 0 && Number.isFinite(frameRateHz) ? frameRateHz : 25,
    whiteLevel: head.slice(0, end).split(' ').includes('XCOLORRANGE=LIMITED') ? LIMITED_WHITE : 255,
    headerBytes: end + 1,
  };
}

function isSide(px: number): boolean {
  return Number.isInteger(px) && px >= 1 && px <= SIDE_PX_MAX;
}

/** Cuts a stream of chunks into frames. Gives each whole frame to `onFrame`, in an array that `bufferFor` gave to be filled. */
export function createY4mSplitter(
  onHeader: (header: Y4mHeader) => void,
  onFrame: (luma: Uint8Array, header: Y4mHeader) => void,
  bufferFor: (lengthBytes: number) => Uint8Array = (lengthBytes) => new Uint8Array(lengthBytes),
) {
  let header: Y4mHeader | undefined;
  let pending: Buffer = Buffer.alloc(0);
  let frame: Uint8Array | undefined;
  let filled = 0;

  /** One step on what is pending; false when more bytes are needed. Throws a sentence where the stream is malformed. */
  const step = (): boolean => {
    if (header === undefined) {
      const parsed = parseY4mHeader(pending);
      if (parsed === undefined) return false;
      if (typeof parsed === 'string') throw new Error(parsed);
      header = parsed;
      pending = pending.subarray(parsed.headerBytes);
      onHeader(parsed);
      return true;
    }
    if (frame === undefined) {
      const end = pending.indexOf(0x0a);
      if (end < 0) {
        if (pending.length > Y4M_HEADER_BYTES_MAX) throw new Error('a frame line is too long');
        return false;
      }
      if (pending.toString('latin1', 0, 5) !== 'FRAME') throw new Error('a frame does not begin with FRAME');
      pending = pending.subarray(end + 1);
      frame = bufferFor(header.widthPx * header.heightPx);
      filled = 0;
    }
    const taken = pending.copy(frame, filled);
    filled += taken;
    pending = pending.subarray(taken);
    if (filled < frame.length) return false;
    const whole = frame;
    frame = undefined;
    onFrame(whole, header);
    return pending.length > 0;
  };

  return (chunk: Buffer): void => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (step());
  };
}
