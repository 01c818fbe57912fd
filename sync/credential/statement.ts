/**
 * Signed statements: everything that a kiosk believes from outside, keyring, policy, slice manifest and more, in one
 * envelope. COSE_Sign1 as for credentials, but with a protected content type, so that no statement can stand for another
 * kind or for a credential. The payload is JSON. A statement file holds one base64url line a signature.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { toHex } from './bytes.ts';
import { checkSign1, signSign1 } from './cose.ts';
import type { SignatureReason } from './ed25519.ts';
import { accept, type Outcome, refuse } from './outcome.ts';
import { type CoseReason, parseSign1, type Sign1 } from './sign1.ts';
import type { Signer } from './signer.ts';

/** Which role of the keyring signs which statement; a keyring itself is signed by its roots. */
export const signerRoles = {
  policy: 'release',
  'slice-manifest': 'slice',
  'slice-key': 'slice',
  feed: 'feed',
  time: 'feed',
  receipt: 'receipt',
  enrolment: 'fleet',
  heartbeat: 'fleet',
  revocation: 'fleet',
  config: 'config',
  peers: 'config',
} as const;
export const roleNames = [
  'release',
  'slice',
  'feed',
  'receipt',
  'fleet',
  'config',
] as const satisfies readonly (typeof signerRoles)[keyof typeof signerRoles][];
export type RoleName = (typeof roleNames)[number];
export type StatementType = 'keyring' | keyof typeof signerRoles;

export type StatementReason =
  | CoseReason
  | SignatureReason
  | 'statement-encoding'
  | 'statement-type'
  | 'statement-json'
  | 'statement-schema'
  | 'statement-signer';

/** What every statement says about itself. */
export const statementHeader = z.object({
  /** max(previous + 1, Unix seconds at signing): never repeated, never going back. */
  version: z.number().int().positive(),
  issuedAt: z.iso.datetime(),
  expires: z.iso.datetime(),
  /** Whom it is for: a kiosk, a checkpoint, a slice, or `*`. */
  audience: z.string().min(1).max(64),
});
export type StatementHeader = z.infer<typeof statementHeader>;

/** One envelope, parsed and not yet believed. */
export interface Envelope {
  readonly message: Sign1;
  readonly type: string;
  /** SHA-256 of the payload, hex: two statements of one version must share it. */
  readonly digest: string;
}

const CONTENT_TYPE = /^application\/vnd\.checkpoint\.([a-z-]+)\+json$/;

function contentTypeOf(type: StatementType): string {
  return `application/vnd.checkpoint.${type}+json`;
}

/** Signs `body` as a statement of `type`; one line of base64url without a line end. */
export function signStatement(type: StatementType, body: StatementHeader, key: Uint8Array | Signer): string {
  const payload = new TextEncoder().encode(JSON.stringify(body));
  return Buffer.from(signSign1(payload, key, contentTypeOf(type))).toString('base64url');
}

/** A further signature over the very bytes of a statement, by another key; one line. */
export function signAgain({ message }: Envelope, key: Signer): string {
  return Buffer.from(signSign1(message.payload, key, message.contentType)).toString('base64url');
}

/** Reads the envelopes of a statement file: one line each, at least one. */
export function parseEnvelopes(text: string): Outcome<readonly [Envelope, ...Envelope[]], StatementReason> {
  const envelopes: Envelope[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (!/^[A-Za-z0-9_-]+$/.test(line)) return refuse('statement-encoding');
    const message = parseSign1(new Uint8Array(Buffer.from(line, 'base64url')), { contentType: 'required' });
    if (!message.ok) return message;
    const type = CONTENT_TYPE.exec(message.value.contentType ?? '')?.[1];
    if (type === undefined) return refuse('statement-type');
    envelopes.push({ message: message.value, type, digest: toHex(createHash('sha256').update(message.value.payload).digest()) });
  }
  const [first, ...rest] = envelopes;
  return first === undefined ? refuse('statement-encoding') : accept([first, ...rest]);
}

/** Believes one envelope: its type, its signature by one of `keys` (chosen by key id), its schema. */
export function openStatement<Schema extends z.ZodType>(
  envelope: Envelope,
  type: StatementType,
  keys: ReadonlyMap<string, Uint8Array>,
  schema: Schema,
): Outcome<z.infer<Schema>, StatementReason> {
  if (envelope.type !== type) return refuse('statement-type');
  const key = keys.get(envelope.message.kid);
  if (key === undefined) return refuse('statement-signer');
  const reason = checkSign1(envelope.message, key);
  if (reason !== undefined) return refuse(reason);
  return parsePayload(envelope, schema);
}

/** The payload without believing the signature: for `inspect`, and for a keyring, which names its own roots. */
export function parsePayload<Schema extends z.ZodType>(
  envelope: Envelope,
  schema: Schema,
): Outcome<z.infer<Schema>, 'statement-json' | 'statement-schema'> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(envelope.message.payload));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return refuse('statement-json');
    throw error;
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? accept(parsed.data) : refuse('statement-schema');
}
