/**
 * Why a code got its verdict, in plain words of both languages: each check with what it compared, in the order in which the
 * decision makes them. Pure; decides by the same functions as the lane.
 */
import type { Claims } from '../../sync/credential/claims.ts';
import type { Credential } from '../../sync/credential/credential.ts';
import { localDayText, localTimeText } from '../../sync/protocol/authority-time.ts';
import { dataClasses } from '../../sync/protocol/golden-case.ts';
import { forClass } from '../../sync/protocol/policy.ts';
import { type Reason, reasons, type Verdict } from '../../sync/protocol/reasons.ts';
import { type CheckName, checkAll, type DecisionContext, decide, type Presented } from './decide.ts';
import type { DataFreshAt } from './staleness.ts';

interface Sentence {
  readonly vi: string;
  readonly en: string;
}

export interface ExplainedStep extends Sentence {
  /** Undefined: not looked at, because an earlier step ended the reading. */
  readonly ok: boolean;
  /** The reason that this step gives by itself. */
  readonly reason: Reason | undefined;
}

export interface Explanation {
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** On the citizen's screen. */
  readonly screenCode: string | undefined;
  readonly meaning: Sentence;
  /** What staff do next; empty after a pass. */
  readonly action: Sentence;
  readonly steps: readonly ExplainedStep[];
}

export function explainDecision(
  presented: Extract<Presented, { kind: 'code' }>,
  context: DecisionContext,
  freshAtMs: DataFreshAt,
): Explanation {
  const { verdict, reason, credential } = decide(presented, context);
  const { vi, en, actionVi, actionEn, code } = reasons[reason];
  return {
    ...{ verdict, reason, screenCode: code },
    meaning: { vi, en },
    action: { vi: actionVi, en: actionEn },
    steps: [...readingSteps(presented, credential, context), ...deciding(presented, context, freshAtMs)],
  };
}

const STAFF: Sentence = { vi: 'Không còn việc gì cần cán bộ xác nhận.', en: 'Nothing is left for staff to settle.' };
const LANES: Sentence = { vi: 'Các làn khác không báo gì.', en: 'Other lanes say nothing of it.' };
const reasonText = (reason: Reason): Sentence => ({ vi: `${reasons[reason].vi}.`, en: `${reasons[reason].en}.` });
const step = (reason: Reason | undefined, sentence: Sentence): ExplainedStep => ({ ok: reason === undefined, reason, ...sentence });

/** What was read off the code itself. */
function readingSteps(
  { read }: Extract<Presented, { kind: 'code' }>,
  credential: Credential | undefined,
  context: DecisionContext,
): ExplainedStep[] {
  const refused = read.ok ? undefined : read.reason;
  if (credential === undefined) return refused === undefined ? [] : [step(refused, reasonText(refused))];
  const { claims, kid, form } = credential;
  const signed = step(undefined, {
    vi: `Chữ ký đúng, khóa ${kid}; ${form === 'app' ? 'mã ứng dụng' : 'mã giấy'}, loại ${className(claims.class).vi}.`,
    en: `The signature holds, key ${kid}; ${form === 'app' ? 'an app code' : 'a paper code'}, class ${className(claims.class).en}.`,
  });
  const validity = step(refused !== undefined && !DECLARATION.includes(refused) ? refused : undefined, validityText(claims));
  const declared = step(refused !== undefined && DECLARATION.includes(refused) ? refused : undefined, declarationText(claims, context));
  const other = refused === undefined || TIMES.includes(refused) ? [] : [step(refused, reasonText(refused))];
  return other.length > 0 ? [signed, ...other] : [signed, validity, declared];
}

const DECLARATION: readonly Reason[] = ['declaration-future', 'declaration-stale'];
const TIMES: readonly Reason[] = [...DECLARATION, 'validity-range', 'not-yet-valid', 'expired'];

function validityText({ notBefore, expiresAt }: Claims): Sentence {
  return {
    vi: `Có hiệu lực từ ${localTimeText(notBefore)} đến ${localTimeText(expiresAt)}.`,
    en: `Valid from ${localTimeText(notBefore)} to ${localTimeText(expiresAt)}.`,
  };
}

