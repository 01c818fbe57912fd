/**
 * The feed: what must reach a kiosk before the next person does. Holds and their end, revoked and released credentials, keys
 * that count no more, each with a number; a kiosk asks for what comes after the last one it has and waits for the answer. A page also says which
 * slice is current at its date: a kiosk that has both knows how fresh it is.
 */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';
import { keyIdText } from '../credential/trust.ts';
import { hashText } from './batch.ts';
import { keyCheckText, statuses } from './slice.ts';
import { storeIdText } from './store-identity.ts';

const key8 = z.string().regex(/^[0-9a-f]{16}$/);
/**
 * `seq` rises, and is never below the Unix milliseconds of its making, so that a centre that was set back to a backup gives
 * no number twice; `prev` is the number of the entry before, so that one that is missing shows.
 */
const numbered = { seq: z.number().int().min(1), prev: z.number().int().min(0) };

export const sliceIdText = z.string().regex(/^[a-z0-9-]{1,32}$/);

export const feedEntrySchema = z.discriminatedUnion('kind', [
  /** A person or vehicle by its row key in the generation that was asked for. `clear` ends a hold. */
  z.strictObject({
    ...numbered,
    kind: z.literal('status'),
    key: key8,
    status: z.enum(statuses),
    fromDay: z.number().int(),
    untilDay: z.number().int().nullable(),
  }),
  z.strictObject({ ...numbered, kind: z.literal('revoked'), cti: key8, expiresAt: z.number().int() }),
  z.strictObject({ ...numbered, kind: z.literal('released'), cti: key8 }),
  /** An issuer's key that counts no more, ahead of the keyring that will say so. No entry takes it back. */
  z.strictObject({ ...numbered, kind: z.literal('key-killed'), kid: keyIdText }),
]);
export type FeedEntry = z.infer<typeof feedEntrySchema>;

export const FEED_ENTRIES_MAX = 500;
export const FEED_WAIT_S_MAX = 25;

export const feedPageSchema = statementHeader.extend({
  sliceId: sliceIdText,
  /** The store whose registry it speaks of. */
  storeId: storeIdText,
  generation: z.number().int().positive(),
  /** Of the key that the row keys of `entries` were made with. */
  keyCheck: keyCheckText,
  /** What was asked: the first entry follows it. */
  after: z.number().int().min(0),
  /** Number of the last entry, `after` where there is none. */
  upTo: z.number().int().min(0),
  entries: z.array(feedEntrySchema).max(FEED_ENTRIES_MAX),
  /** Whether there are more already. */
  more: z.boolean(),
  /** Version of the current slice. */
  sliceVersion: z.number().int().positive(),
  /** Version of the current keyring. */
  keyringVersion: z.number().int().positive().optional(),
  requestDigest: hashText,
  nonce: z.string().min(16).max(64),
});
export type FeedPage = z.infer<typeof feedPageSchema>;

/** The row key of a slice's generation, sealed to one kiosk. */
export const sliceKeySchema = statementHeader.extend({
  sliceId: sliceIdText,
  generation: z.number().int().positive(),
  /** base64url of the sealed box. */
  box: z.string().regex(/^[A-Za-z0-9_-]+$/),
});
