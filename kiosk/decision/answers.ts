/**
 * What the kiosk holds in mind for a moment between two steps of one person: the number of a card that was shown, and a
 * credential that waits for a card or a plate. Pure, in memory only, gone after a minute at most.
 */
import type { Credential } from '../../sync/credential/credential.ts';
import type { Reason } from '../../sync/protocol/reasons.ts';

export type Awaited = 'card' | 'plate';

export interface Answers {
  /** 12 digits of the card that was shown last. */
  readonly card: { readonly digits: string; readonly atMs: number } | undefined;
  /** A credential that was refused for want of an answer; `key` is that of its presentation. */
  readonly waiting: { readonly credential: Credential; readonly key: string; readonly awaits: Awaited; readonly atMs: number } | undefined;
}

export const noAnswers: Answers = { card: undefined, waiting: undefined };

/** As long as ASK and the SEE STAFF after it stay on the screen. */
const CARD_MS = 21_000;
/** Staff type. */
const PLATE_MS = 60_000;

/** A card shown before its travel code is compared with it. Times are monotonic milliseconds. */
export function cardDigits({ card }: Answers, nowMs: number): string | undefined {
  return card !== undefined && nowMs - card.atMs <= CARD_MS ? card.digits : undefined;
}

export function waitingFor({ waiting }: Answers, awaits: Awaited, nowMs: number): Answers['waiting'] {
  const longestMs = awaits === 'card' ? CARD_MS : PLATE_MS;
  return waiting?.awaits === awaits && nowMs - waiting.atMs <= longestMs ? waiting : undefined;
}

export function noteCard(answers: Answers, digits: string, nowMs: number): Answers {
  return { ...answers, card: { digits, atMs: nowMs } };
}

/** A travel code was decided on: what was answered belonged to it, and what is asked now is asked of it. */
export function noteDecision(credential: Credential | undefined, key: string, reason: Reason, nowMs: number): Answers {
  const awaits = reason === 'id-unchecked' ? 'card' : reason === 'plate-unchecked' ? 'plate' : undefined;
  if (credential === undefined || awaits === undefined) return noAnswers;
  return { card: undefined, waiting: { credential, key, awaits, atMs: nowMs } };
}
