/**
 * The policy: what the authority leaves to decide, as one signed statement. It may tighten, and loosen only within what
 * this schema allows: no policy can let F0, F1 or a held person pass, or any code without a signature.
 */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';
import { classCode } from '../credential/trust.ts';

const seconds = z.number().int().min(0).max(31_536_000);

/** One value for every class, with exceptions by class code. */
function byClass<Value extends z.ZodType>(value: Value) {
  return z.object({ default: value, byClass: z.partialRecord(z.enum(['1', '2', '3', '4', '5', '6']), value).default({}) });
}

/**
 * Age of the data a decision rests on: fresh says nothing; amber shows its age; restricted passes low-risk classes only;
 * closed passes nobody. In the order of their numbers in sealed records.
 */
export const stalenessGrades = ['fresh', 'amber', 'restricted', 'closed'] as const;
export type StalenessGrade = (typeof stalenessGrades)[number];

export const policySchema = statementHeader.extend({
  id: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** Ages of the slice's issuedAt at which the grade falls: pass with the age shown, low-risk classes only, lane closed. */
  sliceAge: z
    .object({ amberS: seconds, restrictedS: seconds, closedS: seconds })
    .refine((age) => age.amberS <= age.restrictedS && age.restrictedS <= age.closedS, 'ages must not fall from amber to closed'),
  /** Classes that still pass in the restricted grade. */
  lowRiskClasses: z.array(classCode),
  /** Longest age of the health declaration; null: the class needs none. */
  declarationAgeS: byClass(seconds.nullable()),
  /** F0, F1, hold and deceased always see staff; these may be added. */
  alsoHold: z.array(z.enum(['F2', 'F3'])),
  plateUnchecked: z.enum(['pass-flagged', 'see-staff']),
  /** A credential or person that passed here is not passed again before this. */
  antiPassbackS: byClass(seconds),
  /** A code shown again so soon after its pass, with nobody between, is the same crossing. */
  repeatS: z.number().int().min(0).max(600),
  /** Whether codes pass unattended before signed time has arrived since the boot. */
  passOnUnknownClock: z.boolean(),
});
export type Policy = z.infer<typeof policySchema>;

/** The value of `rule` for a class code. */
export function forClass<Value>(rule: { default: Value; byClass: Partial<Record<string, Value>> }, credentialClass: number): Value {
  const own = rule.byClass[String(credentialClass)];
  return own === undefined ? rule.default : own;
}
