/**
 * Records of a journal: one JSON line each, a clear part that routes and orders it, and a sealed part that says who
 * crossed and why. A line is stored once and never written again in another form. Later events are records of their own
 * that point to the one they speak of.
 */
import { z } from 'zod';

const recordKinds = ['seal', 'decision', 'painted', 'lane', 'fault', 'lost-range', 'time', 'double-use'] as const;

/**
 * Whether the time can be believed: `trusted`, signed time has arrived since the boot; `confirmed`, staff have said in this
 * boot what time it is; `unknown`, it is the machine's clock; `untrusted`, something contradicts it.
 */
export const clockStates = ['trusted', 'confirmed', 'unknown', 'untrusted'] as const;
export type ClockState = (typeof clockStates)[number];

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/);

export const recordSchema = z.strictObject({
  v: z.literal(1),
  /** UUIDv7, made when the record was appended. */
  id: z.uuidv7(),
  kind: z.enum(recordKinds),
  /** Id of the record this one speaks of. */
  ref: z.uuidv7().optional(),
  kioskId: z.string(),
  checkpointId: z.string(),
  lane: z.string(),
  /** Changes with every start of the process. */
  bootId: z.string(),
  /** When it happened, by the kiosk's trusted time. */
  eventTime: z.iso.datetime(),
  /** When it was appended, by the machine's clock. */
  recordTime: z.iso.datetime(),
  monotonicMs: z.number().int(),
  clockState: z.enum(clockStates),
  /** Trusted time minus the machine's clock. */
  clockOffsetMs: z.number().int(),
  sliceVersion: z.number().int().optional(),
  policyVersion: z.number().int().optional(),
  trustVersion: z.number().int().optional(),
  /** Seal record and index under its key. */
  sealRef: z.strictObject({ id: z.uuidv7(), index: z.number().int().min(0) }).optional(),
  /** base64url of the secretbox. */
  sealed: base64url.optional(),
  /** Seal records: which of upstream's keys, and the segment key sealed to it. */
  seal: z.strictObject({ sealKid: z.string(), box: base64url }).optional(),
  /** Painted records: what became of the result on the screen. */
  painted: z.enum(['painted', 'unpainted', 'superseded']).optional(),
  /** Lane records: open, or the fault that closed it; fault records: the fault. */
  laneState: z.enum(['open', 'closed']).optional(),
  fault: z.string().optional(),
  /** Lost-range records: records `from` to `to` of an earlier journal are gone; `receipt` is upstream's own word on where it stands; empty where the journal vanished under the kiosk. */
  lost: z
    .strictObject({
      journalId: z.string().regex(/^[0-9a-f]{32}$/),
      from: z.number().int().min(1),
      to: z.number().int().min(1),
      receipt: z.string().max(2_000),
    })
    .optional(),
  /**
   * Time records: staff have confirmed the time, or a signed time code was shown to the camera. The record is of the time
   * as it is from then on; before it the clock was in state `before`, and the kiosk's time `shiftMs` behind.
   */
  time: z
    .strictObject({
      source: z.enum(['staff', 'code']),
      before: z.enum(clockStates),
      shiftMs: z.number().int(),
      floor: z.strictObject({ fromMs: z.number(), toMs: z.number() }).optional(),
    })
    .optional(),
  /** Double-use records: the pass at another lane, of the same credential or person, that was not known when `ref` passed. */
  other: z.strictObject({ kioskId: z.string().max(32), bootId: z.string().max(64), counter: z.number().int().min(1) }).optional(),
});
export type JournalRecord = z.infer<typeof recordSchema>;
