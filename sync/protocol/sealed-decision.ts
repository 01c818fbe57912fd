/**
 * The sealed part of a decision record, both ways: a CBOR map with numbered fields, which keeps a decision within one
 * 256-byte block. It holds what the decision was made from, so that it can be made again, and repeats what the clear part
 * says of id, place and time, so that upstream can compare.
 */
import { z } from 'zod';
import { fromHex, toHex } from '../credential/bytes.ts';
import { type CborMap, type CborValue, decodeCbor, encodeCbor, isCborMap } from '../credential/cbor.ts';
import { type Claims, encodeClaims, parseClaims } from '../credential/claims.ts';
import { accept, type Outcome, refuse } from '../credential/outcome.ts';
import { type DataClass, directions } from './golden-case.ts';
import { type StalenessGrade, stalenessGrades } from './policy.ts';
import { reasonOrder, verdicts } from './reasons.ts';
import { uuidBytes, uuidText } from './record-id.ts';
import { statuses } from './slice.ts';

// In the order of their numbers on the wire: new ones go to the end.
const forms = ['paper', 'app'] as const;
const plateChecks = ['matched', 'unchecked', 'mismatch'] as const;

/** What a decision rests on, besides the credential, the policy and the state of the clock. */
export interface DecisionInputs {
  /** Area code of the checkpoint. */
  readonly area: number;
  readonly trustExpired: boolean;
  /** Of each class of data. */
  readonly grades: Readonly<Record<DataClass, StalenessGrade>>;
  /** People inside, where they are counted. */
  readonly inside?: number | undefined;
  /** The 30-second step an app code was made for. */
  readonly step?: number | undefined;
  /** What the lists said of the credential; undefined where they were not, or could not be, asked. */
  readonly slice?:
    | {
        readonly revoked: boolean;
        readonly status: (typeof statuses)[number];
        readonly fromDay: number;
        readonly untilDay: number | undefined;
        readonly otherSubjectKey: boolean;
      }
    | undefined;
  /** Earlier passes, by how long ago they were; undefined for none, or where the kiosk did not ask. */
  readonly reuse?:
    | {
        readonly credentialAgeMs: number | undefined;
        readonly subjectAgeMs: number | undefined;
        readonly uses: number;
        readonly step: number | undefined;
        readonly nobodyBetween: boolean;
        /** At other lanes of the checkpoint; `stepUsed`: the app code's step is not above one that passed there. */
        readonly elsewhere?: { readonly ageS: number | undefined; readonly uses: number; readonly stepUsed: boolean } | undefined;
      }
    | undefined;
}

export interface SealedDecision {
  readonly recordId: string;
  readonly kioskId: string;
  readonly checkpointId: string;
  /** Whole milliseconds. */
  readonly eventTimeMs: number;
  readonly verdict: (typeof verdicts)[number];
  readonly reason: (typeof reasonOrder)[number];
  readonly kid?: string | undefined;
  readonly form?: (typeof forms)[number] | undefined;
  /** Without name and device key: neither decides anything. */
  readonly claims?: Claims | undefined;
  readonly direction?: (typeof directions)[number] | undefined;
  readonly plate?: (typeof plateChecks)[number] | undefined;
  readonly grade: (typeof stalenessGrades)[number];
  readonly decodeMs: number;
  readonly frames: number;
  readonly inputs: DecisionInputs;
}

const KEY = {
  recordId: 1,
  kioskId: 2,
  checkpointId: 3,
  eventTimeS: 4,
  eventTimeMs: 5,
  verdict: 6,
  reason: 7,
  kid: 8,
  form: 9,
  claims: 10,
  direction: 11,
  plate: 12,
  grade: 13,
  decodeMs: 14,
  frames: 15,
  area: 16,
  trustExpired: 17,
  step: 18,
  slice: 19,
  reuse: 20,
  grades: 21,
  inside: 22,
} as const;
const REUSE = {
  credentialAgeMs: 1,
  subjectAgeMs: 2,
  uses: 3,
  step: 4,
  nobodyBetween: 5,
  elsewhereAgeS: 6,
  elsewhereUses: 7,
  elsewhereStepUsed: 8,
} as const;

