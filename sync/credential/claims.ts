/**
 * The claims of a travel credential (a CWT, RFC 8392, with one private-use claim), both ways.
 * Read only after the signature holds. Rules are declared once in two tables; checks run unknown, missing, type, range,
 * the outer map before the inner.
 */
import { type CborMap, type CborReason, type CborValue, decodeCbor, encodeCbor, isCborArray, isCborMap } from './cbor.ts';
import { accept, type Outcome, refuse } from './outcome.ts';

export const credentialClasses = {
  declaration: 1,
  travelPermit: 2,
  shipper: 3,
  vehicle: 4,
  duty: 5,
  medical: 6,
} as const;

export interface Claims {
  /** Unix seconds; at this second the credential has expired. */
  readonly expiresAt: number;
  /** Unix seconds. */
  readonly notBefore: number;
  /** Credential id, 8 random bytes. */
  readonly cti: Uint8Array;
  /** 1 declaration, 2 travel permit, 3 shipper, 4 vehicle, 5 duty, 6 medical. */
  readonly class: number;
  /** Pseudonym of the person or vehicle, 12 bytes. */
  readonly subject: Uint8Array;
  /** 3 bytes: check value of the key that made the pseudonym; absent: the code does not say which key that was. */
  readonly subjectKeyCheck?: Uint8Array;
  /** 1-16 of `[A-Z *]`, for the officer's screen only. */
  readonly maskedName?: string;
  /** 1-4 area codes, each at most 99999. */
  readonly areas: readonly number[];
  /** 4 bytes; always there for classes 3 and 4. */
  readonly plateTag?: Uint8Array;
  readonly purpose: number;
  /** Unix seconds at which the health declaration was made. */
  readonly declaredAt: number;
  /** Ed25519 public key of the holder's app; its presence makes a static copy worthless. */
  readonly deviceKey?: Uint8Array;
  /** 2 bytes. */
  readonly idTag?: Uint8Array;
  /** 1-99. */
  readonly maxUses?: number;
}

export type ClaimReason = 'claim-unknown' | 'claim-missing' | 'claim-type' | 'claim-range';

/** Length of a pseudonym, and of the check value that may stand behind it. */
const SUBJECT_BYTES = 12;
export const SUBJECT_KEY_CHECK_BYTES = 3;

const KEY = { exp: 4, nbf: 5, cti: 7, cp: -65537 } as const;
const CP = {
  class: 1,
  subject: 2,
  maskedName: 3,
  areas: 4,
  plateTag: 5,
  purpose: 6,
  declaredAt: 7,
  deviceKey: 8,
  idTag: 9,
  maxUses: 10,
  // 11 to 19 are left to the profile: a reader refuses them as unknown.
  /**
   * The pseudonym with the check value of its key behind it, in place of `subject`. One claim instead of two saves the two
   * bytes by which the fullest static code would outgrow what a lane camera reads (262 characters).
   */
  checkedSubject: 20,
} as const;

interface Rule {
  readonly required: boolean;
  readonly isType: (value: CborValue) => boolean;
  readonly isInRange: (value: CborValue) => boolean;
}

const isUint = (value: CborValue) => typeof value === 'number' && value >= 0;
const isBytes = (value: CborValue) => value instanceof Uint8Array;
const always = () => true;

function uint(required: boolean, min = 0, max = 0xffff_ffff): Rule {
  return { required, isType: isUint, isInRange: (value) => typeof value === 'number' && value >= min && value <= max };
}

function bytes(required: boolean, length: number): Rule {
  return { required, isType: isBytes, isInRange: (value) => value instanceof Uint8Array && value.length === length };
}

const OUTER: ReadonlyMap<number, Rule> = new Map([
  [KEY.exp, uint(true)],
  [KEY.nbf, uint(true)],
  [KEY.cti, bytes(true, 8)],
  [KEY.cp, { required: true, isType: isCborMap, isInRange: always }],
]);

const NAME = /^[A-Z *]{1,16}$/;
const AREA_MAX = 99_999;

const INNER: ReadonlyMap<number, Rule> = new Map([
  [CP.class, uint(true, 1, 6)],
  [CP.subject, bytes(true, SUBJECT_BYTES)],
  [
    CP.maskedName,
    { required: false, isType: (value) => typeof value === 'string', isInRange: (value) => typeof value === 'string' && NAME.test(value) },
  ],
  [
    CP.areas,
    {
      required: true,
      isType: (value) => isCborArray(value) && value.every(isUint),
      isInRange: (value) =>
        isCborArray(value) && value.length >= 1 && value.length <= 4 && value.every((area) => typeof area === 'number' && area <= AREA_MAX),
    },
  ],
  [CP.plateTag, bytes(false, 4)],
  [CP.purpose, uint(true)],
  [CP.declaredAt, uint(true)],
  [CP.deviceKey, bytes(false, 32)],
  [CP.idTag, bytes(false, 2)],
  [CP.maxUses, uint(false, 1, 99)],
]);

