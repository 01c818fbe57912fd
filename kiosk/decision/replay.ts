/**
 * What a decision was made from, in the form in which it is sealed, and back: the same decision can be made again years
 * later, and compared. Pure. What was not accepted as a credential has no further inputs: its reason is all there is.
 */
import { credentialReasons } from '../../sync/credential/reasons.ts';
import type { Policy } from '../../sync/protocol/policy.ts';
import type { Reason } from '../../sync/protocol/reasons.ts';
import type { ClockState } from '../../sync/protocol/records.ts';
import type { DecisionInputs, SealedDecision } from '../../sync/protocol/sealed-decision.ts';
import { type Decision, type DecisionContext, decide, type Presented } from './decide.ts';

export function inputsOf(presented: Presented, { nowMs, area, surroundings }: DecisionContext): DecisionInputs {
  const { grades, trustExpired } = surroundings;
  const base = { area, trustExpired, grades };
  if (presented.kind !== 'code' || !presented.read.ok) return base;
  const { slice, reuse, inside } = presented;
  const { step } = presented.read.value;
  const elsewhere = reuse?.elsewhere;
  const ageMs = (passedAtMs: number | undefined) => (passedAtMs === undefined ? undefined : nowMs - passedAtMs);
  return {
    ...base,
    step,
    slice,
    inside,
    reuse: reuse && {
      credentialAgeMs: ageMs(reuse.credentialPassedAtMs),
      subjectAgeMs: ageMs(reuse.subjectPassedAtMs),
      uses: reuse.uses,
      step: reuse.step,
      nobodyBetween: reuse.nobodyBetween,
      // Windows are whole seconds, so whole seconds decide the same.
      elsewhere: elsewhere && {
        ageS: elsewhere.passedAtMs === undefined ? undefined : Math.floor((nowMs - elsewhere.passedAtMs) / 1000),
        uses: elsewhere.uses,
        stepUsed: step !== undefined && elsewhere.step !== undefined && step <= elsewhere.step,
      },
    },
  };
}

const COMPARED_CARD: readonly Reason[] = ['id-mismatch', 'id-matched'];

/** Decides again; undefined where a plate or a card was compared, whose text is not kept. */
export function replay(sealed: SealedDecision, clock: ClockState, policy: Policy): Decision | undefined {
  const presented = presentedOf(sealed);
  if (sealed.plate === 'matched' || sealed.plate === 'mismatch' || COMPARED_CARD.includes(sealed.reason)) return undefined;
  const { area, trustExpired, grades } = sealed.inputs;
  const { eventTimeMs: nowMs, direction = 'both' } = sealed;
  return decide(presented, { nowMs, policy, area, direction, surroundings: { clock, grades, trustExpired } });
}

function presentedOf({ reason, claims, form, kid, inputs, eventTimeMs }: SealedDecision): Presented {
  if (reason === 'unreadable' || reason === 'several-codes') return { kind: reason };
  const refused = credentialReasons.find((name) => name === reason);
  if (refused !== undefined) return { kind: 'code', read: { ok: false, reason: refused } };
  if (claims === undefined || form === undefined || kid === undefined) throw new Error(`${reason} without a credential`);
  const { step, slice, reuse, inside } = inputs;
  // Never looked up: refused for its time, of which a clock in doubt can say nothing.
  const isOfTime = (reason === 'clock-unknown' || reason === 'clock-untrusted') && slice === undefined;
  if (isOfTime) return { kind: 'code', read: { ok: false, reason: 'expired' } };
  const elsewhere = reuse?.elsewhere;
  const passedAtMs = (ageMs: number | undefined) => (ageMs === undefined ? undefined : eventTimeMs - ageMs);
  return {
    kind: 'code',
    read: { ok: true, value: { form, kid, claims, ...(step !== undefined && { step }) } },
    slice,
    inside,
    reuse: reuse && {
      credentialPassedAtMs: passedAtMs(reuse.credentialAgeMs),
      subjectPassedAtMs: passedAtMs(reuse.subjectAgeMs),
      uses: reuse.uses,
      step: reuse.step,
      nobodyBetween: reuse.nobodyBetween,
      elsewhere: elsewhere && {
        passedAtMs: elsewhere.ageS === undefined ? undefined : eventTimeMs - elsewhere.ageS * 1000,
        uses: elsewhere.uses,
        step: elsewhere.stepUsed ? step : undefined,
      },
    },
  };
}
