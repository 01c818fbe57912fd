/** What lanes say to each other, parsed strictly and of bounded size (pure). Never an id, a name or the text of a code. */
import { z } from 'zod';
import { kioskName } from '../../sync/protocol/enrolment.ts';

/** Longest message of either kind. */
export const MESSAGE_BYTES_MAX = 32_768;
export const PAGE_ROWS_MAX = 50;
export const BOOTS_MAX = 64;
/** Longest time that a pass is kept for other lanes. */
export const ROW_LIFE_MS_MAX = 31 * 86_400_000;

const bootId = z.string().regex(/^[0-9a-z]{1,64}$/);
const counter = z.number().int().min(1);
const tag = z.string().regex(/^[0-9a-f]{32}$/);
const instant = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Why a connection is ended, as the other side is told. */
export const peerRefusals = [
  'peer-unlisted',
  'peer-checkpoint',
  'peer-generation',
  'peer-key',
  'peer-signature',
  'peer-message',
  'frame-malformed',
  'frame-reflected',
  'frame-forged',
  'frame-sequence',
  'peer-flooding',
  'peer-silent',
  'peer-replaced',
  'peer-store',
  'peer-closing',
] as const;
export type PeerRefusal = (typeof peerRefusals)[number];

export const helloSchema = z.strictObject({
  kind: z.literal('hello'),
  v: z.literal(1),
  kioskId: kioskName,
  checkpointId: kioskName,
  generation: z.number().int().positive(),
  bootId,
  /** 32 bytes, base64url. */
  nonce: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});
export type Hello = z.infer<typeof helloSchema>;

export const proofSchema = z.strictObject({
  kind: z.literal('proof'),
  /** HMAC-SHA-256 under the key of the checkpoint, hex. */
  mac: z.string().regex(/^[0-9a-f]{64}$/),
  /** Ed25519, hex. */
  signature: z.string().regex(/^[0-9a-f]{128}$/),
});
export type Proof = z.infer<typeof proofSchema>;

const rowSchema = z
  .strictObject({
    bootId,
    /** Rises by one with each pass of a boot. */
    counter,
    /** Of credential and person. */
    tags: z.tuple([tag, tag]),
    passedAtMs: instant,
    /** So long after it the policy wants no further pass. */
    windowMs: z.number().int().min(0).max(ROW_LIFE_MS_MAX),
    expiresAtMs: instant,
    /** Of an app code. */
    step: instant.optional(),
  })
  .refine(({ passedAtMs, expiresAtMs }) => expiresAtMs > passedAtMs && expiresAtMs - passedAtMs <= ROW_LIFE_MS_MAX, 'a bounded life');
export type PassRow = z.infer<typeof rowSchema>;

const bootMark = z.strictObject({ bootId, counter });
export type BootMark = z.infer<typeof bootMark>;

export const peerMessageSchema = z.discriminatedUnion('kind', [
  /** First thing on a connection: the last pass of each boot of the other side that is known here. */
  z.strictObject({ kind: z.literal('have'), boots: z.array(bootMark).max(BOOTS_MAX) }),
  /** Of the sender's own lane, in order; the next only after `taken`. */
  z.strictObject({ kind: z.literal('passes'), rows: z.array(rowSchema).min(1).max(PAGE_ROWS_MAX) }),
  z.strictObject({ kind: z.literal('taken') }),
  z.strictObject({ kind: z.literal('alive') }),
]);
export type PeerMessage = z.infer<typeof peerMessageSchema>;

/** Undefined for anything else. */
export function parsePeerText<Schema extends z.ZodType>(text: string | Uint8Array, schema: Schema): z.infer<Schema> | undefined {
  try {
    const json: unknown = JSON.parse(typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true }).decode(text));
    return schema.safeParse(json).data;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
