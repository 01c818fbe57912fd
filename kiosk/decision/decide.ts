/**
 * The decision: everything known about one presentation in, one verdict with its reason out. Pure; the only place that
 * says pass. Checks run in the order of the reasons table, the first that fails wins, and what is in doubt never passes.
 */

import { compareBytes } from '../../sync/credential/bytes.ts';
import type { Credential, ReadResult } from '../../sync/credential/credential.ts';
import { authorityDay } from '../../sync/protocol/authority-time.ts';
import type { Direction } from '../../sync/protocol/golden-case.ts';
import { forClass, type Policy, type StalenessGrade } from '../../sync/protocol/policy.ts';
import { type Reason, reasons, type Verdict } from '../../sync/protocol/reasons.ts';
import type { ClockState } from '../../sync/protocol/records.ts';
import type { Status } from '../../sync/protocol/slice.ts';
import { idTag, plateTag } from '../../sync/protocol/tags.ts';
import { accessReason } from './access.ts';
import { type DataGrades, passesGrades, worstGrade } from './staleness.ts';

/** What the registry slice says of one credential. */
export interface SliceAnswer {
  readonly revoked: boolean;
  readonly status: Status;
  /** Days since 1970-01-01 in the authority's time zone, both inclusive; undefined: no end known. */
  readonly fromDay: number;
  readonly untilDay: number | undefined;
  /** The pseudonym was made with another key than the rows, or may have been: that nobody was found says nothing. */
  readonly otherSubjectKey: boolean;
}

/** What this kiosk remembers of earlier passes; instants are Unix milliseconds of trusted time. */
export interface ReuseState {
  /** Last pass of this very credential. */
  readonly credentialPassedAtMs: number | undefined;
  /** Last pass of its subject, by whatever credential. */
  readonly subjectPassedAtMs: number | undefined;
  /** Passes of this credential here. */
  readonly uses: number;
  /** Step of the app code that passed last. */
  readonly step: number | undefined;
  /** Nobody else was decided on between its last pass and now. */
  readonly nobodyBetween: boolean;
  /** What other lanes of the checkpoint say of it: never more than a reason to ask staff. */
  readonly elsewhere?: PassesElsewhere | undefined;
}

export interface PassesElsewhere {
  /** Newest pass of the credential, or of its subject, at another lane. */
  readonly passedAtMs: number | undefined;
  /** Passes of the credential at other lanes. */
  readonly uses: number;
  /** Highest step of the app code that passed at another lane. */
  readonly step: number | undefined;
}

export interface Surroundings {
  readonly clock: ClockState;
  readonly grades: DataGrades;
  readonly trustExpired: boolean;
}

export type Presented =
  | { readonly kind: 'unreadable' | 'several-codes' }
  | {
      readonly kind: 'code';
      readonly read: ReadResult;
      /** Undefined where the code is no acceptable credential. */
      readonly slice?: SliceAnswer | undefined;
      readonly reuse?: ReuseState | undefined;
      /** Normalised plate, where a PlateSource or a person gave one. */
      readonly plate?: string | undefined;
      /** 12 digits of an identity card, where one was shown. */
      readonly idDigits?: string | undefined;
      /** People inside; undefined where nobody counts them. */
      readonly inside?: number | undefined;
    };

export interface DecisionContext {
  /** Trusted time, Unix milliseconds. */
  readonly nowMs: number;
  readonly policy: Policy;
  /** Area code of the checkpoint. */
  readonly area: number;
  readonly direction: Direction;
  readonly surroundings: Surroundings;
}

/** What comparing a plate, or a card, with the tag in the credential gave. */
export type TagCheck = 'matched' | 'unchecked' | 'mismatch';

export interface Decision {
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** The credential, where its signature and claims held, also when it is refused. */
  readonly credential: Credential | undefined;
  /** Undefined where the credential binds no plate. */
  readonly plate: TagCheck | undefined;
  /** The worst of the data's grades. */
  readonly grade: StalenessGrade;
}

/** A credential that holds, with what is known about it. */
interface Known {
  readonly credential: Credential;
  readonly slice: SliceAnswer | undefined;
  readonly reuse: ReuseState | undefined;
  readonly inside: number | undefined;
  /** Undefined where the credential binds none. */
  readonly plate: TagCheck | undefined;
  readonly card: TagCheck | undefined;
}

