/** Other lanes' word, whatever it is, may send to staff and do nothing else. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { tablePolicy } from '../../fixtures/decision-table.ts';
import { stalenessGrades } from '../../sync/protocol/policy.ts';
import { statuses } from '../../sync/protocol/slice.ts';
import { type DecisionContext, decide, type Presented, type ReuseState } from './decide.ts';

const NOW_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

const policy = tablePolicy('venue', { antiPassbackS: { default: 600, byClass: { 3: 0 } }, askIdClasses: [6], paperClasses: [1, 2, 3, 6] });

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const instant = fc.integer({ min: NOW_MS - HOUR_MS, max: NOW_MS + HOUR_MS });
const step = fc.integer({ min: 0, max: 200 });
const count = fc.integer({ min: 0, max: 5 });
const elsewhere = fc.record({
  passedAtMs: maybe(fc.oneof(instant, fc.double({ noNaN: false }))),
  uses: fc.oneof(count, fc.integer()),
  step: maybe(fc.oneof(step, fc.integer())),
});
const own = fc.record({
  credentialPassedAtMs: maybe(instant),
  subjectPassedAtMs: maybe(instant),
  uses: count,
  step: maybe(step),
  nobodyBetween: fc.boolean(),
});
const scene = fc.record({
  class: fc.integer({ min: 1, max: 6 }),
  areas: fc.constantFrom([79], [79], [79], [1]),
  maxUses: maybe(fc.integer({ min: 1, max: 5 })),
  step: maybe(step),
  revoked: fc.constantFrom(false, false, false, true),
  status: fc.constantFrom(...statuses, ...Array.from(statuses, () => 'clear' as const)),
  clock: fc.constantFrom('trusted' as const, 'confirmed' as const, 'unknown' as const, 'untrusted' as const),
  statuses: fc.constantFrom(...stalenessGrades),
  keys: fc.constantFrom(...stalenessGrades),
  inside: fc.integer({ min: 0, max: 60 }),
  idBound: fc.boolean(),
  trustExpired: fc.constantFrom(false, false, false, true),
});

it("another lane's word never lets anybody pass, never stops anybody, and changes nothing but a pass to see-staff", () => {
  let changed = 0;
  fc.assert(
    fc.property(scene, own, elsewhere, (given, reuse, word) => {
      const context: DecisionContext = {
        nowMs: NOW_MS,
        policy,
        area: 79,
        direction: 'in',
        surroundings: {
          clock: given.clock,
          grades: { statuses: given.statuses, revocations: 'fresh', keys: given.keys },
          trustExpired: given.trustExpired,
        },
      };
      const claims = {
        expiresAt: NOW_MS / 1000 + 3_600,
        notBefore: NOW_MS / 1000 - 3_600,
        cti: new Uint8Array(8),
        class: given.class,
        subject: new Uint8Array(12),
        areas: given.areas,
        purpose: 1,
        declaredAt: NOW_MS / 1000 - 60,
        ...(given.idBound && { idTag: new Uint8Array(2) }),
        ...(given.maxUses !== undefined && { maxUses: given.maxUses }),
      };
      const form = given.step === undefined ? ('paper' as const) : ('app' as const);
      const value = { form, kid: '00000000', claims, ...(given.step !== undefined && { step: given.step }) };
      const slice = { revoked: given.revoked, status: given.status, fromDay: 0, untilDay: undefined, otherSubjectKey: false };
      const presented = (state: ReuseState): Presented => ({
        kind: 'code',
        read: { ok: true, value },
        slice,
        reuse: state,
        inside: given.inside,
      });
      const without = decide(presented(reuse), context);
      const withWord = decide(presented({ ...reuse, elsewhere: word }), context);
      if (withWord.reason === without.reason) return;
      changed++;
      expect(withWord).toEqual({ ...without, verdict: 'see-staff', reason: 'used-elsewhere' });
      expect(without.verdict).toBe('pass');
    }),
    { numRuns: 60_000 },
  );
  // The word does something: else the rule above holds for nothing.
  expect(changed).toBeGreaterThan(100);
});