export function encodeSealedDecision(decision: SealedDecision): Uint8Array {
  const { inputs, claims } = decision;
  const { slice, reuse } = inputs;
  return encodeCbor(
    present([
      [KEY.recordId, uuidBytes(decision.recordId)],
      [KEY.kioskId, decision.kioskId],
      [KEY.checkpointId, decision.checkpointId],
      [KEY.eventTimeS, Math.floor(decision.eventTimeMs / 1000)],
      [KEY.eventTimeMs, decision.eventTimeMs % 1000],
      [KEY.verdict, verdicts.indexOf(decision.verdict)],
      [KEY.reason, decision.reason],
      [KEY.kid, decision.kid === undefined ? undefined : fromHex(decision.kid)],
      [KEY.form, decision.form === undefined ? undefined : forms.indexOf(decision.form)],
      [KEY.claims, claims === undefined ? undefined : encodeClaims(withoutPerson(claims))],
      [KEY.direction, decision.direction],
      [KEY.plate, decision.plate === undefined ? undefined : plateChecks.indexOf(decision.plate)],
      [KEY.grade, stalenessGrades.indexOf(decision.grade)],
      [KEY.decodeMs, Math.round(decision.decodeMs)],
      [KEY.frames, decision.frames],
      [KEY.area, inputs.area],
      [KEY.trustExpired, inputs.trustExpired ? 1 : undefined],
      [KEY.step, inputs.step],
      [KEY.slice, slice === undefined ? undefined : sliceCells(slice)],
      [KEY.reuse, reuse === undefined ? undefined : reuseMap(reuse)],
      [KEY.grades, gradeCells(inputs.grades)],
      [KEY.inside, inputs.inside],
    ]),
  );
}

function present(fields: readonly (readonly [number, CborValue | undefined])[]): CborMap {
  const map = new Map<number, CborValue>();
  for (const [key, value] of fields) if (value !== undefined) map.set(key, value);
  return map;
}

function withoutPerson({ maskedName: _name, deviceKey: _key, ...claims }: Claims): Claims {
  return claims;
}

/** Bits of the first cell. */
const REVOKED = 1;
const OTHER_SUBJECT_KEY = 2;

function sliceCells({ revoked, status, fromDay, untilDay, otherSubjectKey }: NonNullable<DecisionInputs['slice']>): number[] {
  const flags = (revoked ? REVOKED : 0) | (otherSubjectKey ? OTHER_SUBJECT_KEY : 0);
  return [flags, statuses.indexOf(status), fromDay, ...(untilDay === undefined ? [] : [untilDay])];
}

/** Nothing where all is fresh. */
function gradeCells({ statuses, revocations, keys }: DecisionInputs['grades']): number[] | undefined {
  const cells = [statuses, revocations, keys].map((grade) => stalenessGrades.indexOf(grade));
  return cells.some((cell) => cell > 0) ? cells : undefined;
}

function reuseMap(reuse: NonNullable<DecisionInputs['reuse']>): CborMap {
  const age = (span: number | undefined) => (span === undefined ? undefined : Math.max(-AGE_MAX, Math.min(AGE_MAX, Math.floor(span))));
  return present([
    [REUSE.credentialAgeMs, age(reuse.credentialAgeMs)],
    [REUSE.subjectAgeMs, age(reuse.subjectAgeMs)],
    [REUSE.uses, reuse.uses],
    [REUSE.step, reuse.step],
    [REUSE.nobodyBetween, reuse.nobodyBetween ? 1 : undefined],
    [REUSE.elsewhereAgeS, age(reuse.elsewhere?.ageS)],
    [REUSE.elsewhereUses, reuse.elsewhere?.uses || undefined],
    [REUSE.elsewhereStepUsed, reuse.elsewhere?.stepUsed ? 1 : undefined],
  ]);
}

/** Forty-nine days in milliseconds: longer ago decides nothing else. */
const AGE_MAX = 0xffff_ffff;

