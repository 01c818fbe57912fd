/** Who passes where, when and which way: the rules of access and the curfews of a policy (pure). */

import { localClock } from '../../sync/protocol/authority-time.ts';
import type { Direction } from '../../sync/protocol/golden-case.ts';
import type { AccessRule, Policy } from '../../sync/protocol/policy.ts';
import type { Reason } from '../../sync/protocol/reasons.ts';

export interface Crossing {
  readonly credentialClass: number;
  /** Area code of the checkpoint. */
  readonly area: number;
  /** Of the lane; `both`: nobody knows, so that both must be allowed. */
  readonly direction: Direction;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

type Way = 'in' | 'out';

/** What no rule of access allows, named by how far the best rule came; undefined where one admits. */
export function accessReason(crossing: Crossing, policy: Policy): Reason | undefined {
  const ways: readonly Way[] = crossing.direction === 'both' ? ['in', 'out'] : [crossing.direction];
  for (const way of ways) {
    const reason = wayReason(crossing, way, policy);
    if (reason !== undefined) return reason;
  }
  return isCurfew(crossing, policy) ? 'curfew' : undefined;
}

function wayReason(crossing: Crossing, way: Way, { access }: Policy): Reason | undefined {
  const forClass = access.filter(
    ({ areas, classes }) => classes.includes(crossing.credentialClass) && (areas === undefined || areas.includes(crossing.area)),
  );
  if (forClass.length === 0) return 'class-not-permitted';
  const forWay = forClass.filter(({ directions }) => directions === undefined || directions.includes(way));
  if (forWay.length === 0) return 'direction-not-permitted';
  return forWay.some((rule) => isWithin(rule, crossing.nowMs)) ? undefined : 'hours-not-permitted';
}

function isWithin({ days, hours }: AccessRule, nowMs: number): boolean {
  const { weekday, minute } = localClock(nowMs / 1000);
  const { from, to } = hours ?? WHOLE_DAY;
  if (!isInSpan(from, to, minute)) return false;
  if (days === undefined) return true;
  // After midnight the hours of the day before are still running.
  const isOfYesterday = minutes(to) <= minutes(from) && minute < minutes(to);
  return days.includes(isOfYesterday ? ((weekday + 5) % 7) + 1 : weekday);
}

function isCurfew({ credentialClass, area, nowMs }: Crossing, { curfews }: Policy): boolean {
  const { minute } = localClock(nowMs / 1000);
  return curfews.some(
    ({ areas, exceptClasses, from, to }) =>
      (areas === undefined || areas.includes(area)) && !exceptClasses.includes(credentialClass) && isInSpan(from, to, minute),
  );
}

/** Midnight to midnight. */
const WHOLE_DAY = { from: '00:00', to: '00:00' } as const;

function isInSpan(from: string, to: string, minute: number): boolean {
  const [first, end] = [minutes(from), minutes(to)];
  return first < end ? first <= minute && minute < end : minute >= first || minute < end;
}

function minutes(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}