function declarationText({ class: credentialClass, declaredAt }: Claims, { policy }: DecisionContext): Sentence {
  const longestS = forClass(policy.declarationAgeS, credentialClass);
  if (longestS === null) return { vi: 'Loại mã này không cần khai báo y tế.', en: 'This class needs no health declaration.' };
  const longest = spanText(longestS);
  return {
    vi: `Khai báo y tế lúc ${localTimeText(declaredAt)}; được tối đa ${longest.vi}.`,
    en: `Health declaration of ${localTimeText(declaredAt)}; may be ${longest.en} old.`,
  };
}

function deciding(presented: Extract<Presented, { kind: 'code' }>, context: DecisionContext, freshAtMs: DataFreshAt): ExplainedStep[] {
  if (!presented.read.ok) return [];
  const { value } = presented.read;
  const facts: Readonly<Record<CheckName, Sentence>> = {
    registry: registryText(presented),
    place: placeText(value.claims, context),
    tags: tagsText(value.claims, presented),
    reuse: reuseText(value.claims, presented, context),
    room: roomText(presented, context),
    surroundings: surroundingsText(context, freshAtMs),
    staff: STAFF,
    lanes: LANES,
  };
  return checkAll(value, presented, context).map(({ name, reason }) => {
    const fact = facts[name];
    if (reason === undefined) return step(undefined, fact);
    const why = reasonText(reason);
    return step(reason, name === 'staff' || name === 'lanes' ? why : { vi: `${fact.vi} ${why.vi}`, en: `${fact.en} ${why.en}` });
  });
}

function registryText({ slice }: Extract<Presented, { kind: 'code' }>): Sentence {
  if (slice === undefined) return { vi: 'Không tra được danh sách.', en: 'The lists could not be asked.' };
  const { revoked, status, fromDay, untilDay, otherSubjectKey } = slice;
  if (otherSubjectKey && status === 'clear') {
    return {
      vi: 'Danh sách: tra bằng khóa bí danh khác nên không thể thấy ai.',
      en: 'Lists: asked under another subject key, which finds nobody.',
    };
  }
  if (status === 'clear') {
    return revoked
      ? { vi: 'Danh sách: mã nằm trong danh sách thu hồi.', en: 'Lists: the code is on the list of revoked ones.' }
      : { vi: 'Danh sách: không bị thu hồi, không có trạng thái.', en: 'Lists: not revoked, nothing on record.' };
  }
  const until = untilDay === undefined ? { vi: 'chưa rõ ngày hết', en: 'no end known' } : same(localDayText(untilDay));
  return {
    vi: `Danh sách: trạng thái ${status} từ ${localDayText(fromDay)} đến ${until.vi}.`,
    en: `Lists: status ${status} from ${localDayText(fromDay)} to ${until.en}.`,
  };
}

function placeText({ areas }: Claims, { area, direction, nowMs }: DecisionContext): Sentence {
  const way = {
    in: { vi: 'chiều vào', en: 'inwards' },
    out: { vi: 'chiều ra', en: 'outwards' },
    both: { vi: 'hai chiều', en: 'both ways' },
  }[direction];
  return {
    vi: `Mã cho khu vực ${areas.join(', ')}; chốt ở khu vực ${area}, ${way.vi}, lúc ${localTimeText(nowMs / 1000)}.`,
    en: `For areas ${areas.join(', ')}; the checkpoint is in ${area}, ${way.en}, at ${localTimeText(nowMs / 1000)}.`,
  };
}

function tagsText({ plateTag, idTag }: Claims, { plate, idDigits }: Extract<Presented, { kind: 'code' }>): Sentence {
  const given = (value: string | undefined, bound: unknown) =>
    bound === undefined
      ? { vi: 'mã không gắn', en: 'not bound' }
      : value === undefined
        ? { vi: 'chưa đưa', en: 'none given' }
        : { vi: 'đã so', en: 'compared' };
  const [plateGiven, cardGiven] = [given(plate, plateTag), given(idDigits, idTag)];
  return {
    vi: `Biển số: ${plateGiven.vi}; thẻ căn cước: ${cardGiven.vi}.`,
    en: `Plate: ${plateGiven.en}; identity card: ${cardGiven.en}.`,
  };
}

