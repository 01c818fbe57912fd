/** What kiosk and camera page say to each other besides frames. The page can only say why no pictures come. */
import { z } from 'zod';

/** Begins a connection: which camera to open, and how large its pictures may be. */
export interface OpenCameraMessage {
  readonly kind: 'open';
  /** Part of the camera's name or of its device id; `default` or `any` for the one the browser takes. */
  readonly source: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRateHz: number;
}

/** One more frame may be sent. */
export interface NextFrameMessage {
  readonly kind: 'next';
}

export type ToCameraPage = OpenCameraMessage | NextFrameMessage;

const fromCameraPageSchema = z.strictObject({
  kind: z.literal('fault'),
  fault: z.enum(['camera-missing', 'camera-denied', 'camera-settings', 'camera-no-frame']),
  /** The browser's own name for it, for the log. */
  name: z.string().regex(/^[A-Za-z]{0,40}$/),
});
export type FromCameraPage = z.infer<typeof fromCameraPageSchema>;

const CHARS_MAX = 256;

/** Undefined for anything that is no such message. */
export function parseFromCameraPage(text: string): FromCameraPage | undefined {
  if (text.length > CHARS_MAX) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const parsed = fromCameraPageSchema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}