type Check = (known: Known, context: DecisionContext) => Reason | undefined;

/** In the order of the reasons table. */
const checks = {
  registry: checkRegistry,
  place: checkPlace,
  tags: checkTags,
  reuse: checkReuse,
  room: checkRoom,
  surroundings: checkSurroundings,
  staff: checkStaff,
  lanes: checkLanes,
} as const satisfies Record<string, Check>;
export type CheckName = keyof typeof checks;
const checkNames: readonly CheckName[] = ['registry', 'place', 'tags', 'reuse', 'room', 'surroundings', 'staff', 'lanes'];

export function decide(presented: Presented, context: DecisionContext): Decision {
  const grade = worstGrade(context.surroundings.grades);
  if (presented.kind !== 'code') return decision(presented.kind, undefined, undefined, grade);
  if (!presented.read.ok) {
    const { reason, signed } = presented.read;
    return decision((TIME_REASONS.includes(reason) ? clockDoubt(context) : undefined) ?? reason, signed, undefined, grade);
  }
  const known = knownOf(presented.read.value, presented);
  const reason = firstReason(known, context) ?? 'ok';
  return decision(reason, known.credential, known.plate, grade);
}

/** What a kiosk that does not know the time cannot say of anybody. */
const TIME_REASONS: readonly Reason[] = [
  'not-yet-valid',
  'expired',
  'declaration-future',
  'declaration-stale',
  'pop-step-old',
  'pop-step-future',
];

/** Every check by itself, for `policy explain`: what else would have stopped this credential. */
export function checkAll(
  credential: Credential,
  presented: Omit<Extract<Presented, { kind: 'code' }>, 'kind' | 'read'>,
  context: DecisionContext,
): readonly { readonly name: CheckName; readonly reason: Reason | undefined }[] {
  const known = knownOf(credential, presented);
  return checkNames.map((name) => ({ name, reason: checks[name](known, context) }));
}

