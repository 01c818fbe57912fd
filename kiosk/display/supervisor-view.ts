/** What the supervisor's page shows: masked, of this process's memory only, rebuilt every second. */
import type { FaultEntry } from '../../config/faults.ts';
import type { Grade, SyncAges, SyncLoop } from '../../sync/protocol/evidence.ts';
import type { Expiries } from '../../sync/protocol/expiry.ts';
import type { StalenessGrade } from '../../sync/protocol/policy.ts';
import type { CountedVerdict } from '../../sync/protocol/reasons.ts';
import type { ClockState } from '../../sync/protocol/records.ts';
import type { CitizenState } from '../decision/citizen-view.ts';
import type { DataGrades } from '../decision/staleness.ts';

export interface SupervisorDecision {
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly verdict: CountedVerdict;
  /** The exact reason, kebab-case; `ok` for a pass. */
  readonly reason: string;
  readonly reasonVi: string;
  readonly reasonEn: string;
  /** What staff do next, in both languages; empty for a pass. */
  readonly actionVi: string;
  readonly actionEn: string;
  readonly screenCode: string;
  /** Last 4 hex digits of the credential id, undefined for codes that are no credentials. */
  readonly codeTail: string | undefined;
  readonly class: number | undefined;
  readonly maskedName: string | undefined;
  readonly readMs: number;
  readonly painted: 'painted' | 'unpainted' | 'superseded' | 'pending';
}

/** How staff bring the time, shown while no signed time has arrived. */
export interface ClockCard {
  /** Where an officer's phone gets a time code, and the same as a QR code; undefined where no centre is known. */
  readonly link: { readonly url: string; readonly path: string; readonly size: number; readonly remainingS: number } | undefined;
  /** Why the code that was last shown to the camera was not taken. */
  readonly refused: { readonly vi: string; readonly en: string } | undefined;
}

/** `lane` is the banner over all; undefined where the kiosk has no such thing. */
export interface TileGrades {
  readonly lane: Grade;
  readonly camera: Grade;
  readonly screen: Grade;
  readonly clock: Grade;
  readonly slice: Grade;
  readonly centre: Grade | undefined;
  readonly lanes: Grade | undefined;
}

export interface SupervisorSnapshot {
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly lane: string;
  readonly demo: boolean;
  readonly open: boolean;
  /** Fault that closed the lane, with its words. */
  readonly fault:
    | (FaultEntry & { readonly code: string /** What exactly, for staff: no secrets. */; readonly detail?: string | undefined })
    | undefined;
  readonly camera: {
    readonly state: string;
    readonly frameAgeMs: number;
    readonly frameRateHz: number;
    readonly restarts: number;
    readonly picture?: { readonly level: number; readonly detail: number } | undefined;
  };
  readonly screen: {
    readonly connected: boolean;
    readonly state: CitizenState;
    readonly unpainted: number;
    /** Since the citizen page last confirmed what it shows; undefined: not since it connected. */
    readonly confirmedAgeMs: number | undefined;
  };
  readonly clock: {
    readonly state: ClockState;
    readonly at: string;
    /** Since signed time was last taken; undefined: not in this boot. */
    readonly signedAgeMs: number | undefined;
    readonly card?: ClockCard | undefined;
  };
  readonly slice: {
    /** People and vehicles on the list, and codes that were revoked; undefined while there is none. */
    readonly listed: number | undefined;
    readonly revoked: number | undefined;
    /** Milliseconds. */
    readonly ageMs: number | undefined;
    /** The worst of the grades; the age is that of the data which has it. */
    readonly grade: StalenessGrade | undefined;
    readonly grades: DataGrades | undefined;
    /** A newer list was offered and is not taken, in words. */
    readonly refused?: FaultEntry | undefined;
  };
  readonly journal: { readonly records: number; readonly unacknowledged: number };
  /** When the centre last answered, by loop; undefined for a kiosk without a centre. */
  readonly centre:
    | {
        readonly ages: SyncAges;
        readonly grades: Readonly<Record<SyncLoop, Grade>>;
        /** The centre says that it does not know this kiosk; unsigned, so it is only told. */
        readonly isUnknown?: boolean;
        /** Of the first record that waits; undefined where nobody knows, 0 where none waits. */
        readonly oldestAgeMs: number | undefined;
      }
    | undefined;
  /** When what it works with runs out, Unix milliseconds. */
  readonly expiries: Expiries;
  /** What each tile is worth by the age of its own evidence. A page that hears nothing itself shows none of them. */
  readonly grades: TileGrades;
  /** Other lanes of the checkpoint; undefined for a lane that stands alone. */
  readonly lanes?:
    | {
        readonly connected: number;
        readonly listed: number;
        /** Codes that passed here and there while the lanes were apart: when they passed there (Unix milliseconds), newest first. */
        readonly doubleUses: readonly { readonly atMs: number; readonly lane: string }[];
      }
    | undefined;
  /** Today's counts. */
  readonly counts: { readonly pass: number; readonly deny: number; readonly seeStaff: number; readonly alreadyRecorded: number };
  /** Newest first. */
  readonly decisions: readonly SupervisorDecision[];
  readonly readMsP50: number | undefined;
  readonly readMsP95: number | undefined;
}
