/**
 * Where time is brought by hand: what staff read off a watch, and signed time that a phone shows to the camera. Each change is
 * on record before it counts, each refusal has a name. Works while the lane is closed: a clock is what closes it.
 */
import type { Host } from '../config/ports/host.ts';
import type { Keyring } from '../sync/credential/keyring.ts';
import type { JournalRecord } from '../sync/protocol/records.ts';
import { readTimeCode, TIME_CODE_PREFIX } from '../sync/protocol/time-code.ts';
import type { KioskTime, RecordChange, TimeChange } from './decision/kiosk-time.ts';
import { createTimeChallenge } from './decision/time-challenge.ts';
import { type TimeRefusal, timeRefusals } from './decision/time-refusals.ts';
import type { StaffReply } from './display/messages.ts';
import { qrPath } from './display/qr-path.ts';
import type { ClockCard } from './display/supervisor-view.ts';

export interface TimeDeskParts {
  readonly time: KioskTime;
  readonly kioskId: string;
  /** Address of the page that signs the time; undefined: no link is shown. */
  readonly centreUrl: string | undefined;
  /** Keys whose word on the time counts, by their ids. */
  feedKeys(): Keyring['roles']['feed'] | undefined;
  /** Puts a change on record, dated `nowMs`; false where that fails. */
  record(time: NonNullable<JournalRecord['time']>, nowMs: number): boolean;
}

export interface TimeDesk {
  confirm(enteredMs: number): StaffReply;
  /** Takes a text that the camera sees. True where it needs no answer on the screen: it was a time code, and taken. */
  offerCode(text: string): boolean;
  /** For the supervisor's page; undefined once the time is signed. */
  card(): ClockCard | undefined;
}

const CONFIRMED = { vi: 'Đã xác nhận giờ. Việc này được ghi vào nhật ký.', en: 'The time is confirmed. This is on record.' };
/** So long the page says why a code was not taken. */
const REFUSAL_SHOWN_MS = 60_000;

export function createTimeDesk({ time, kioskId, centreUrl, feedKeys, record }: TimeDeskParts, host: Host): TimeDesk {
  const challenge = createTimeChallenge(host);
  let refused: { readonly text: string; readonly reason: TimeRefusal; readonly atMs: number } | undefined;

  const recordAs =
    (source: 'staff' | 'code'): RecordChange =>
    ({ before, shiftMs, nowMs, floor }: TimeChange) => {
      const isRecorded = record({ source, before, shiftMs, ...(floor !== undefined && { floor }) }, nowMs);
      if (isRecorded) host.log.warn('time-set', { source, before, shiftMs, ...floor });
      return isRecorded;
    };

  /** Undefined where it was taken. */
  const judge = (text: string): TimeRefusal | undefined => {
    const statement = readTimeCode(text, feedKeys() ?? new Map());
    if (!statement.ok) return statement.reason;
    const { audience, nonce, issuedAt } = statement.value;
    if (audience !== kioskId) return 'time-code-audience';
    const refusal = challenge.refusal(nonce);
    if (refusal !== undefined) return refusal;
    const reason = orUnrecorded(() => time.setSigned(Date.parse(issuedAt), recordAs('code')));
    if (reason === 'signed-time-before-floor') return 'time-code-before-floor';
    if (reason === 'signed-time-after-keyring') return 'time-code-after-keyring';
    if (reason !== undefined) return 'time-unrecorded';
    challenge.use(nonce);
    refused = undefined;
    return undefined;
  };

  return {
    confirm(enteredMs) {
      const reason = orUnrecorded(() => time.confirm(enteredMs, recordAs('staff')));
      if (reason === undefined) return { ok: true, ...CONFIRMED };
      host.log.warn('time-entry-refused', { reason });
      return { ok: false, ...timeRefusals[reason] };
    },
    offerCode(text) {
      if (!text.startsWith(TIME_CODE_PREFIX)) return false;
      const reason = judge(text);
      // Whoever holds a code up goes on holding it for a moment after it was taken.
      if (reason === undefined || reason === 'time-code-used') return true;
      if (refused?.text !== text || refused.reason !== reason) host.log.warn('time-code-refused', { reason });
      refused = { text, reason, atMs: host.clock.monotonicMs() };
      return false;
    },
    card() {
      if (time.state() === 'trusted' && !time.isDisputed()) return undefined;
      const isRecent = refused !== undefined && host.clock.monotonicMs() - refused.atMs < REFUSAL_SHOWN_MS;
      return {
        link: centreUrl === undefined ? undefined : linkOf(centreUrl, kioskId, challenge.current()),
        refused: isRecent && refused !== undefined ? timeRefusals[refused.reason] : undefined,
      };
    },
  };
}

function linkOf(centreUrl: string, kioskId: string, { nonce, remainingMs }: { readonly nonce: string; readonly remainingMs: number }) {
  const url = `${centreUrl.replace(/\/+$/, '')}/time?kiosk=${encodeURIComponent(kioskId)}&nonce=${nonce}`;
  return { url, ...qrPath(url), remainingS: Math.ceil(remainingMs / 1000) };
}

/** The floor is kept on a disk that may refuse: then the time is as before. */
function orUnrecorded<Reason>(change: () => Reason): Reason | 'time-unrecorded' {
  try {
    return change();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return 'time-unrecorded';
    throw error;
  }
}
