import { describe, expect, it } from 'vitest';
import {
  type ProfileName,
  profileNames,
  reasonCases,
  reasonPairs,
  type TableCase,
  tableCases,
  tablePolicy,
} from '../../fixtures/decision-table.ts';
import { credentialReasons } from '../../sync/credential/reasons.ts';
import { precedence, type Reason, reasonOrder, reasons } from '../../sync/protocol/reasons.ts';
import { encodeSealedDecision, parseSealedDecision } from '../../sync/protocol/sealed-decision.ts';
import { type DecisionContext, decide, type Presented } from './decide.ts';
import { situationOf } from './golden.ts';
import { inputsOf, replay } from './replay.ts';
import { resultView } from './result-view.ts';

const situation = (row: TableCase, profile: ProfileName) => situationOf(row, tablePolicy(profile, row.policy));

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
    direction: context.direction,
    plate,
    grade,
    decodeMs: 120,
    frames: 9,
    inputs: inputsOf(presented, context),
  });
}

const byName = (row: TableCase) => [row.rule, row] as const;

describe.each(profileNames)('decision table, %s', (profile) => {
  const rows = [...tableCases(profile), ...reasonCases(profile)];
  const pairs = reasonPairs(profile);

  it.each(rows.map(byName))('%s', (_rule, row) => {
    const { presented, context } = situation(row, profile);
    const decision = decide(presented, context);
    expect(decision.reason).toBe(row.expect);
    expect(decision.verdict).toBe(decision.reason === 'ok' ? 'pass' : reasons[decision.reason].verdict);
    if (row.grade !== undefined) expect(decision.grade).toBe(row.grade);
  });

  it.each(pairs.together.map(byName))('%s', (_rule, row) => {
    const { presented, context } = situation(row, profile);
    expect(decide(presented, context).reason).toBe(row.expect);
  });

  it('says of each pair that is not tried why it cannot meet', () => {
    expect(pairs.apart.filter((pair) => !CANNOT_MEET.some((one) => one.test(pair)))).toEqual([]);
    expect(pairs.together.length).toBeGreaterThan(pairs.apart.length * 5);
  });

  it.each([...rows, ...pairs.together].map(byName))('comes out the same when it is made again from what was sealed: %s', (_rule, row) => {
    const { presented, context } = situation(row, profile);
    const { reason, verdict, grade, plate } = decide(presented, context);
    const sealed = sealedOf(presented, context);
    expect(sealed.length).toBeLessThanOrEqual(254);
    const opened = parseSealedDecision(sealed);
    if (!opened.ok) throw new Error(opened.reason);
    const again = replay(opened.value, row.clock, context.policy);
    // The text of a plate or a card is not kept.
    const isCompared = plate === 'matched' || plate === 'mismatch' || reason === 'id-mismatch' || reason === 'id-matched';
    if (isCompared) expect(again).toBeUndefined();
    else expect(again).toMatchObject({ reason, verdict, grade });
  });
});

/** Both would need another value of the same thing. */
const CANNOT_MEET = [
  // One validity, one declaration, one card, one age of each class of data, one lane.
  /^(validity-range|not-yet-valid|expired) before (not-yet-valid|expired)$/,
  /^declaration-future before declaration-stale$/,
  /^(id-mismatch|id-unchecked) before (id-unchecked|id-matched)$/,
  /^(class-not-permitted|direction-not-permitted|hours-not-permitted) before (direction-not-permitted|hours-not-permitted|curfew)$/,
  /^clock-untrusted before clock-unknown$/,
];

describe('reasons', () => {
  it('are all reached by the table, but those that no credential reaches', () => {
    const reached = new Set<string>(reasonCases('venue').map(({ expect: reason }) => reason));
    const afterReading = reasonOrder.filter((reason) => precedence(reason) >= precedence('revoked') && reason !== 'ok');
    // A slice that went back is refused when it is opened: the lane is closed then, and nothing is decided on it.
    expect(afterReading.filter((reason) => !reached.has(reason))).toEqual(['slice-rollback']);
  });

  it('pass with ok alone', () => {
    expect(reasonOrder.filter((reason) => reasons[reason].verdict === 'pass')).toEqual(['ok']);
  });

  it.each(['unreadable', 'several-codes', 'sig-invalid', 'expired'] as const)(
    'are made again also where nothing was accepted: %s',
    (reason) => {
      const read = credentialReasons.find((name) => name === reason);
      const presented: Presented =
        read === undefined
          ? { kind: reason === 'several-codes' ? reason : 'unreadable' }
          : { kind: 'code', read: { ok: false, reason: read } };
      const [row] = tableCases('checkpoint');
      if (row === undefined) throw new Error('an empty table');
      const { context } = situation(row, 'checkpoint');
      const opened = parseSealedDecision(sealedOf(presented, context));
      expect(opened.ok && replay(opened.value, 'trusted', context.policy)).toMatchObject({ reason, verdict: reasons[reason].verdict });
    },
  );
});

describe('what a bystander sees', () => {
  it('shows the same for a held person as for at least four unrelated reasons', () => {
    const view = (reason: Reason) =>
      resultView(
        { verdict: reasons[reason].verdict, reason, credential: undefined, plate: undefined, grade: 'fresh' },
        { turn: 1, dataAgeMs: 0, profile: 'checkpoint' },
      );
    const held = view('status-hold');
    const alike = reasonOrder.filter((reason) => reason !== 'status-hold' && JSON.stringify(view(reason)) === JSON.stringify(held));
    expect(alike.length).toBeGreaterThanOrEqual(4);
    expect(alike).toContain('anti-passback');
    expect(alike).toContain('id-mismatch');
  });
});
