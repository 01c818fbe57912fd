/**
 * What two lanes that know each other say: each tells what it has of the other, and each sends what the other lacks of its
 * own passes, oldest first, one page at a time. New passes follow in the same way, so that nothing can be missed between.
 * Pages are answered when there is room for more: that is the whole of the pacing, and who sends without an answer floods.
 */
import type { Cancel } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { BOOTS_MAX, type BootMark, PAGE_ROWS_MAX, type PassRow, type PeerMessage, type PeerRefusal } from './peer-messages.ts';
import type { PeerStore } from './peer-store.ts';
import { createTokenBucket } from './token-bucket.ts';

export interface ExchangeOptions {
  readonly peerId: string;
  readonly store: PeerStore;
  /** Trusted time. */
  nowMs(): number;
  /** Rows that are kept of this peer at most. */
  roomMax(): number;
  send(message: PeerMessage): void;
  /** Rows of the peer are stored; so many were refused. */
  onTaken(refused: number): void;
}

export interface Exchange {
  /** Says what is here of the other. */
  begin(): void;
  /** Own passes may be new. */
  pump(): void;
  /** A reason to end the connection, where there is one. */
  receive(message: PeerMessage): PeerRefusal | undefined;
  stop(): void;
}

/** Passes of one peer: more than a lane can have, and little enough beside the decisions of this one. */
const ROWS = { perS: 100, burst: 400 } as const;
/** Above what pages, their answers and signs of life make together. */
const MESSAGES = { perS: 150, burst: 600 } as const;
/** A page of one row costs as much as two. */
const PAGE_COST_MIN = 2;
/** Clocks of two lanes may differ by so much. */
const AHEAD_MS_MAX = 600_000;

export function createExchange(options: ExchangeOptions, { clock }: Pick<Host, 'clock'>): Exchange {
  const { peerId, store, nowMs, roomMax, send, onTaken } = options;
  const messages = createTokenBucket(MESSAGES, clock);
  const rows = createTokenBucket(ROWS, clock);
  /** Own rows up to this id are on the other side, or on their way; undefined before it has said what it has. */
  let cursor: number | undefined;
  let awaitsAnswer = false;
  let owesAnswer = false;
  let cancelAnswer: Cancel = () => undefined;

  const pump = () => {
    if (cursor === undefined || awaitsAnswer) return;
    const page = store.ownAfter(cursor, PAGE_ROWS_MAX, nowMs());
    const last = page.at(-1);
    if (last === undefined) return;
    cursor = last.id;
    awaitsAnswer = true;
    send({ kind: 'passes', rows: page.map(({ row }) => row) });
  };

  const learn = (boots: readonly BootMark[]): PeerRefusal | undefined => {
    if (cursor !== undefined) return 'peer-message';
    // Pages come in order and are stored whole: who has one row has had all before it.
    cursor = Math.max(0, ...boots.map(store.ownId));
    pump();
    return undefined;
  };

  const take = (offered: readonly PassRow[]): PeerRefusal | undefined => {
    if (owesAnswer) return 'peer-flooding';
    owesAnswer = true;
    const believable = offered.filter(({ passedAtMs }) => passedAtMs <= nowMs() + AHEAD_MS_MAX);
    const refused = store.take(peerId, believable, roomMax());
    onTaken(refused + offered.length - believable.length);
    const answer = () => {
      owesAnswer = false;
      send({ kind: 'taken' });
    };
    const delayMs = rows.take(Math.max(PAGE_COST_MIN, offered.length));
    if (delayMs === 0) answer();
    else cancelAnswer = clock.after(delayMs, answer);
    return undefined;
  };

  const answered = (): PeerRefusal | undefined => {
    if (!awaitsAnswer) return 'peer-message';
    awaitsAnswer = false;
    pump();
    return undefined;
  };

  return {
    begin: () => send({ kind: 'have', boots: store.marks(peerId, BOOTS_MAX) }),
    pump,
    receive(message) {
      if (messages.take(1) > 0) return 'peer-flooding';
      if (message.kind === 'have') return learn(message.boots);
      if (message.kind === 'passes') return take(message.rows);
      return message.kind === 'taken' ? answered() : undefined;
    },
    stop: () => cancelAnswer(),
  };
}
