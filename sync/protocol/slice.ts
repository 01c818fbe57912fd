/**
 * The registry slice: what a kiosk carries of the registry, a SQLite file and the signed manifest that vouches for it.
 * Row keys are keyed hashes, so that the file alone names nobody.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { subjectKeyCheckText } from '../credential/keyring-body.ts';
import { accept, type Outcome } from '../credential/outcome.ts';
import { openStatement, parseEnvelopes, parsePayload, statementHeader } from '../credential/statement.ts';
import { keyIdText } from '../credential/trust.ts';
import { ACCEPTED_LOSSES_MAX, acceptedLossSchema, EARLIER_MAX, sliceHoldsSchema } from './slice-loss.ts';
import { storeIdText } from './store-identity.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
export const keyCheckText = z.string().regex(/^[0-9a-f]{16}$/);
const file = z.object({ sha256: hash, lengthBytes: z.number().int().positive() });

/** As many as a keyring lists issuers. */
const KILLED_KEYS_MAX = 1_000;

export const sliceManifestSchema = statementHeader.extend({
  sliceId: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** The store that it was made from. */
  storeId: storeIdText,
  /** Changes with the row key; at least the Unix seconds of its making, so that no store gives a number twice. */
  generation: z.number().int().positive(),
  /** What `sliceKeyCheck` gives for the row key: the number above alone does not say which key it is. */
  keyCheck: keyCheckText,
  /** SHA-256 over the rows, whichever way the file came about. */
  content: hash,
  rows: z.object({ status: z.number().int().min(0), revoked: z.number().int().min(0) }),
  /** Of the rows those that hold somebody, by their last day. */
  holds: sliceHoldsSchema,
  /** Losses of holds that an operator has accepted, the newest last. */
  acceptedLosses: z.array(acceptedLossSchema).max(ACCEPTED_LOSSES_MAX).default([]),
  /** Versions that this store published before, the newest first. */
  earlier: z.array(z.number().int().positive()).max(EARLIER_MAX).default([]),
  /** Numbers of the entries of the feed that are in it, the newest first. */
  earlierEntries: z.array(z.number().int().positive()).max(EARLIER_MAX).default([]),
  /** Number of the last entry of the feed that is in it. */
  feedSeq: z.number().int().min(0).default(0),
  /** Issuers' keys that were killed and that the keyring does not revoke yet: who has the slice alone knows of them too. */
  killedKeys: z.array(keyIdText).max(KILLED_KEYS_MAX).default([]),
  /** Check value of the key that made the pseudonyms of its rows; none: the centre does not know it. */
  subjectKeyCheck: subjectKeyCheckText.optional(),
  snapshot: file,
  /** Files of changes, oldest first: each leads from one content to the next, the last one to this. */
  deltas: z
    .array(file.extend({ from: hash, to: hash }))
    .max(64)
    .default([]),
});
export type SliceManifest = z.infer<typeof sliceManifestSchema>;

/** As a store keeps what it published: an earlier version did not count holds, and what it published is compared with nothing. */
export const publishedBodySchema = sliceManifestSchema.extend({ holds: sliceHoldsSchema.optional() });
export type PublishedBody = z.infer<typeof publishedBodySchema>;

/** A manifest that is signed by one of `keys` (by key id), and the key's id; else one sentence. */
export function openManifest(
  text: string,
  keys: ReadonlyMap<string, Uint8Array>,
): Outcome<{ readonly manifest: SliceManifest; readonly signer: string }, string> {
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) return envelopes;
  const [envelope] = envelopes.value;
  const opened = openStatement(envelope, 'slice-manifest', keys, sliceManifestSchema);
  if (opened.ok) return accept({ manifest: opened.value, signer: envelope.message.kid });
  const isOutdated = opened.reason === 'statement-schema' && parsePayload(envelope, outdatedManifest).ok;
  return { ok: false, reason: isOutdated ? OUTDATED_MANIFEST : opened.reason };
}

/** A centre of an earlier version signed manifests that name no key: which key they need would be a guess. */
export const OUTDATED_MANIFEST = 'it names no store and no key check: the centre is of an earlier version, update it first';
const outdatedManifest = z.object({ sliceId: z.string(), keyCheck: z.undefined().optional() });

export type SliceDelta = SliceManifest['deltas'][number];

/**
 * What leads from `content` to the slice of a manifest: its deltas, none where it is the same already; undefined where only
 * the snapshot does, or where that is the shorter way.
 */
export function deltasFrom(content: string | undefined, manifest: Pick<SliceManifest, 'content' | 'deltas' | 'snapshot'>) {
  if (content === manifest.content) return [];
  const first = manifest.deltas.findLastIndex(({ from }) => from === content);
  const chain = first < 0 ? [] : manifest.deltas.slice(first);
  const isWhole = chain.length > 0 && chain.every(({ to }, index) => to === (chain[index + 1]?.from ?? manifest.content));
  const lengthBytes = chain.reduce((sum, delta) => sum + delta.lengthBytes, 0);
  return isWhole && lengthBytes <= manifest.snapshot.lengthBytes * DELTA_SHARE_MAX ? chain : undefined;
}

/** Changes that are longer than this part of the snapshot are not worth applying. */
export const DELTA_SHARE_MAX = 0.5;

/** In the order of their numbers in the file; a later one is more restrictive where two subjects share a row. */
export const statuses = ['clear', 'F3', 'F2', 'F1', 'F0', 'hold', 'deceased'] as const;
export type Status = (typeof statuses)[number];

/**
 * `status`: row key (8 bytes) of a person or vehicle, days since 1970-01-01 in the time zone of the authority, both
 * inclusive; until_day is null where no end is known. `revoked`: credential ids, kept to the end of the day on which the
 * credential expires.
 */
export const SLICE_TABLES = `
CREATE TABLE status (
  key BLOB PRIMARY KEY,
  status INTEGER NOT NULL,
  from_day INTEGER NOT NULL,
  until_day INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE revoked (
  cti BLOB PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** Row key of a pseudonym: HMAC-SHA-256(slice key, pseudonym), first 8 bytes. */
export function sliceRowKey(sliceKey: Uint8Array, pseudonym: Uint8Array): Uint8Array {
  return createHmac('sha256', sliceKey).update(pseudonym).digest().subarray(0, 8);
}

/** No pseudonym is as long, so no row ever has this key. */
const KEY_CHECK_DOMAIN = 'checkpoint-kiosk/slice-key-check/1';

/** Tells row keys apart without giving them away: HMAC-SHA-256(slice key, a fixed text), first 8 bytes, hex. */
export function sliceKeyCheck(sliceKey: Uint8Array): string {
  return createHmac('sha256', sliceKey).update(KEY_CHECK_DOMAIN).digest().subarray(0, 8).toString('hex');
}
