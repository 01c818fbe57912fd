/**
 * The issuers whose signatures count, as the reader of credentials needs them: a map from key id to key, checked once at load.
 * Filled from a signed keyring (kiosk) or from a plain trust file (the `verify` command).
 */
import { z } from 'zod';
import { fromHex, toHex } from './bytes.ts';
import { keyId } from './cose.ts';
import { isPublicKeyAcceptable } from './ed25519.ts';
import { accept, type Outcome } from './outcome.ts';

export interface TrustedIssuer {
  readonly publicKey: Uint8Array;
  readonly status: 'active' | 'retired' | 'revoked';
  /** Unix seconds from which a retired key signs nothing new; absent on a retired key: nothing of it counts. */
  readonly retiredAt?: number;
  readonly classes: ReadonlySet<number>;
  /** Area codes the issuer may name; absent: all. */
  readonly areas?: ReadonlySet<number>;
}

/** By key id in lower-case hex. */
export type TrustList = ReadonlyMap<string, TrustedIssuer>;

/** Key id: the first 4 bytes of SHA-256(public key), lower-case hex. */
export const keyIdText = z.string().regex(/^[0-9a-f]{8}$/, 'key id: 8 lower-case hex digits');
export const classCode = z.number().int().min(1).max(6);
export const areaCode = z.number().int().min(0).max(99_999);
const trustFileSchema = z.record(
  keyIdText,
  z.object({
    pk: z.string().regex(/^[0-9a-f]{64}$/, 'public key: 64 lower-case hex digits'),
    status: z.enum(['active', 'retired', 'revoked']),
    retiredAt: z.number().int().optional(),
    classes: z.array(classCode),
    areas: z.array(areaCode).optional(),
  }),
);

/** Reads the plain form {kid: {pk, status, classes, areas?, retiredAt?}}. Refuses with one sentence for the person who wrote it. */
export function parseTrustFile(json: unknown): Outcome<TrustList, string> {
  const parsed = trustFileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { ok: false, reason: `${issue?.path.join('.') || 'trust'}: ${issue?.message ?? 'not a trust object'}` };
  }
  const issuers = Object.entries(parsed.data).map(([kid, entry]) => ({
    kid,
    issuer: {
      publicKey: fromHex(entry.pk),
      status: entry.status,
      classes: new Set(entry.classes),
      ...(entry.retiredAt !== undefined && { retiredAt: entry.retiredAt }),
      ...(entry.areas !== undefined && { areas: new Set(entry.areas) }),
    },
  }));
  return buildTrustList(issuers);
}

/** The same list with the keys of `killed` revoked, whatever else it says of them; the very list where none of them is in it. */
export function revokeKeys(trust: TrustList, killed: Iterable<string>): TrustList {
  const list = new Map(trust);
  let isChanged = false;
  for (const kid of killed) {
    const issuer = list.get(kid);
    if (issuer === undefined || issuer.status === 'revoked') continue;
    list.set(kid, { ...issuer, status: 'revoked' });
    isChanged = true;
  }
  return isChanged ? list : trust;
}

/** Admits each key once: canonical, not of small order, its id the hash of the key and nobody else's. */
export function buildTrustList(entries: readonly { kid: string; issuer: TrustedIssuer }[]): Outcome<TrustList, string> {
  const list = new Map<string, TrustedIssuer>();
  for (const { kid, issuer } of entries) {
    if (!isPublicKeyAcceptable(issuer.publicKey)) return { ok: false, reason: `${kid}: not a valid Ed25519 public key` };
    if (toHex(keyId(issuer.publicKey)) !== kid) return { ok: false, reason: `${kid}: is not the id of its key` };
    if (list.has(kid)) return { ok: false, reason: `${kid}: two keys share this id` };
    list.set(kid, issuer);
  }
  return accept(list);
}
