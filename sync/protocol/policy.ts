/**
 * The policy: what the authority leaves to decide, as one signed statement. It may tighten, and loosen only within what
 * this schema allows: no policy can let F0, F1 or a held person pass, any code without a signature, or data of any age. A
 * field that this version does not know is refused: it may be a restriction.
 */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';
import { areaCode, classCode } from '../credential/trust.ts';
import { goldenCaseSchema } from './golden-case.ts';

const DAY_S = 86_400;
const seconds = z
  .number()
  .int()
  .min(0)
  .max(365 * DAY_S);
const ALL_CLASSES = [1, 2, 3, 4, 5, 6];
const classes = z.array(classCode).max(6);

/** One value for every class, with exceptions by class code. */
function byClass<Value extends z.ZodType>(value: Value) {
  return z.strictObject({ default: value, byClass: z.partialRecord(z.enum(['1', '2', '3', '4', '5', '6']), value).default({}) });
}

/**
 * Age of the data a decision rests on: fresh says nothing; amber shows its age; restricted passes few classes only; closed
 * passes nobody. In the order of their numbers in sealed records.
 */
export const stalenessGrades = ['fresh', 'amber', 'restricted', 'closed'] as const;
export type StalenessGrade = (typeof stalenessGrades)[number];

/** Ages at which the grade of one class of data falls, and who still passes then. `daysMax` bounds what any policy may allow. */
function ages(daysMax: number) {
  return z
    .strictObject({
      amberS: seconds,
      restrictedS: seconds,
      closedS: seconds.max(daysMax * DAY_S),
      amberClasses: classes.default(ALL_CLASSES),
      restrictedClasses: classes.default([]),
    })
    .refine((age) => age.amberS <= age.restrictedS && age.restrictedS <= age.closedS, 'ages must not fall from amber to closed')
    .refine((age) => age.restrictedClasses.every((one) => age.amberClasses.includes(one)), 'restricted passes nobody whom amber stops');
}

/** HH:MM, local time of the authority. */
const minuteOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);
const span = { from: minuteOfDay, to: minuteOfDay };
const areas = z.array(areaCode).min(1).max(200);

/** Who passes where, when and which way. What is absent does not limit. */
const accessRule = z.strictObject({
  areas: areas.optional(),
  classes: classes.min(1),
  directions: z
    .array(z.enum(['in', 'out']))
    .min(1)
    .optional(),
  /** 1 Monday to 7 Sunday, by the day on which the hours begin. */
  days: z.array(z.number().int().min(1).max(7)).min(1).optional(),
  /** From the first minute to before the last; over midnight where `to` is not later than `from`. */
  hours: z.strictObject(span).optional(),
});
export type AccessRule = z.infer<typeof accessRule>;

/** Nobody passes in these hours but the classes named. */
const curfew = z.strictObject({ ...span, areas: areas.optional(), exceptClasses: classes.default([]) });

export const GOLDEN_CASES_MAX = 500;

export const policySchema = statementHeader
  .extend({
    id: z.string().regex(/^[a-z0-9-]{1,32}$/),
    /** What kind of place it is for: its words on the screen, and whether people inside are counted. */
    profile: z.enum(['checkpoint', 'venue']).default('checkpoint'),
    /** A code passes where one of these admits it. */
    access: z
      .array(accessRule)
      .max(200)
      .default([{ classes: ALL_CLASSES }]),
    curfews: z.array(curfew).max(50).default([]),
    /** Venues: so many people inside at most, of whom each is counted for `stayS` unless seen leaving before. */
    occupancy: z.strictObject({ max: z.number().int().min(1).max(100_000), stayS: z.number().int().min(60).max(DAY_S) }).optional(),
    staleness: z.strictObject({ statuses: ages(30), revocations: ages(30), keys: ages(120) }),
    /** Longest age of the health declaration; null: the class needs none. */
    declarationAgeS: byClass(seconds.nullable()),
    /** F0, F1, hold and deceased always see staff; these may be added. */
    alsoHold: z.array(z.enum(['F2', 'F3'])),
    plateUnchecked: z.enum(['pass-flagged', 'see-staff']),
    /** Classes whose static code (CP1, paper) passes unattended; the others see staff unless shown by an app. */
    paperClasses: classes.default(ALL_CLASSES),
    /** Classes that are asked for the identity card, where the code is bound to one. Staff compare it; no card lets pass by itself. */
    askIdClasses: classes.default([]),
    /** A credential or person that passed here is not passed again before this. */
    antiPassbackS: byClass(seconds),
    /** A code shown again so soon after its pass, with nobody between, is the same crossing. */
    repeatS: z.number().int().min(0).max(600),
    /** Whether codes pass unattended before signed time has arrived since the boot. */
    passOnUnknownClock: z.boolean(),
    /** Situations with the reasons that must come of them under this very policy: without them it is not activated. */
    golden: z
      .array(goldenCaseSchema)
      .min(2)
      .max(GOLDEN_CASES_MAX)
      .refine((cases) => cases.some(({ expect }) => expect === 'ok'), 'no case shows who passes')
      .refine((cases) => cases.some(({ expect }) => expect !== 'ok'), 'no case shows who does not'),
  })
  .strict()
  .refine(({ occupancy, profile }) => occupancy === undefined || profile === 'venue', {
    message: 'people inside are counted in venues only',
    path: ['occupancy'],
  });
export type Policy = z.infer<typeof policySchema>;

/** The value of `rule` for a class code. */
export function forClass<Value>(rule: { default: Value; byClass: Partial<Record<string, Value>> }, credentialClass: number): Value {
  const own = rule.byClass[String(credentialClass)];
  return own === undefined ? rule.default : own;
}
