/**
 * The messages between kiosk and pages. The citizen page may only say what it has painted; what the supervisor's page may say
 * stands in one list, and each message is answered in words.
 */
import { z } from 'zod';
import { citizenStates } from '../decision/citizen-view.ts';
import type { ScreenView } from './screen-state.ts';
import type { SupervisorSnapshot } from './supervisor-view.ts';

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

/** What staff say on the supervisor's page. */
const fromSupervisorSchema = z.discriminatedUnion('kind', [
  /** That it is this time now, Unix milliseconds; whether it can be is judged by the kiosk. */
  z.strictObject({ kind: z.literal('confirm-time'), atMs: z.number().int() }),
  /** The plate of the vehicle that stands in the lane now, as it was typed. */
  z.strictObject({ kind: z.literal('plate'), plate: z.string().max(32) }),
]);
export type StaffMessage = z.infer<typeof fromSupervisorSchema>;

/** The kiosk's answer, as staff read it. */
export interface StaffReply {
  readonly ok: boolean;
  readonly vi: string;
  readonly en: string;
}

export type ToSupervisor =
  | (SupervisorSnapshot & { readonly kind: 'snapshot' })
  | (StaffReply & { readonly kind: 'staff-reply'; readonly to: StaffMessage['kind'] });

/** A longer message of either page ends its connection. */
export const FROM_PAGE_BYTES_MAX = 512;

/** Undefined for anything that is no such message. */
export function parseFromCitizen(text: string): FromCitizen | undefined {
  return parse(text, fromCitizenSchema);
}

/** Undefined for anything that is no such message. */
export function parseFromSupervisor(text: string): StaffMessage | undefined {
  return parse(text, fromSupervisorSchema);
}

function parse<Schema extends z.ZodType>(text: string, schema: Schema): z.infer<Schema> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}