function reuseText(
  { class: credentialClass, maxUses }: Claims,
  { reuse }: Extract<Presented, { kind: 'code' }>,
  { nowMs, policy }: DecisionContext,
): Sentence {
  const window = spanText(forClass(policy.antiPassbackS, credentialClass));
  const lastMs = Math.max(reuse?.credentialPassedAtMs ?? -Infinity, reuse?.subjectPassedAtMs ?? -Infinity);
  const last = lastMs === -Infinity ? { vi: 'chưa qua lần nào', en: 'no pass before' } : ago((nowMs - lastMs) / 1000);
  const uses =
    maxUses === undefined
      ? same('')
      : { vi: ` Đã dùng ${reuse?.uses ?? 0} trong ${maxUses} lượt.`, en: ` ${reuse?.uses ?? 0} of ${maxUses} uses.` };
  return {
    vi: `Lần qua trước ở đây: ${last.vi}; cách nhau ít nhất ${window.vi}.${uses.vi}`,
    en: `Last pass here: ${last.en}; at least ${window.en} apart.${uses.en}`,
  };
}

function roomText({ inside }: Extract<Presented, { kind: 'code' }>, { policy: { occupancy } }: DecisionContext): Sentence {
  if (occupancy === undefined) return { vi: 'Không giới hạn số người.', en: 'The number of people is not limited.' };
  return { vi: `Bên trong ${inside ?? '?'} trong ${occupancy.max} người.`, en: `${inside ?? '?'} of ${occupancy.max} people inside.` };
}

const CLOCK = {
  trusted: same('tin được', 'trusted'),
  confirmed: same('cán bộ xác nhận', 'confirmed by staff'),
  unknown: same('chưa xác nhận', 'not confirmed'),
  untrusted: same('không tin được', 'not to be trusted'),
};
const DATA = { statuses: same('trạng thái', 'statuses'), revocations: same('thu hồi', 'revocations'), keys: same('khóa', 'keys') };
const GRADES = {
  fresh: same('mới', 'fresh'),
  amber: same('hơi cũ', 'amber'),
  restricted: same('hạn chế', 'restricted'),
  closed: same('quá cũ', 'closed'),
};

function surroundingsText({ surroundings: { clock, grades }, nowMs }: DecisionContext, freshAtMs: DataFreshAt): Sentence {
  const data = dataClasses.map((name) => ({ name, grade: GRADES[grades[name]], age: ago((nowMs - freshAtMs[name]) / 1000) }));
  const vi = data.map(({ name, grade, age }) => `${DATA[name].vi} ${grade.vi} (${age.vi})`).join(', ');
  const en = data.map(({ name, grade, age }) => `${DATA[name].en} ${grade.en} (${age.en})`).join(', ');
  return { vi: `Đồng hồ ${CLOCK[clock].vi}; dữ liệu: ${vi}.`, en: `Clock ${CLOCK[clock].en}; data: ${en}.` };
}

const CLASSES: Readonly<Record<number, Sentence>> = {
  1: same('khai báo y tế', 'declaration'),
  2: same('giấy đi đường', 'travel permit'),
  3: same('giao hàng', 'shipper'),
  4: same('phương tiện', 'vehicle'),
  5: same('công vụ', 'duty'),
  6: same('y tế', 'medical'),
};

function className(credentialClass: number): Sentence {
  const { vi, en } = CLASSES[credentialClass] ?? same('?');
  return { vi: `${credentialClass} (${vi})`, en: `${credentialClass} (${en})` };
}

function same(vi: string, en = vi): Sentence {
  return { vi, en };
}

function ago(spanS: number): Sentence {
  const { vi, en } = spanText(Math.abs(spanS));
  return spanS < 0 ? { vi: `${vi} nữa`, en: `${en} ahead` } : { vi: `${vi} trước`, en: `${en} ago` };
}

/** Whole units, the largest that is filled twice, or once without a rest. */
function spanText(spanS: number): Sentence {
  const units = [
    [86_400, 'ngày', 'd'],
    [3_600, 'giờ', 'h'],
    [60, 'phút', 'min'],
  ] as const;
  const unit = units.find(([lengthS]) => spanS >= 2 * lengthS || (spanS === lengthS && spanS > 0));
  if (unit === undefined) return { vi: `${Math.round(spanS)} giây`, en: `${Math.round(spanS)} s` };
  const [lengthS, vi, en] = unit;
  return { vi: `${Math.floor(spanS / lengthS)} ${vi}`, en: `${Math.floor(spanS / lengthS)} ${en}` };
}
