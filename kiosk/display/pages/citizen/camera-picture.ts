/**
 * Makes the message of one frame, as kiosk/camera/page-frames.ts reads it: a head, then luma. A camera's frame has its luma
 * in a plane of its own, which is copied behind the head as it is; anything else is drawn and computed.
 */
import { fitInto } from './camera-rules.ts';

const MAGIC = 0x434b4631;
const HEAD_BYTES = 20;

export interface Largest {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Pictures into messages, one at a time: the message of one is good until the next is begun. Closes each picture. */
export function createPictureWriter(largest: Largest) {
  let buffer = new Uint8Array(0);
  let canvas: OffscreenCanvas | undefined;

  const room = (bytes: number) => {
    if (buffer.length < bytes) buffer = new Uint8Array(bytes);
  };

  /** Copies the planes of 4:2:0 video behind the head, luma first and without padding. */
  const copyLuma = async (frame: VideoFrame, width: number, height: number): Promise<void> => {
    const halfWidth = Math.ceil(width / 2);
    const quarter = halfWidth * Math.ceil(height / 2);
    const chroma = HEAD_BYTES + width * height;
    room(chroma + 2 * quarter);
    const luma = { offset: HEAD_BYTES, stride: width };
    const rest =
      frame.format === 'NV12'
        ? [{ offset: chroma, stride: 2 * halfWidth }]
        : [
            { offset: chroma, stride: halfWidth },
            { offset: chroma + quarter, stride: halfWidth },
          ];
    await frame.copyTo(buffer, { layout: [luma, ...rest] });
  };

  const drawLuma = (picture: VideoFrame | ImageBitmap, width: number, height: number): void => {
    room(HEAD_BYTES + width * height);
    if (canvas?.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
    const drawing = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
    if (drawing === null) throw new Error('no canvas to draw on');
    drawing.drawImage(picture, 0, 0, width, height);
    const { data } = drawing.getImageData(0, 0, width, height);
    for (let at = 0, from = 0; from < data.length; at++, from += 4) {
      // Rec. 601, parts of 256.
      buffer[HEAD_BYTES + at] = (77 * (data[from] ?? 0) + 150 * (data[from + 1] ?? 0) + 29 * (data[from + 2] ?? 0)) >> 8;
    }
  };

  return async (picture: VideoFrame | ImageBitmap, sequence: number, capturedAtMs: number): Promise<Uint8Array<ArrayBuffer>> => {
    try {
      const { width, height } = sizeOf(picture);
      const size = fitInto(width, height, largest.widthPx, largest.heightPx);
      if (isPlanar(picture) && size.widthPx === width && size.heightPx === height) await copyLuma(picture, width, height);
      else drawLuma(picture, size.widthPx, size.heightPx);
      const head = new DataView(buffer.buffer);
      head.setUint32(0, MAGIC);
      head.setUint16(4, size.widthPx);
      head.setUint16(6, size.heightPx);
      head.setUint32(8, sequence);
      head.setFloat64(12, capturedAtMs);
      return buffer.subarray(0, HEAD_BYTES + size.widthPx * size.heightPx);
    } finally {
      picture.close();
    }
  };
}

function sizeOf(picture: VideoFrame | ImageBitmap): { readonly width: number; readonly height: number } {
  if (!(picture instanceof VideoFrame)) return picture;
  return picture.visibleRect ?? { width: picture.codedWidth, height: picture.codedHeight };
}

/** Whether its luma can be copied: a plane of its own, and a corner where samples of colour begin too. */
function isPlanar(picture: VideoFrame | ImageBitmap): picture is VideoFrame {
  if (!(picture instanceof VideoFrame) || (picture.format !== 'I420' && picture.format !== 'NV12')) return false;
  const { x, y } = picture.visibleRect ?? { x: 0, y: 0 };
  return x % 2 === 0 && y % 2 === 0;
}
