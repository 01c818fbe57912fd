/**
 * A golden case: one situation at a checkpoint and the reason that must come of it, as data. A policy carries its own cases
 * and is not activated unless they come out; the project's decision table is written in the same words. Everything not
 * said is as it should be: a paper code of class 2 for the area where it is shown, declared a minute ago, never used.
 */
import { z } from 'zod';
import { areaCode, classCode } from '../credential/trust.ts';
import { clockStates } from './records.ts';
import { statuses } from './slice.ts';

const spanS = z.number().int();

/** Classes of data that a decision rests on, each with an age of its own. */
export const dataClasses = ['statuses', 'revocations', 'keys'] as const;
export type DataClass = (typeof dataClasses)[number];

export const directions = ['in', 'out', 'both'] as const;
export type Direction = (typeof directions)[number];

/** Local time of the authority, to the minute. */
export const LOCAL_MINUTE = /^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d$/;

export const goldenCaseSchema = z.strictObject({
  /** What the case shows, in a few words. */
  rule: z.string().min(1).max(120),
  /** Local time at the checkpoint; a Wednesday morning unless said. */
  at: z.string().regex(LOCAL_MINUTE).default('2023-11-15T10:00'),
  /** Of the checkpoint. */
  area: areaCode.default(79),
  direction: z.enum(directions).default('both'),

  // The code.
  class: classCode.default(2),
  form: z.enum(['paper', 'app']).default('paper'),
  areas: z.array(areaCode).min(1).max(4).optional(),
  /** Bound to a plate; classes 3 and 4 always are. */
  plateBound: z.boolean().default(false),
  idBound: z.boolean().default(false),
  maxUses: z.number().int().min(1).max(99).optional(),
  declaredAgoS: spanS.default(60),
  validForS: spanS.default(3_600),
  /** Negative: it begins later. */
  validSinceS: spanS.default(3_600),
  /** Of an app code, counted from an arbitrary start. */
  step: z.number().int().min(0).optional(),

  // What was given besides the code.
  plate: z.enum(['none', 'its-own', 'another']).default('none'),
  id: z.enum(['none', 'its-own', 'another']).default('none'),

  // What the registry says.
  lookup: z.enum(['present', 'failed']).default('present'),
  revoked: z.boolean().default(false),
  /** The code's pseudonym was made with another key than the registry's. */
  otherSubjectKey: z.boolean().optional(),
  status: z.enum(statuses).default('clear'),
  /** First and last day, counted from today. */
  fromDays: z.number().int().default(-1),
  untilDays: z.number().int().nullable().default(null),

  // What the kiosk remembers.
  passedAgoS: spanS.optional(),
  subjectPassedAgoS: spanS.optional(),
  uses: z.number().int().min(0).default(0),
  lastStep: z.number().int().min(0).optional(),
  nobodyBetween: z.boolean().default(false),
  /** What other lanes of the checkpoint say of the code and its person. */
  elsewhereAgoS: spanS.optional(),
  elsewhereUses: z.number().int().min(0).default(0),
  elsewhereStep: z.number().int().min(0).optional(),
  /** People counted inside, where the policy limits them. */
  inside: z.number().int().min(0).default(0),

  // The state of the kiosk.
  clock: z.enum(clockStates).default('trusted'),
  /** Ages of the data, seconds; what is not named is new. */
  agesS: z.partialRecord(z.enum(dataClasses), spanS).default({}),
  trustExpired: z.boolean().default(false),

  /** The reason that must come of it; `ok` for a pass. */
  expect: z.string().max(40),
});
export type GoldenCase = z.infer<typeof goldenCaseSchema>;
