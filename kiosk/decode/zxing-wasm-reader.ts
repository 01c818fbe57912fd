/**
 * Decoding with zxing-cpp in WebAssembly: the default. The module is read from the installed package, never fetched. Grey
 * pictures go in as PGM files in memory: given as image data a luma plane would be read past its end.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { prepareZXingModule, type ReaderOptions, type ReadResult, readBarcodes } from 'zxing-wasm/reader';
import type { DecodedSymbol, Picture, PictureReader } from './decoder.ts';

const OPTIONS: ReaderOptions = {
  formats: ['QRCodeModel1', 'QRCodeModel2'],
  tryHarder: true,
  tryRotate: true,
  tryInvert: true,
  tryDownscale: true,
  // Located symbols that cannot be read: the screen says what helps.
  returnErrors: true,
  maxNumberOfSymbols: 8,
  textMode: 'Plain',
};

const AZTEC: ReaderOptions = { ...OPTIONS, formats: ['Aztec'], returnErrors: false };
const PREPARED: ReaderOptions = { ...OPTIONS, tryInvert: false, tryDownscale: false, tryRotate: false, maxNumberOfSymbols: 2 };

/** Loads the module and reads one small picture, so that the first person does not wait for it. Throws where WebAssembly cannot start. */
export async function openZxingWasm(): Promise<PictureReader> {
  const wasmBinary = readFileSync(createRequire(import.meta.url).resolve('zxing-wasm/reader/zxing_reader.wasm'));
  await prepareZXingModule({ overrides: { wasmBinary: new Uint8Array(wasmBinary).buffer }, fireImmediately: true });
  const reader: PictureReader = {
    name: 'zxing-wasm',
    async read(picture, { aztec = false, prepared = false, oneSize = false, darkOnLight = false } = {}) {
      const plain = { ...OPTIONS, tryDownscale: !oneSize, tryInvert: !darkOnLight };
      const results = await readBarcodes(pgmOf(picture), prepared ? PREPARED : aztec ? AZTEC : plain);
      return results.map(toSymbol);
    },
  };
  await reader.read({ luma: new Uint8Array(64 * 64).fill(255), widthPx: 64, heightPx: 64 });
  return reader;
}

/** Binary PGM (Netpbm P5): header, then the rows. */
export function pgmOf({ luma, widthPx, heightPx }: Picture): Uint8Array {
  const header = new TextEncoder().encode(`P5\n${widthPx} ${heightPx}\n255\n`);
  const file = new Uint8Array(header.length + widthPx * heightPx);
  file.set(header);
  file.set(luma.subarray(0, widthPx * heightPx), header.length);
  return file;
}

function toSymbol({ isValid, text, position, version }: ReadResult): DecodedSymbol {
  const { topLeft, topRight, bottomRight, bottomLeft } = position;
  const number = Number.parseInt(version, 10);
  return {
    text: isValid ? text : undefined,
    quad: [topLeft, topRight, bottomRight, bottomLeft],
    version: number > 0 ? number : undefined,
  };
}