/** The rules of a code that says which key made its pseudonym: that claim stands in the place of the plain one. */
const INNER_CHECKED: ReadonlyMap<number, Rule> = new Map(
  [...INNER].map(([key, rule]) =>
    key === CP.subject ? [CP.checkedSubject, bytes(true, SUBJECT_BYTES + SUBJECT_KEY_CHECK_BYTES)] : [key, rule],
  ),
);

/** Reads a signed payload. CBOR errors come first, then the claim rules. */
export function parseClaims(payload: Uint8Array): Outcome<Claims, CborReason | ClaimReason> {
  const decoded = decodeCbor(payload);
  if (!decoded.ok) return decoded;
  if (!isCborMap(decoded.value)) return refuse('claim-type');
  const outer = decoded.value;
  const outerFault = firstFault(outer, OUTER, []);
  if (outerFault !== undefined) return refuse(outerFault);
  const inner = outer.get(KEY.cp);
  if (!isCborMap(inner)) return refuse('claim-type');
  const kind = inner.get(CP.class);
  const needsPlate = kind === credentialClasses.shipper || kind === credentialClasses.vehicle;
  const rules = inner.has(CP.checkedSubject) ? INNER_CHECKED : INNER;
  const innerFault = firstFault(inner, rules, needsPlate ? [CP.plateTag] : []);
  return innerFault === undefined ? accept(toClaims(outer, inner)) : refuse(innerFault);
}

function firstFault(map: CborMap, rules: ReadonlyMap<number, Rule>, alsoRequired: readonly number[]): ClaimReason | undefined {
  for (const key of map.keys()) if (!rules.has(key)) return 'claim-unknown';
  for (const [key, rule] of rules) {
    if ((rule.required || alsoRequired.includes(key)) && !map.has(key)) return 'claim-missing';
  }
  for (const [key, value] of map) if (rules.get(key)?.isType(value) !== true) return 'claim-type';
  for (const [key, value] of map) if (rules.get(key)?.isInRange(value) !== true) return 'claim-range';
  return undefined;
}

/** Only called on maps that passed every rule; a mismatch here is a mistake in the tables. */
function toClaims(outer: CborMap, inner: CborMap): Claims {
  const name = inner.get(CP.maskedName);
  const areas = inner.get(CP.areas);
  const plateTag = inner.get(CP.plateTag);
  const deviceKey = inner.get(CP.deviceKey);
  const idTag = inner.get(CP.idTag);
  const maxUses = inner.get(CP.maxUses);
  const checked = inner.get(CP.checkedSubject);
  const subject = asBytes(checked ?? inner.get(CP.subject));
  return {
    expiresAt: asUint(outer.get(KEY.exp)),
    notBefore: asUint(outer.get(KEY.nbf)),
    cti: asBytes(outer.get(KEY.cti)),
    class: asUint(inner.get(CP.class)),
    subject: subject.slice(0, SUBJECT_BYTES),
    areas: isCborArray(areas) ? areas.map(asUint) : [],
    purpose: asUint(inner.get(CP.purpose)),
    declaredAt: asUint(inner.get(CP.declaredAt)),
    ...(typeof name === 'string' && { maskedName: name }),
    ...(plateTag !== undefined && { plateTag: asBytes(plateTag) }),
    ...(deviceKey !== undefined && { deviceKey: asBytes(deviceKey) }),
    ...(idTag !== undefined && { idTag: asBytes(idTag) }),
    ...(maxUses !== undefined && { maxUses: asUint(maxUses) }),
    ...(checked !== undefined && { subjectKeyCheck: subject.slice(SUBJECT_BYTES) }),
  };
}

function asUint(value: CborValue | undefined): number {
  if (typeof value !== 'number') throw new TypeError('claim table and claim reader disagree');
  return value;
}

function asBytes(value: CborValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError('claim table and claim reader disagree');
  return value;
}

function subjectClaim({ subject, subjectKeyCheck }: Claims): [number, CborValue] {
  if (subjectKeyCheck === undefined) return [CP.subject, subject];
  const checked = new Uint8Array(subject.length + subjectKeyCheck.length);
  checked.set(subject);
  checked.set(subjectKeyCheck, subject.length);
  return [CP.checkedSubject, checked];
}

/** Encodes claims as the payload that parseClaims reads. */
export function encodeClaims(claims: Claims): Uint8Array {
  const inner = new Map<number, CborValue>([
    [CP.class, claims.class],
    subjectClaim(claims),
    [CP.areas, claims.areas],
    [CP.purpose, claims.purpose],
    [CP.declaredAt, claims.declaredAt],
  ]);
  if (claims.maskedName !== undefined) inner.set(CP.maskedName, claims.maskedName);
  if (claims.plateTag !== undefined) inner.set(CP.plateTag, claims.plateTag);
  if (claims.deviceKey !== undefined) inner.set(CP.deviceKey, claims.deviceKey);
  if (claims.idTag !== undefined) inner.set(CP.idTag, claims.idTag);
  if (claims.maxUses !== undefined) inner.set(CP.maxUses, claims.maxUses);
  return encodeCbor(
    new Map<number, CborValue>([
      [KEY.exp, claims.expiresAt],
      [KEY.nbf, claims.notBefore],
      [KEY.cti, claims.cti],
      [KEY.cp, inner],
    ]),
  );
}
