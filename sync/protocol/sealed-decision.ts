/**
 * The sealed part of a decision record, both ways: a CBOR map with numbered fields, which keeps a decision within one
 * 256-byte block. It repeats what the clear part says of id, place and time, so that upstream can compare.
 */
import { z } from 'zod';
import { fromHex, toHex } from '../credential/bytes.ts';
import { type CborMap, type CborValue, decodeCbor, encodeCbor, isCborMap } from '../credential/cbor.ts';
import { accept, type Outcome, refuse } from '../credential/outcome.ts';
import { reasonOrder, verdicts } from './reasons.ts';
import { uuidBytes, uuidText } from './record-id.ts';

/** What is sealed of a decision: enough to replay it. */
export interface SealedDecision {
  readonly recordId: string;
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly eventTimeMs: number;
  readonly verdict: (typeof verdicts)[number];
  readonly reason: (typeof reasonOrder)[number];
  readonly class?: number | undefined;
  readonly kid?: string | undefined;
  readonly cti?: Uint8Array | undefined;
  readonly subject?: Uint8Array | undefined;
  readonly form?: 'paper' | 'app' | undefined;
  readonly direction?: string | undefined;
  readonly plate?: 'matched' | 'unchecked' | 'mismatch' | undefined;
  readonly grade: string;
  readonly decodeMs: number;
  readonly frames: number;
}

const KEY = {
  recordId: 1,
  kioskId: 2,
  checkpointId: 3,
  eventTimeS: 4,
  eventTimeMs: 5,
  verdict: 6,
  reason: 7,
  class: 8,
  kid: 9,
  cti: 10,
  subject: 11,
  form: 12,
  direction: 13,
  plate: 14,
  grade: 15,
  decodeMs: 16,
  frames: 17,
} as const;

export function encodeSealedDecision(decision: SealedDecision): Uint8Array {
  const fields: [number, CborValue | undefined][] = [
    [KEY.recordId, uuidBytes(decision.recordId)],
    [KEY.kioskId, decision.kioskId],
    [KEY.checkpointId, decision.checkpointId],
    [KEY.eventTimeS, Math.floor(decision.eventTimeMs / 1000)],
    [KEY.eventTimeMs, Math.floor(decision.eventTimeMs) % 1000],
    [KEY.verdict, decision.verdict],
    [KEY.reason, decision.reason],
    [KEY.class, decision.class],
    [KEY.kid, decision.kid === undefined ? undefined : fromHex(decision.kid)],
    [KEY.cti, decision.cti],
    [KEY.subject, decision.subject],
    [KEY.form, decision.form],
    [KEY.direction, decision.direction],
    [KEY.plate, decision.plate],
    [KEY.grade, decision.grade],
    [KEY.decodeMs, Math.round(decision.decodeMs)],
    [KEY.frames, decision.frames],
  ];
  const map = new Map<number, CborValue>();
  for (const [key, value] of fields) if (value !== undefined) map.set(key, value);
  return encodeCbor(map);
}

const bytes = z.instanceof(Uint8Array);
const sealedSchema = z.object({
  recordId: bytes.transform(uuidText),
  kioskId: z.string(),
  checkpointId: z.string(),
  eventTimeS: z.number(),
  eventTimeMs: z.number(),
  verdict: z.enum(verdicts),
  reason: z.enum(reasonOrder),
  class: z.number().optional(),
  kid: bytes.transform(toHex).optional(),
  cti: bytes.optional(),
  subject: bytes.optional(),
  form: z.enum(['paper', 'app']).optional(),
  direction: z.string().optional(),
  plate: z.enum(['matched', 'unchecked', 'mismatch']).optional(),
  grade: z.string(),
  decodeMs: z.number(),
  frames: z.number(),
});

/** The opener's side: reads what `encodeSealedDecision` wrote, and nothing else. */
export function parseSealedDecision(plaintext: Uint8Array): Outcome<SealedDecision, 'sealed-malformed'> {
  const decoded = decodeCbor(plaintext);
  if (!decoded.ok || !isCborMap(decoded.value)) return refuse('sealed-malformed');
  const parsed = sealedSchema.safeParse(namedFields(decoded.value));
  if (!parsed.success) return refuse('sealed-malformed');
  const { eventTimeS, eventTimeMs, ...rest } = parsed.data;
  return accept({ ...rest, eventTimeMs: eventTimeS * 1000 + eventTimeMs });
}

function namedFields(map: CborMap): Record<string, CborValue | undefined> {
  return Object.fromEntries(Object.entries(KEY).map(([name, key]) => [name, map.get(key)]));
}
