/**
 * The keyring: the one list of keys that a kiosk trusts, signed by the offline root whose fingerprint was pinned when the
 * kiosk was provisioned. Every other key, issuers, release, slice and the rest, is trusted only because it stands here.
 * Pure: file text, pin and time are arguments.
 */
import { createHash } from 'node:crypto';
import nacl from 'tweetnacl';
import { z } from 'zod';
import { fromHex, toHex } from './bytes.ts';
import { checkSign1, keyId } from './cose.ts';
import { isPublicKeyAcceptable } from './ed25519.ts';
import { accept, type Outcome, refuse } from './outcome.ts';
import {
  type Envelope,
  parseEnvelopes,
  parsePayload,
  type RoleName,
  roleNames,
  type StatementReason,
  statementHeader,
} from './statement.ts';
import { areaCode, buildTrustList, classCode, type TrustList } from './trust.ts';

const key32 = z.string().regex(/^[0-9a-f]{64}$/);

export const keyringSchema = statementHeader.extend({
  /** Set on keys that were made to show the program: a real kiosk refuses them. */
  demo: z.literal(true).optional(),
  roots: z.array(key32).min(1).max(8),
  /** How many of the roots must have signed. */
  threshold: z.number().int().min(1).max(8),
  issuers: z
    .array(
      z.object({
        key: key32,
        status: z.enum(['active', 'retired', 'revoked']),
        /** Unix seconds, where retired. */
        retiredAt: z.number().int().optional(),
        classes: z.array(classCode).min(1),
        areas: z.array(areaCode).min(1).optional(),
      }),
    )
    .max(1000),
  /** Ed25519 keys by what they may sign: a key signs its own kind of statement only. */
  roles: z.object({
    release: z.array(key32).max(8),
    slice: z.array(key32).max(8),
    /** Says what is urgent, and the time. */
    feed: z.array(key32).max(8).default([]),
    /** Acknowledges crossings. */
    receipt: z.array(key32).max(8).default([]),
    /** Admits and revokes kiosks. */
    fleet: z.array(key32).max(8).default([]),
    /** Sets options of kiosks. */
    config: z.array(key32).max(8).default([]),
  }),
  /** X25519 key to which crossings are sealed. */
  sealing: key32,
  /** SHA-256 of the SubjectPublicKeyInfos that upstream's TLS may show; none: certificate authorities decide. */
  upstreamPins: z.array(key32).max(16).default([]),
});
export type KeyringBody = z.infer<typeof keyringSchema>;

export interface Keyring {
  readonly version: number;
  readonly digest: string;
  readonly audience: string;
  /** Unix milliseconds. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly demo: boolean;
  readonly trust: TrustList;
  /** Key id to public key, by role. */
  readonly roles: Readonly<Record<RoleName, ReadonlyMap<string, Uint8Array>>>;
  readonly sealingKey: Uint8Array;
  readonly upstreamPins: readonly string[];
}

export type KeyringReason = StatementReason | 'keyring-root' | 'keyring-threshold' | 'keyring-keys' | 'keyring-test-key';

/** RFC 8032 section 7.1: keys whose secret halves everybody knows. */
const PUBLISHED_TEST_KEYS = new Set([
  'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
  '278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e',
  'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
]);

/** SHA-256 of a root's public key, hex: what is pinned when a kiosk is provisioned. */
export function rootFingerprint(publicKey: Uint8Array): string {
  return toHex(createHash('sha256').update(publicKey).digest());
}

/**
 * Reads a keyring file. The pinned root must be named in it and have signed it, and as many roots as its threshold asks;
 * all signatures must lie over the same bytes. Its expiry is judged by the caller, who knows the time.
 */
export function readKeyring(text: string, pinnedRoot: string): Outcome<Keyring, KeyringReason> {
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) return envelopes;
  const [first] = envelopes.value;
  if (envelopes.value.some((envelope) => envelope.type !== 'keyring' || envelope.digest !== first.digest)) return refuse('statement-type');
  const body = parsePayload(first, keyringSchema);
  if (!body.ok) return body;
  const signed = checkRoots(envelopes.value, body.value, pinnedRoot);
  return signed === undefined ? buildKeyring(body.value, first.digest) : refuse(signed);
}

function checkRoots(envelopes: readonly Envelope[], body: KeyringBody, pinnedRoot: string): KeyringReason | undefined {
  const signers = new Set<string>();
  for (const root of body.roots) {
    const publicKey = fromHex(root);
    const kid = toHex(keyId(publicKey));
    const own = envelopes.filter((envelope) => envelope.message.kid === kid);
    if (own.some((envelope) => checkSign1(envelope.message, publicKey) === undefined)) signers.add(rootFingerprint(publicKey));
  }
  if (!signers.has(pinnedRoot)) return 'keyring-root';
  return signers.size < body.threshold ? 'keyring-threshold' : undefined;
}

function buildKeyring(body: KeyringBody, digest: string): Outcome<Keyring, KeyringReason> {
  const all = [...body.roots, ...body.issuers.map(({ key }) => key), ...roleNames.flatMap((role) => body.roles[role])];
  if (!all.every((key) => isPublicKeyAcceptable(fromHex(key)))) return refuse('keyring-keys');
  // One key, one duty: a slice key that were also an issuer could pass people. And one id, one key: of two with one id the
  // later would hide the earlier.
  if (new Set(all.map((key) => toHex(keyId(fromHex(key))))).size !== all.length) return refuse('keyring-keys');
  if (!isSealingKeyAcceptable(fromHex(body.sealing))) return refuse('keyring-keys');
  if (body.demo !== true && all.some((key) => PUBLISHED_TEST_KEYS.has(key))) return refuse('keyring-test-key');
  const trust = buildTrustList(
    body.issuers.map(({ key, status, retiredAt, classes, areas }) => ({
      kid: toHex(keyId(fromHex(key))),
      issuer: {
        publicKey: fromHex(key),
        status,
        classes: new Set(classes),
        ...(retiredAt !== undefined && { retiredAt }),
        ...(areas !== undefined && { areas: new Set(areas) }),
      },
    })),
  );
  if (!trust.ok) return refuse('keyring-keys');
  return accept({
    version: body.version,
    digest,
    audience: body.audience,
    issuedAtMs: Date.parse(body.issuedAt),
    expiresAtMs: Date.parse(body.expires),
    demo: body.demo === true,
    trust: trust.value,
    roles: {
      release: byKeyId(body.roles.release),
      slice: byKeyId(body.roles.slice),
      feed: byKeyId(body.roles.feed),
      receipt: byKeyId(body.roles.receipt),
      fleet: byKeyId(body.roles.fleet),
      config: byKeyId(body.roles.config),
    },
    sealingKey: fromHex(body.sealing),
    upstreamPins: body.upstreamPins,
  });
}

/** Whether a secret can be shared with this X25519 key at all: one of low order gives zero to everybody (RFC 7748 section 6.1). */
function isSealingKeyAcceptable(publicKey: Uint8Array): boolean {
  return nacl.scalarMult(new Uint8Array(32).fill(9), publicKey).some((byte) => byte !== 0);
}

function byKeyId(keys: readonly string[]): ReadonlyMap<string, Uint8Array> {
  return new Map(keys.map((key) => [toHex(keyId(fromHex(key))), fromHex(key)]));
}