function firstReason(known: Known, context: DecisionContext): Reason | undefined {
  for (const name of checkNames) {
    const reason = checks[name](known, context);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function knownOf(
  credential: Credential,
  { slice, reuse, plate, idDigits, inside }: Omit<Extract<Presented, { kind: 'code' }>, 'kind' | 'read'>,
): Known {
  const { cti, plateTag: plateBound, idTag: idBound } = credential.claims;
  return {
    ...{ credential, slice, reuse, inside },
    plate: compareTag(plateBound, plate && plateTag(cti, plate)),
    card: compareTag(idBound, idDigits && idTag(cti, idDigits)),
  };
}

function compareTag(bound: Uint8Array | undefined, given: Uint8Array | '' | undefined): TagCheck | undefined {
  if (bound === undefined) return undefined;
  if (given === undefined || given === '') return 'unchecked';
  return compareBytes(given, bound) === 0 ? 'matched' : 'mismatch';
}

function decision(reason: Reason, credential: Credential | undefined, plate: TagCheck | undefined, grade: StalenessGrade): Decision {
  return { verdict: reasons[reason].verdict, reason, credential, plate, grade };
}

/** A credential that was not looked up is as doubtful as one whose slice is too old. */
function checkRegistry({ slice }: Known, { nowMs, policy }: DecisionContext): Reason | undefined {
  if (slice === undefined) return 'slice-stale';
  if (slice.revoked) return 'revoked';
  const today = authorityDay(nowMs / 1000);
  const holds = isHeld(slice.status, policy) && slice.fromDay <= today && (slice.untilDay === undefined || today <= slice.untilDay);
  if (holds) return 'status-hold';
  return slice.otherSubjectKey ? 'subject-key-mismatch' : undefined;
}

function isHeld(status: Status, policy: Policy): boolean {
  if (status === 'clear') return false;
  return status === 'F2' || status === 'F3' ? policy.alsoHold.includes(status) : true;
}

function checkPlace({ credential }: Known, { area, direction, nowMs, policy }: DecisionContext): Reason | undefined {
  const { areas, class: credentialClass } = credential.claims;
  if (!areas.includes(area)) return 'area-not-permitted';
  return accessReason({ credentialClass, area, direction, nowMs }, policy);
}

function checkTags({ plate, card }: Known): Reason | undefined {
  if (plate === 'mismatch') return 'plate-mismatch';
  return card === 'mismatch' ? 'id-mismatch' : undefined;
}

/** Without an answer about earlier passes a credential counts as just used. */
function checkReuse({ credential, reuse }: Known, { nowMs, policy }: DecisionContext): Reason | undefined {
  if (reuse === undefined) return 'anti-passback';
  const { claims, step } = credential;
  const sincePassMs = reuse.credentialPassedAtMs === undefined ? Infinity : nowMs - reuse.credentialPassedAtMs;
  // Time that ran backwards is no proof that the pass is long ago.
  if (sincePassMs <= policy.repeatS * 1000 && reuse.nobodyBetween) return 'already-recorded';
  if (step !== undefined && reuse.step !== undefined && step <= reuse.step) return 'anti-passback';
  const windowMs = forClass(policy.antiPassbackS, claims.class) * 1000;
  const sinceSubjectMs = reuse.subjectPassedAtMs === undefined ? Infinity : nowMs - reuse.subjectPassedAtMs;
  if (Math.min(sincePassMs, sinceSubjectMs) < windowMs) return 'anti-passback';
  return claims.maxUses !== undefined && reuse.uses >= claims.maxUses ? 'uses-exhausted' : undefined;
}

/** Who leaves needs no room. */
function checkRoom({ inside }: Known, { policy, direction }: DecisionContext): Reason | undefined {
  if (policy.occupancy === undefined || direction === 'out') return undefined;
  return inside === undefined || inside >= policy.occupancy.max ? 'venue-full' : undefined;
}

function checkSurroundings({ credential }: Known, context: DecisionContext): Reason | undefined {
  const { policy, surroundings } = context;
  const { grades, trustExpired } = surroundings;
  const doubt = clockDoubt(context);
  if (doubt !== undefined) return doubt;
  if (grades.statuses === 'closed' || grades.revocations === 'closed') return 'slice-stale';
  if (grades.keys === 'closed') return 'keys-stale';
  if (!passesGrades(grades, credential.claims.class, policy)) return 'class-restricted';
  return trustExpired ? 'trust-list-expired' : undefined;
}

function clockDoubt({ policy, surroundings: { clock } }: DecisionContext): Reason | undefined {
  if (clock === 'untrusted') return 'clock-untrusted';
  return clock === 'unknown' && !policy.passOnUnknownClock ? 'clock-unknown' : undefined;
}

/** What only a person can settle. A card that matches settles nothing: who photographs a code can make a number that fits. */
function checkStaff({ credential, plate, card }: Known, { policy }: DecisionContext): Reason | undefined {
  const { form, claims } = credential;
  if (form === 'paper' && !policy.paperClasses.includes(claims.class)) return 'paper-needs-staff';
  if (plate === 'unchecked' && policy.plateUnchecked === 'see-staff') return 'plate-unchecked';
  if (card === undefined || !policy.askIdClasses.includes(claims.class)) return undefined;
  return card === 'matched' ? 'id-matched' : 'id-unchecked';
}

/** Last of all, because another lane's word may send to staff whom this lane would pass, and do nothing else. */
function checkLanes({ credential: { claims, step }, reuse }: Known, { nowMs, policy }: DecisionContext): Reason | undefined {
  const elsewhere = reuse?.elsewhere;
  if (elsewhere === undefined) return undefined;
  const { passedAtMs, uses } = elsewhere;
  const windowMs = forClass(policy.antiPassbackS, claims.class) * 1000;
  const isRecent = passedAtMs !== undefined && nowMs - passedAtMs < windowMs;
  const isCopy = step !== undefined && elsewhere.step !== undefined && step <= elsewhere.step;
  const isUsedUp = claims.maxUses !== undefined && uses > 0 && (reuse?.uses ?? 0) + uses >= claims.maxUses;
  return isRecent || isCopy || isUsedUp ? 'used-elsewhere' : undefined;
}

/** Longest declaration age of a class in seconds, as the reader of credentials asks for it. */
export function declarationAgeSMax(policy: Policy): (credentialClass: number) => number {
  return (credentialClass) => forClass(policy.declarationAgeS, credentialClass) ?? Infinity;
}
