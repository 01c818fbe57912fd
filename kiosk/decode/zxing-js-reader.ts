/** Decoding with @zxing/library, in plain JavaScript: the fallback where WebAssembly cannot start. Slower, and one symbol a picture. */
import {
  BinaryBitmap,
  DecodeHintType,
  HybridBinarizer,
  InvertedLuminanceSource,
  type LuminanceSource,
  NotFoundException,
  QRCodeReader,
  type Result,
  RGBLuminanceSource,
} from '@zxing/library';
import type { DecodedSymbol, Picture, PictureReader, Point } from './decoder.ts';

const HINTS = new Map<DecodeHintType, unknown>([[DecodeHintType.TRY_HARDER, true]]);
/** Below this the library's block-wise threshold has nothing to work on. */
const SIDE_PX_MIN = 21;

export function openZxingJs(): PictureReader {
  return {
    name: 'zxing-js',
    async read({ luma, widthPx, heightPx }: Picture) {
      if (widthPx < SIDE_PX_MIN || heightPx < SIDE_PX_MIN) return [];
      const pixels = new Uint8ClampedArray(luma.subarray(0, widthPx * heightPx));
      const source = new RGBLuminanceSource(pixels, widthPx, heightPx);
      const result = tryRead(source) ?? tryRead(new InvertedLuminanceSource(source));
      return result === undefined ? [] : [toSymbol(result)];
    },
  };
}

function tryRead(source: LuminanceSource): Result | undefined {
  try {
    return new QRCodeReader().decode(new BinaryBitmap(new HybridBinarizer(source)), HINTS);
  } catch (error) {
    // The library throws for every picture without a readable code: not found, checksum, format, and on some pictures
    // errors of its own arithmetic. None of them says more than "no text here".
    if (error instanceof NotFoundException || error instanceof Error) return undefined;
    throw error;
  }
}

/** The library gives the centres of the finder patterns (bottom left, top left, top right): the fourth corner is guessed. */
function toSymbol(result: Result): DecodedSymbol {
  const [bottomLeft, topLeft, topRight] = result.getResultPoints().map((point): Point => ({ x: point.getX(), y: point.getY() }));
  const origin: Point = topLeft ?? { x: 0, y: 0 };
  const right = topRight ?? origin;
  const below = bottomLeft ?? origin;
  const opposite = { x: right.x + below.x - origin.x, y: right.y + below.y - origin.y };
  return { text: result.getText(), quad: [origin, right, opposite, below] };
}
