/** Grades of the data that a decision rests on, by its age against trusted time and the ages of the policy (pure). */
import { type DataClass, dataClasses } from '../../sync/protocol/golden-case.ts';
import { type Policy, type StalenessGrade, stalenessGrades } from '../../sync/protocol/policy.ts';

export type DataGrades = Readonly<Record<DataClass, StalenessGrade>>;

/** When each class of data was last known to be current, Unix milliseconds. */
export type DataFreshAt = Readonly<Record<DataClass, number>>;

/** Clocks of upstream and kiosk may differ by so much. */
const FUTURE_S_MAX = 600;

export function gradeData(freshAtMs: DataFreshAt, nowMs: number, policy: Policy): DataGrades {
  const of = (name: DataClass) => gradeOf((nowMs - freshAtMs[name]) / 1000, policy.staleness[name]);
  return { statuses: of('statuses'), revocations: of('revocations'), keys: of('keys') };
}

/** Data from the future is as bad as none. */
function gradeOf(ageS: number, { amberS, restrictedS, closedS }: Policy['staleness'][DataClass]): StalenessGrade {
  if (ageS < -FUTURE_S_MAX || ageS >= closedS) return 'closed';
  if (ageS >= restrictedS) return 'restricted';
  return ageS >= amberS ? 'amber' : 'fresh';
}

/** The grade that screen and record show. */
export function worstGrade(grades: DataGrades): StalenessGrade {
  const place = Math.max(...dataClasses.map((name) => stalenessGrades.indexOf(grades[name])));
  return stalenessGrades[place] ?? 'closed';
}

/** Whether credentials of a class pass on data of these grades. */
export function passesGrades(grades: DataGrades, credentialClass: number, { staleness }: Policy): boolean {
  return dataClasses.every((name) => {
    const { amberClasses, restrictedClasses } = staleness[name];
    const grade = grades[name];
    if (grade === 'fresh') return true;
    if (grade === 'amber') return amberClasses.includes(credentialClass);
    return grade === 'restricted' && restrictedClasses.includes(credentialClass);
  });
}

/** Age to show beside a grade, milliseconds: that of the oldest data which has it. */
export function ageOf(grade: StalenessGrade, grades: DataGrades, freshAtMs: DataFreshAt, nowMs: number): number {
  return nowMs - Math.min(...dataClasses.filter((name) => grades[name] === grade).map((name) => freshAtMs[name]));
}
