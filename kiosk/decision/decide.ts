/**
 * The decision: everything known about one presentation in, one verdict with its reason out. Pure; the only place that
 * says pass. Checks run in the order of the reasons table, the first that fails wins, and what is in doubt never passes.
 */

import { compareBytes } from '../../sync/credential/bytes.ts';
import type { Credential, ReadResult } from '../../sync/credential/credential.ts';
import { forClass, type Policy, type StalenessGrade } from '../../sync/protocol/policy.ts';
import { type Reason, reasons, type Verdict } from '../../sync/protocol/reasons.ts';
import type { ClockState } from '../../sync/protocol/records.ts';
import { authorityDay, type Status } from '../../sync/protocol/slice.ts';
import { idTag, plateTag } from '../../sync/protocol/tags.ts';

/** What the registry slice says of one credential. */
export interface SliceAnswer {
  readonly revoked: boolean;
  readonly status: Status;
  /** Days since 1970-01-01 in the authority's time zone, both inclusive; undefined: no end known. */
  readonly fromDay: number;
  readonly untilDay: number | undefined;
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
  readonly sliceGrade: StalenessGrade;
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
    };

export interface DecisionContext {
  /** Trusted time, Unix milliseconds. */
  readonly nowMs: number;
  readonly policy: Policy;
  /** Area code of the checkpoint. */
  readonly area: number;
  readonly surroundings: Surroundings;
}

export type PlateCheck = 'matched' | 'unchecked' | 'mismatch';

export interface Decision {
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** The credential, where its signature and claims held, also when it is refused. */
  readonly credential: Credential | undefined;
  /** Undefined where the credential binds no plate. */
  readonly plate: PlateCheck | undefined;
  readonly grade: StalenessGrade;
}

export function decide(presented: Presented, context: DecisionContext): Decision {
  const grade = context.surroundings.sliceGrade;
  if (presented.kind !== 'code') return decision(presented.kind, undefined, undefined, grade);
  const { read } = presented;
  if (!read.ok) return decision(read.reason, read.signed, undefined, grade);
  const credential = read.value;
  const plate = checkPlate(credential, presented.plate);
  const reason =
    checkRegistry(presented.slice, context) ??
    checkPlace(credential, plate, presented.idDigits, context) ??
    checkReuse(credential, presented.reuse, context) ??
    checkSurroundings(credential, context) ??
    'ok';
  return decision(reason, credential, plate, grade);
}

function decision(reason: Reason, credential: Credential | undefined, plate: PlateCheck | undefined, grade: StalenessGrade): Decision {
  return { verdict: reasons[reason].verdict, reason, credential, plate, grade };
}

/** A credential that was not looked up is as doubtful as one whose slice is too old. */
function checkRegistry(slice: SliceAnswer | undefined, { nowMs, policy }: DecisionContext): Reason | undefined {
  if (slice === undefined) return 'slice-stale';
  if (slice.revoked) return 'revoked';
  const today = authorityDay(nowMs / 1000);
  const holds = isHeld(slice.status, policy) && slice.fromDay <= today && (slice.untilDay === undefined || today <= slice.untilDay);
  return holds ? 'status-hold' : undefined;
}

function isHeld(status: Status, policy: Policy): boolean {
  if (status === 'clear') return false;
  return status === 'F2' || status === 'F3' ? policy.alsoHold.includes(status) : true;
}

function checkPlate(credential: Credential, plate: string | undefined): PlateCheck | undefined {
  const expected = credential.claims.plateTag;
  if (expected === undefined) return undefined;
  if (plate === undefined) return 'unchecked';
  return compareBytes(plateTag(credential.claims.cti, plate), expected) === 0 ? 'matched' : 'mismatch';
}

function checkPlace(
  { claims }: Credential,
  plate: PlateCheck | undefined,
  idDigits: string | undefined,
  { area, policy }: DecisionContext,
): Reason | undefined {
  if (!claims.areas.includes(area)) return 'area-not-permitted';
  if (plate === 'mismatch') return 'plate-mismatch';
  if (plate === 'unchecked' && policy.plateUnchecked === 'see-staff') return 'plate-unchecked';
  if (idDigits !== undefined && claims.idTag !== undefined && compareBytes(idTag(claims.cti, idDigits), claims.idTag) !== 0) {
    return 'id-mismatch';
  }
  return undefined;
}

/** Without an answer about earlier passes a credential counts as just used. */
function checkReuse(credential: Credential, reuse: ReuseState | undefined, { nowMs, policy }: DecisionContext): Reason | undefined {
  if (reuse === undefined) return 'anti-passback';
  const { claims, step } = credential;
  const sincePassMs = reuse.credentialPassedAtMs === undefined ? Infinity : nowMs - reuse.credentialPassedAtMs;
  // Time that ran backwards is no proof that the pass is long ago.
  if (sincePassMs <= policy.repeatS * 1000 && reuse.nobodyBetween) return 'already-recorded';
  if (step !== undefined && reuse.step !== undefined && step <= reuse.step) return 'anti-passback';
  const windowMs = forClass(policy.antiPassbackS, claims.class) * 1000;
  const sinceSubjectMs = reuse.subjectPassedAtMs === undefined ? Infinity : nowMs - reuse.subjectPassedAtMs;
  if (Math.min(sincePassMs, sinceSubjectMs) < windowMs) return 'anti-passback';
  if (claims.maxUses !== undefined && reuse.uses >= claims.maxUses) return 'uses-exhausted';
  return isUsedElsewhere(credential, reuse, nowMs - windowMs) ? 'used-elsewhere' : undefined;
}

/** After the own lane's checks, because another lane's word may send to staff and do nothing else. */
function isUsedElsewhere({ claims, step }: Credential, { uses, elsewhere }: ReuseState, windowFromMs: number): boolean {
  if (elsewhere === undefined) return false;
  if (elsewhere.passedAtMs !== undefined && elsewhere.passedAtMs > windowFromMs) return true;
  if (step !== undefined && elsewhere.step !== undefined && step <= elsewhere.step) return true;
  return claims.maxUses !== undefined && elsewhere.uses > 0 && uses + elsewhere.uses >= claims.maxUses;
}

function checkSurroundings({ claims }: Credential, { policy, surroundings }: DecisionContext): Reason | undefined {
  if (surroundings.clock === 'untrusted') return 'clock-untrusted';
  if (surroundings.clock === 'unknown' && !policy.passOnUnknownClock) return 'clock-unknown';
  if (surroundings.sliceGrade === 'closed') return 'slice-stale';
  if (surroundings.sliceGrade === 'restricted' && !policy.lowRiskClasses.includes(claims.class)) return 'class-restricted';
  return surroundings.trustExpired ? 'trust-list-expired' : undefined;
}

/** Grade of the slice by the age of its issue against trusted time. A slice from the future is as bad as none. */
export function gradeSlice(issuedAtMs: number, nowMs: number, policy: Policy): StalenessGrade {
  const ageS = (nowMs - issuedAtMs) / 1000;
  if (ageS < -FUTURE_S_MAX || ageS >= policy.sliceAge.closedS) return 'closed';
  if (ageS >= policy.sliceAge.restrictedS) return 'restricted';
  return ageS >= policy.sliceAge.amberS ? 'amber' : 'fresh';
}

/** Clocks of upstream and kiosk may differ by so much. */
const FUTURE_S_MAX = 600;

/** Longest declaration age of a class in seconds, as the reader of credentials asks for it. */
export function declarationAgeSMax(policy: Policy): (credentialClass: number) => number {
  return (credentialClass) => forClass(policy.declarationAgeS, credentialClass) ?? Infinity;
}
