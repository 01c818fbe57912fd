/** The decoders that a user might pick instead, each as the same function: a picture in, the texts of its QR codes out. */
import { BinaryBitmap, DecodeHintType, HybridBinarizer, QRCodeReader, RGBLuminanceSource } from '@zxing/library';
import jsqr from 'jsqr';
import { type ReaderOptions, readBarcodes } from 'zxing-wasm/reader';
import type { Picture } from '../../kiosk/decode/decoder.ts';
import { openZxingWasm, pgmOf } from '../../kiosk/decode/zxing-wasm-reader.ts';

export interface PeerReader {
  readonly name: string;
  read(picture: Picture): Promise<readonly string[]>;
}

/** Test sets write line ends and outer blanks in different ways. */
export function normal(text: string): string {
  return text.trim().replaceAll('\r\n', '\n');
}

/** QR only, all else as it comes: the single decoder to beat. */
const DEFAULTS: ReaderOptions = { formats: ['QRCode'] };
const FAST: ReaderOptions = { formats: ['QRCode'], tryHarder: false, tryRotate: false, tryInvert: false, tryDownscale: false };

export async function openPeers(): Promise<PeerReader[]> {
  await openZxingWasm();
  const zbar = await import('@undecaf/zbar-wasm');
  const rxing = await import('rxing-wasm');
  const zxingWasm = (name: string, options: ReaderOptions): PeerReader => ({
    name,
    read: async (picture) => (await readBarcodes(pgmOf(picture), options)).flatMap(({ isValid, text }) => (isValid ? [text] : [])),
  });
  return [
    zxingWasm('zxing-wasm', DEFAULTS),
    zxingWasm('zxing-wasm fast', FAST),
    { name: '@zxing/library', read: async (picture) => readZxingJs(picture) },
    {
      name: 'jsQR',
      async read({ luma, widthPx, heightPx }) {
        const code = jsqr.default(rgbaOf(luma), widthPx, heightPx);
        return code === null || code.data === '' ? [] : [code.data];
      },
    },
    {
      name: 'zbar-wasm',
      async read({ luma, widthPx, heightPx }) {
        const symbols = await zbar.scanGrayBuffer(new Uint8Array(luma).buffer, widthPx, heightPx);
        return symbols.flatMap((symbol) => (symbol.typeName === 'ZBAR_QRCODE' ? [symbol.decode()] : []));
      },
    },
    {
      name: 'rxing-wasm',
      async read({ luma, widthPx, heightPx }) {
        try {
          return [rxing.decode_barcode(luma, widthPx, heightPx, true).text()];
        } catch (error) {
          // It throws where it finds nothing.
          if (error === undefined || error === null) throw error;
          return [];
        }
      },
    },
  ];
}

function readZxingJs({ luma, widthPx, heightPx }: Picture): string[] {
  const source = new RGBLuminanceSource(new Uint8ClampedArray(luma), widthPx, heightPx);
  const hints = new Map<DecodeHintType, unknown>([[DecodeHintType.TRY_HARDER, true]]);
  try {
    return [new QRCodeReader().decode(new BinaryBitmap(new HybridBinarizer(source)), hints).getText()];
  } catch (error) {
    if (error instanceof Error) return [];
    throw error;
  }
}

function rgbaOf(luma: Uint8Array): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(luma.length * 4).fill(255);
  for (const [index, level] of luma.entries()) rgba.fill(level, index * 4, index * 4 + 3);
  return rgba;
}
