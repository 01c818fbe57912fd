/**
 * The question that a time code answers: a nonce that only this kiosk knows until it shows it, good for two minutes of the
 * monotonic clock and for one answer, in memory only. While one is shown the one before it still counts, so that whoever has
 * just scanned the link has at least a minute.
 */
import type { Host } from '../../config/ports/host.ts';

export type NonceReason = 'time-code-nonce' | 'time-code-old' | 'time-code-used';

export interface TimeChallenge {
  /** The nonce to show now, and how long it is shown. */
  current(): { readonly nonce: string; readonly remainingMs: number };
  /** Why an answer to this nonce does not count; undefined where it does. */
  refusal(nonce: string): NonceReason | undefined;
  /** An answer was taken: no other one will be. */
  use(nonce: string): void;
}

const NONCE_BYTES = 12;
const VALID_MS = 120_000;
const SHOWN_MS = 60_000;
/** Remembered longer than they count, so that a late answer is called late. */
const KEPT = 16;

export function createTimeChallenge({ clock, random }: Pick<Host, 'clock' | 'random'>): TimeChallenge {
  /** Newest last. */
  let asked: { readonly nonce: string; readonly atMs: number }[] = [];
  let used: string | undefined;
  return {
    current() {
      const nowMs = clock.monotonicMs();
      const newest = asked.at(-1);
      if (newest !== undefined && nowMs - newest.atMs < SHOWN_MS) {
        return { nonce: newest.nonce, remainingMs: SHOWN_MS - (nowMs - newest.atMs) };
      }
      const nonce = Buffer.from(random.bytes(NONCE_BYTES)).toString('base64url');
      asked = [...asked, { nonce, atMs: nowMs }].slice(-KEPT);
      return { nonce, remainingMs: SHOWN_MS };
    },
    refusal(nonce) {
      if (nonce === used) return 'time-code-used';
      const own = asked.find((one) => one.nonce === nonce);
      if (own === undefined) return 'time-code-nonce';
      return clock.monotonicMs() - own.atMs > VALID_MS ? 'time-code-old' : undefined;
    },
    use(nonce) {
      used = nonce;
      asked = [];
    },
  };
}
