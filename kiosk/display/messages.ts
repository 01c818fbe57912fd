/** The messages between kiosk and pages. The citizen page may only say what it has painted. */
import { z } from 'zod';
import { citizenStates } from '../decision/citizen-view.ts';
import type { ScreenView } from './screen-state.ts';

/** A change of the screen: painted at once, then acknowledged. */
export interface StateMessage {
  readonly kind: 'state';
  readonly bootId: string;
  readonly seq: number;
  readonly view: ScreenView;
  /** The page ends the view by itself after this, whatever becomes of the kiosk. */
  readonly remainingMs: number | undefined;
}

/** Once a second: the page is still believed, and so is the kiosk. */
export interface HeartbeatMessage {
  readonly kind: 'heartbeat';
  readonly bootId: string;
  readonly seq: number;
}

/** The camera of this kiosk is the one of the page's browser: the page opens it and offers it on a socket of its own. */
export interface CameraMessage {
  readonly kind: 'camera';
}

export type ToCitizen = StateMessage | HeartbeatMessage | CameraMessage;

export const fromCitizenSchema = z.strictObject({
  kind: z.enum(['painted', 'alive']),
  bootId: z.string().max(64),
  seq: z.number().int().min(0),
  state: z.enum(citizenStates),
});
export type FromCitizen = z.infer<typeof fromCitizenSchema>;

export const FROM_CITIZEN_BYTES_MAX = 512;

/** Undefined for anything that is no such message. */
export function parseFromCitizen(text: string): FromCitizen | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const parsed = fromCitizenSchema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}
