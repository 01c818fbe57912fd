import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fixturePath, readJson } from '../../fixtures/corpus.ts';
import type { Credential } from '../../sync/credential/credential.ts';
import { credentialReasons } from '../../sync/credential/reasons.ts';
import type { Policy } from '../../sync/protocol/policy.ts';
import { precedence, type Reason, reasonOrder, reasons } from '../../sync/protocol/reasons.ts';
import { encodeSealedDecision, parseSealedDecision } from '../../sync/protocol/sealed-decision.ts';
import { statuses } from '../../sync/protocol/slice.ts';
import { idTag, plateTag } from '../../sync/protocol/tags.ts';
import { type DecisionContext, decide, gradeSlice, type Presented } from './decide.ts';
import { inputsOf, replay } from './replay.ts';
import { resultView } from './result-view.ts';

const NOW_S = 1_700_000_000;
const CTI = new Uint8Array(8).fill(7);
const PLATE = '59C112345';
const ID = '079090123456';

const policy: Policy = {
  version: 1,
  issuedAt: '2023-11-14T00:00:00Z',
  expires: '2030-01-01T00:00:00Z',
  audience: '*',
  id: 'test',
  sliceAge: { amberS: 3_600, restrictedS: 7_200, closedS: 10_800 },
  lowRiskClasses: [5],
  declarationAgeS: { default: 259_200, byClass: { 5: null } },
  alsoHold: [],
  plateUnchecked: 'pass-flagged',
  antiPassbackS: { default: 600, byClass: { 3: 60 } },
  repeatS: 120,
  passOnUnknownClock: true,
};

const rowSchema = z.strictObject({
  rule: z.string(),
  class: z.number().default(2),
  areas: z.array(z.number()).default([79]),
  plateBound: z.boolean().default(false),
  plate: z.string().optional(),
  idBound: z.boolean().default(false),
  id: z.string().optional(),
  maxUses: z.number().optional(),
  step: z.number().optional(),
  lookup: z.enum(['present', 'failed']).default('present'),
  revoked: z.boolean().default(false),
  status: z.enum(statuses).default('clear'),
  fromDays: z.number().default(-1),
  untilDays: z.number().nullable().default(null),
  passedAgoS: z.number().optional(),
  subjectPassedAgoS: z.number().optional(),
  uses: z.number().default(0),
  lastStep: z.number().optional(),
  nobodyBetween: z.boolean().default(false),
  elsewhereAgoS: z.number().optional(),
  elsewhereUses: z.number().default(0),
  elsewhereStep: z.number().optional(),
  clock: z.enum(['trusted', 'unknown', 'untrusted']).default('trusted'),
  grade: z.enum(['fresh', 'amber', 'restricted', 'closed']).default('fresh'),
  trustExpired: z.boolean().default(false),
  policy: z.record(z.string(), z.unknown()).default({}),
  expect: z.enum(reasonOrder),
});
type Row = z.infer<typeof rowSchema>;

const table = z.array(rowSchema).parse(readJson(fixturePath('vectors/decisions.json')));

function presentedOf(row: Row): Presented {
  const value: Credential = {
    form: row.step === undefined ? 'paper' : 'app',
    kid: '00000000',
    ...(row.step !== undefined && { step: row.step }),
    claims: {
      expiresAt: NOW_S + 3_600,
      notBefore: NOW_S - 3_600,
      cti: CTI,
      class: row.class,
      subject: new Uint8Array(12),
      areas: row.areas,
      purpose: 1,
      declaredAt: NOW_S - 60,
      ...((row.plateBound || row.class === 3 || row.class === 4) && { plateTag: plateTag(CTI, PLATE) }),
      ...(row.idBound && { idTag: idTag(CTI, ID) }),
      ...(row.maxUses !== undefined && { maxUses: row.maxUses }),
    },
  };
  const today = Math.floor((NOW_S + 7 * 3_600) / 86_400);
  const ago = (seconds: number | undefined) => (seconds === undefined ? undefined : (NOW_S - seconds) * 1000);
  return {
    kind: 'code',
    read: { ok: true, value },
    slice:
      row.lookup === 'failed'
        ? undefined
        : {
            revoked: row.revoked,
            status: row.status,
            fromDay: today + row.fromDays,
            untilDay: row.untilDays === null ? undefined : today + row.untilDays,
          },
    reuse: {
      credentialPassedAtMs: ago(row.passedAgoS),
      subjectPassedAtMs: ago(row.subjectPassedAgoS ?? row.passedAgoS),
      uses: row.uses,
      step: row.lastStep,
      nobodyBetween: row.nobodyBetween,
      elsewhere: { passedAtMs: ago(row.elsewhereAgoS), uses: row.elsewhereUses, step: row.elsewhereStep },
    },
    plate: row.plate,
    idDigits: row.id,
  };
}

function contextOf(row: Row): DecisionContext {
  return {
    nowMs: NOW_S * 1000,
    policy: { ...policy, ...row.policy },
    area: 79,
    surroundings: { clock: row.clock, sliceGrade: row.grade, trustExpired: row.trustExpired },
  };
}

