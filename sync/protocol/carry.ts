/**
 * What a stick carries between a kiosk that has no line and its centre: signed requests out, signed answers back, one JSON
 * line each. Nothing on it is believed for being there; whoever finds it reads no crossing.
 */
import { z } from 'zod';

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const headers = z.strictObject({ 'content-digest': z.string(), 'signature-input': z.string(), signature: z.string() });

/** A request as a kiosk would have sent it: one line of `NAME.out.ndjson`. */
export const carriedRequestSchema = z.strictObject({
  v: z.literal(1),
  method: z.enum(['GET', 'POST']),
  target: z.string().regex(/^\/v1\/[!-~]{1,500}$/),
  headers,
  body: base64,
});
export type CarriedRequest = z.infer<typeof carriedRequestSchema>;

/** An answer: one line of `NAME.in.ndjson`. Replies name the request they answer by its signature header. */
export const carriedAnswerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    v: z.literal(1),
    kind: z.literal('reply'),
    signature: z.string(),
    status: z.number().int(),
    text: z.string(),
  }),
  z.strictObject({
    v: z.literal(1),
    kind: z.enum(['keyring', 'policy', 'slice-manifest', 'slice-key', 'revocation']),
    text: z.string(),
  }),
]);
export type CarriedAnswer = z.infer<typeof carriedAnswerSchema>;