const bytes = z.instanceof(Uint8Array);
const flag = z
  .literal(1)
  .optional()
  .transform((value) => value === 1);
const cborMap = z.custom<CborMap>((value) => value instanceof Map);
const oneOf = <T extends string>(names: readonly T[]) =>
  z.number().transform((index, context): T => {
    const name = names[index];
    if (name !== undefined) return name;
    context.addIssue({ code: 'custom', message: 'unknown number' });
    return z.NEVER;
  });
const reuseSchema = z
  .object({
    credentialAgeMs: z.number().optional(),
    subjectAgeMs: z.number().optional(),
    uses: z.number(),
    step: z.number().optional(),
    nobodyBetween: flag,
    elsewhereAgeS: z.number().optional(),
    elsewhereUses: z.number().default(0),
    elsewhereStepUsed: flag,
  })
  .transform(({ elsewhereAgeS: ageS, elsewhereUses: uses, elsewhereStepUsed: stepUsed, ...own }) => {
    const isSilent = ageS === undefined && uses === 0 && !stepUsed;
    return isSilent ? own : { ...own, elsewhere: { ageS, uses, stepUsed } };
  });
const sliceSchema = z.tuple([z.number(), oneOf(statuses), z.number()], z.number()).transform(([flags, status, fromDay, untilDay]) => ({
  ...{ status, fromDay, untilDay },
  revoked: (flags & REVOKED) !== 0,
  otherSubjectKey: (flags & OTHER_SUBJECT_KEY) !== 0,
}));
const sealedSchema = z.object({
  recordId: bytes.transform(uuidText),
  kioskId: z.string(),
  checkpointId: z.string(),
  eventTimeS: z.number(),
  eventTimeMs: z.number(),
  verdict: oneOf(verdicts),
  reason: z.enum(reasonOrder),
  kid: bytes.transform(toHex).optional(),
  form: oneOf(forms).optional(),
  claims: bytes
    .transform((payload, context) => {
      const claims = parseClaims(payload);
      if (claims.ok) return claims.value;
      context.addIssue({ code: 'custom', message: claims.reason });
      return z.NEVER;
    })
    .optional(),
  direction: z.enum(directions).optional(),
  plate: oneOf(plateChecks).optional(),
  grade: oneOf(stalenessGrades),
  decodeMs: z.number(),
  frames: z.number(),
  area: z.number(),
  trustExpired: flag,
  step: z.number().optional(),
  slice: sliceSchema.optional(),
  reuse: cborMap.transform((map) => reuseSchema.parse(namedFields(map, REUSE))).optional(),
  grades: z
    .tuple([oneOf(stalenessGrades), oneOf(stalenessGrades), oneOf(stalenessGrades)])
    .default(['fresh', 'fresh', 'fresh'])
    .transform(([statuses, revocations, keys]) => ({ statuses, revocations, keys })),
  inside: z.number().optional(),
});

/** The opener's side: reads what `encodeSealedDecision` wrote, and nothing else. */
export function parseSealedDecision(plaintext: Uint8Array): Outcome<SealedDecision, 'sealed-malformed'> {
  const decoded = decodeCbor(plaintext);
  if (!decoded.ok || !isCborMap(decoded.value)) return refuse('sealed-malformed');
  const parsed = sealedSchema.safeParse(namedFields(decoded.value, KEY));
  if (!parsed.success) return refuse('sealed-malformed');
  const { eventTimeS, eventTimeMs, area, trustExpired, grades, inside, step, slice, reuse, ...rest } = parsed.data;
  const inputs = { area, trustExpired, grades, inside, step, slice, reuse: reuse === undefined ? undefined : { ...noReuse, ...reuse } };
  return accept({ ...rest, eventTimeMs: eventTimeS * 1000 + eventTimeMs, inputs });
}

const noReuse = { credentialAgeMs: undefined, subjectAgeMs: undefined, step: undefined };

function namedFields(map: CborMap, keys: Readonly<Record<string, number>>): Record<string, CborValue | undefined> {
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, map.get(key)]));
}
