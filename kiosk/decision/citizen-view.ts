/**
 * What a citizen's screen can say: the vocabulary between decision and display. It holds no name, id, health fact or exact
 * reason, only a class of words, so that a bystander learns nothing.
 */
import type { StalenessGrade } from '../../sync/protocol/policy.ts';
import { advices } from '../decode/decoder.ts';

export const citizenStates = ['idle', 'reading', 'pass', 'deny', 'see-staff', 'ask', 'already-recorded', 'done', 'out-of-service'] as const;
export type CitizenState = (typeof citizenStates)[number];

/** Classes of words under DỪNG LẠI and beside SEE STAFF. */
export const wordClasses = [
  'expired',
  'not-yet-valid',
  'not-valid-here',
  'not-at-this-time',
  'full',
  'already-used',
  'not-recognised',
  'see-staff',
  'unreadable',
] as const;
export type WordClass = (typeof wordClasses)[number];

/** What an ASK screen asks for. */
export const askKinds = ['other-code', 'one-at-a-time', 'show-id'] as const;
export type AskKind = (typeof askKinds)[number];

/** What helps while a code is seen and cannot be read. */
export const readingHints = [...advices, 'one-at-a-time'] as const;
export type ReadingHint = (typeof readingHints)[number];

/** A result as it goes to the screen. `code` is `D-nn` or `S-nn`, for staff. */
export interface ResultView {
  readonly state: 'pass' | 'deny' | 'see-staff' | 'ask' | 'already-recorded';
  readonly words?: WordClass;
  readonly ask?: AskKind;
  readonly code?: string;
  /** What kind of place it is, where it is no checkpoint: it has words of its own. */
  readonly place?: 'venue';
  /** Running number of the day, shown with a pass ("Lượt 214"). */
  readonly turn?: number;
  readonly grade: StalenessGrade;
  /** Age of the registry slice, minutes; shown from amber on. */
  readonly sliceAgeMinutes: number;
}
