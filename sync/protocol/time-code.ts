/**
 * Signed time as a code that a phone shows to the camera of a lane: `CPT:` and a statement in base45. A kiosk asks by a link
 * with a nonce of its own, and takes only an answer to that: a photograph of an old code sets no clock back. Pure.
 */
import { z } from 'zod';
import { decodeBase45, encodeBase45 } from '../credential/base45.ts';
import { accept, type Outcome, refuse } from '../credential/outcome.ts';
import type { Signer } from '../credential/signer.ts';
import { openStatement, parseEnvelopes, signStatement, statementHeader } from '../credential/statement.ts';

export const TIME_CODE_PREFIX = 'CPT:';
/** What a camera of 720 lines still reads: version 13 at level M, in the middle of the guide. */
export const TIME_CODE_CHARS_MAX = 440;
/** The page that shows one is renewed before that; which answer counts is the nonce's matter. */
const VALID_MS = 60_000;

export const timeNonceText = z.string().regex(/^[A-Za-z0-9_-]{16,22}$/);
/** As kioskId is declared among the options. */
export const timeAudienceText = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/);

const timeStatementSchema = statementHeader.extend({ audience: timeAudienceText, nonce: timeNonceText });
export type TimeStatement = z.infer<typeof timeStatementSchema>;

/** Text of a code that says what time it is now, to one kiosk, in answer to one nonce. */
export function writeTimeCode(kioskId: string, nonce: string, nowMs: number, feedKey: Uint8Array | Signer): string {
  const body: TimeStatement = {
    version: Math.floor(nowMs / 1000),
    issuedAt: wholeSeconds(nowMs),
    expires: wholeSeconds(nowMs + VALID_MS),
    audience: kioskId,
    nonce,
  };
  return TIME_CODE_PREFIX + encodeBase45(Buffer.from(signStatement('time', body, feedKey), 'base64url'));
}

/** Believes a code as far as its signature reaches: for whom it is and what it answers is judged by who asked. */
export function readTimeCode(
  text: string,
  feedKeys: ReadonlyMap<string, Uint8Array>,
): Outcome<TimeStatement, 'time-code-form' | 'time-code-signer'> {
  if (!text.startsWith(TIME_CODE_PREFIX) || text.length > TIME_CODE_CHARS_MAX) return refuse('time-code-form');
  const bytes = decodeBase45(text.slice(TIME_CODE_PREFIX.length));
  if (!bytes.ok) return refuse('time-code-form');
  const envelopes = parseEnvelopes(Buffer.from(bytes.value).toString('base64url'));
  if (!envelopes.ok || envelopes.value.length > 1) return refuse('time-code-form');
  const statement = openStatement(envelopes.value[0], 'time', feedKeys, timeStatementSchema);
  if (statement.ok) return accept(statement.value);
  const isForm = statement.reason === 'statement-type' || statement.reason === 'statement-json' || statement.reason === 'statement-schema';
  return refuse(isForm ? 'time-code-form' : 'time-code-signer');
}

/** Three digits fewer for the camera: milliseconds say nothing about a code that is seconds old when it is read. */
function wholeSeconds(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, -5)}Z`;
}
