/**
 * Golden cases: a situation told as data, decided as the kiosk decides it. A policy that brings its own cases is activated
 * only when each comes out as it says (pure).
 */
import type { Claims } from '../../sync/credential/claims.ts';
import { type Credential, checkTimes, type ReadResult } from '../../sync/credential/credential.ts';
import { authorityDay, localInstantS } from '../../sync/protocol/authority-time.ts';
import type { DataClass, GoldenCase } from '../../sync/protocol/golden-case.ts';
import type { Policy } from '../../sync/protocol/policy.ts';
import type { Reason } from '../../sync/protocol/reasons.ts';
import { idTag, plateTag } from '../../sync/protocol/tags.ts';
import { type DecisionContext, decide, declarationAgeSMax, type Presented } from './decide.ts';
import { gradeData } from './staleness.ts';

export interface Situation {
  readonly presented: Presented;
  readonly context: DecisionContext;
}

export interface GoldenFailure {
  readonly rule: string;
  readonly expected: string;
  readonly actual: Reason;
}

// The same for every case: what is compared is whether they are its own.
const CTI = new Uint8Array(8).fill(7);
const SUBJECT = new Uint8Array(12);
const PLATE = { none: undefined, 'its-own': '59C112345', another: '51F00001' } as const;
const ID = { none: undefined, 'its-own': '079090123456', another: '079090999999' } as const;
const KID = '00000000';

/** The cases of a policy that do not come out; none: it may be activated. */
export function failedGoldenCases(policy: Policy): GoldenFailure[] {
  return policy.golden.flatMap((one) => {
    const { presented, context } = situationOf(one, policy);
    const actual = decide(presented, context).reason;
    return actual === one.expect ? [] : [{ rule: one.rule, expected: one.expect, actual }];
  });
}

export function situationOf(one: GoldenCase, policy: Policy): Situation {
  const nowS = localInstantS(one.at);
  const freshAtMs = (name: DataClass) => (nowS - (one.agesS[name] ?? 0)) * 1000;
  const read = readOf(one, nowS, policy);
  return {
    presented: read.ok ? presentedOf(one, read, nowS) : { kind: 'code', read },
    context: {
      nowMs: nowS * 1000,
      policy,
      area: one.area,
      direction: one.direction,
      surroundings: {
        clock: one.clock,
        grades: gradeData(
          { statuses: freshAtMs('statuses'), revocations: freshAtMs('revocations'), keys: freshAtMs('keys') },
          nowS * 1000,
          policy,
        ),
        trustExpired: one.trustExpired,
      },
    },
  };
}

/** As if the signature held. */
function readOf(one: GoldenCase, nowS: number, policy: Policy): ReadResult {
  const claims: Claims = {
    expiresAt: nowS + one.validForS,
    notBefore: nowS - one.validSinceS,
    cti: CTI,
    class: one.class,
    subject: SUBJECT,
    areas: one.areas ?? [one.area],
    purpose: 1,
    declaredAt: nowS - one.declaredAgoS,
    ...((one.plateBound || one.class === 3 || one.class === 4) && { plateTag: plateTag(CTI, PLATE['its-own']) }),
    ...(one.idBound && { idTag: idTag(CTI, ID['its-own']) }),
    ...(one.maxUses !== undefined && { maxUses: one.maxUses }),
  };
  const value: Credential = { form: one.form, kid: KID, claims, ...(one.step !== undefined && { step: one.step }) };
  const reason = checkTimes(claims, { now: nowS, declarationAgeSMax: declarationAgeSMax(policy) });
  return reason === undefined ? { ok: true, value } : { ok: false, reason, signed: value };
}

function presentedOf(one: GoldenCase, read: ReadResult, nowS: number): Presented {
  const today = authorityDay(nowS);
  const ago = (spanS: number | undefined) => (spanS === undefined ? undefined : (nowS - spanS) * 1000);
  const { revoked, status, fromDays, untilDays, otherSubjectKey = false } = one;
  return {
    kind: 'code',
    read,
    slice:
      one.lookup === 'failed'
        ? undefined
        : {
            ...{ revoked, status, otherSubjectKey, fromDay: today + fromDays },
            untilDay: untilDays === null ? undefined : today + untilDays,
          },
    reuse: {
      credentialPassedAtMs: ago(one.passedAgoS),
      subjectPassedAtMs: ago(one.subjectPassedAgoS ?? one.passedAgoS),
      uses: one.uses,
      step: one.lastStep,
      nobodyBetween: one.nobodyBetween,
      elsewhere: { passedAtMs: ago(one.elsewhereAgoS), uses: one.elsewhereUses, step: one.elsewhereStep },
    },
    plate: PLATE[one.plate],
    idDigits: ID[one.id],
    inside: one.inside,
  };
}