/** With the longest names that a kiosk may have. */
function sealedOf(presented: Presented, context: DecisionContext): Uint8Array {
  const { verdict, reason, credential, plate, grade } = decide(presented, context);
  return encodeSealedDecision({
    recordId: '018bcfe5-6800-7000-8000-000000000000',
    kioskId: 'k'.repeat(32),
    checkpointId: 'c'.repeat(32),
    eventTimeMs: context.nowMs,
    verdict,
    reason,
    kid: credential?.kid,
    form: credential?.form,
    claims: credential?.claims,
    direction: 'out',
    plate,
    grade,
    decodeMs: 120,
    frames: 9,
    inputs: inputsOf(presented, context),
  });
}

describe('decision table', () => {
  it.each(table)('$rule', (row) => {
    const decision = decide(presentedOf(row), contextOf(row));
    expect(decision.reason).toBe(row.expect);
    expect(decision.verdict).toBe(reasons[row.expect].verdict);
  });

  const plain = table.filter((row) => row.plate === undefined && row.expect !== 'id-mismatch');
  it.each(plain)('comes out the same when it is made again from what was sealed: $rule', (row) => {
    const sealed = sealedOf(presentedOf(row), contextOf(row));
    expect(sealed.length).toBeLessThanOrEqual(254);
    const opened = parseSealedDecision(sealed);
    if (!opened.ok) throw new Error(opened.reason);
    const again = replay(opened.value, row.clock, contextOf(row).policy);
    expect(again).toMatchObject({ reason: row.expect, verdict: reasons[row.expect].verdict, grade: row.grade });
  });

  it('cannot be made again where a plate or a card was compared, whose text is not kept', () => {
    const compared = table.filter(
      (row) => row.plateBound && row.plate !== undefined && (row.expect === 'ok' || row.expect === 'plate-mismatch'),
    );
    expect(compared.length).toBeGreaterThan(1);
    for (const row of compared) {
      const opened = parseSealedDecision(sealedOf(presentedOf(row), contextOf(row)));
      expect(opened.ok && replay(opened.value, row.clock, policy)).toBeUndefined();
    }
  });

  it.each(['unreadable', 'several-codes', 'sig-invalid', 'expired'] as const)(
    'is made again also where nothing was accepted: %s',
    (reason) => {
      const read = credentialReasons.find((name) => name === reason);
      const presented: Presented =
        read === undefined
          ? { kind: reason === 'several-codes' ? reason : 'unreadable' }
          : { kind: 'code', read: { ok: false, reason: read } };
      const [row] = table;
      if (row === undefined) throw new Error('an empty table');
      const opened = parseSealedDecision(sealedOf(presented, contextOf(row)));
      expect(opened.ok && replay(opened.value, 'trusted', policy)).toMatchObject({ reason, verdict: reasons[reason].verdict });
    },
  );

  it('reaches every reason that a good credential can have', () => {
    const reached = new Set<Reason>(table.map((row) => row.expect));
    const afterReading = reasonOrder.filter((reason) => precedence(reason) >= precedence('revoked'));
    // A slice that went back is refused when it is opened: the lane is closed then, and nothing is decided on it.
    expect(afterReading.filter((reason) => !reached.has(reason))).toEqual(['slice-rollback']);
  });

  it('passes only with the reason ok', () => {
    expect(reasonOrder.filter((reason) => reasons[reason].verdict === 'pass')).toEqual(['ok']);
  });

  it('takes ten bytes of a sealed block at most for what other lanes say', () => {
    const common = { rule: '', step: 59_000_002, maxUses: 99, expect: 'used-elsewhere' };
    const silent = rowSchema.parse(common);
    const telling = rowSchema.parse({ ...common, elsewhereAgoS: 64_000, elsewhereUses: 98, elsewhereStep: 59_000_002 });
    expect(decide(presentedOf(telling), contextOf(telling)).reason).toBe('used-elsewhere');
    const length = (row: Row) => sealedOf(presentedOf(row), contextOf(row)).length - decide(presentedOf(row), contextOf(row)).reason.length;
    expect(length(telling) - length(silent)).toBeLessThanOrEqual(10);
  });

  it('takes the first of two failures in the order of the table', () => {
    const [row] = z.array(rowSchema).parse([{ rule: '', revoked: true, status: 'F0', areas: [1], clock: 'untrusted', expect: 'revoked' }]);
    expect(row && decide(presentedOf(row), contextOf(row)).reason).toBe('revoked');
  });
});

describe('what a bystander sees', () => {
  it('shows the same for a held person as for at least four unrelated reasons', () => {
    const view = (reason: Reason) =>
      resultView({ verdict: reasons[reason].verdict, reason, credential: undefined, plate: undefined, grade: 'fresh' }, 1, 0);
    const held = view('status-hold');
    const alike = reasonOrder.filter((reason) => reason !== 'status-hold' && JSON.stringify(view(reason)) === JSON.stringify(held));
    expect(alike.length).toBeGreaterThanOrEqual(4);
    expect(alike).toContain('anti-passback');
    expect(alike).toContain('id-mismatch');
  });
});

describe('staleness', () => {
  const issuedAtMs = NOW_S * 1000;
  it.each([
    [0, 'fresh'],
    [3_599, 'fresh'],
    [3_600, 'amber'],
    [7_200, 'restricted'],
    [10_800, 'closed'],
    [-601, 'closed'],
  ] as const)('grades a slice of %i seconds as %s', (ageS, grade) => {
    expect(gradeSlice(issuedAtMs, issuedAtMs + ageS * 1000, policy)).toBe(grade);
  });
});
