import { describe, expect, it } from 'vitest';
import { failedGoldenCases } from '../../kiosk/decision/golden.ts';
import { policySchema } from './policy.ts';
import { policyTemplate } from './policy-template.ts';

const header = { version: 1, issuedAt: '2026-01-01T00:00:00Z', expires: '2026-12-01T00:00:00Z', audience: '*' };
const body = (change: Readonly<Record<string, unknown>> = {}) => ({ ...header, ...policyTemplate('checkpoint'), ...change });
const problems = (change: Readonly<Record<string, unknown>>) =>
  policySchema.safeParse(body(change)).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
const staleness = policyTemplate('checkpoint').staleness;

describe('a policy', () => {
  it.each(['checkpoint', 'venue'] as const)('has a template for a %s whose golden cases come out', (profile) => {
    expect(failedGoldenCases(policySchema.parse({ ...header, ...policyTemplate(profile) }))).toEqual([]);
  });

  it('with a field that this version does not know is refused: it may be a restriction', () => {
    expect(problems({ curfew: [] })).toHaveLength(1);
    expect(problems({ access: [{ classes: [1], hour: { from: '06:00', to: '18:00' } }] })).toHaveLength(1);
    expect(problems({ antiPassbackS: { default: 60, byClas: {} } })).toHaveLength(1);
  });

  it.each([
    ['data of more than thirty days', { staleness: { ...staleness, statuses: { ...staleness.statuses, closedS: 31 * 86_400 } } }],
    [
      'revocations of more than thirty days',
      { staleness: { ...staleness, revocations: { ...staleness.revocations, closedS: 31 * 86_400 } } },
    ],
    ['keys of more than 120 days', { staleness: { ...staleness, keys: { ...staleness.keys, closedS: 121 * 86_400 } } }],
    ['grades that rise with age', { staleness: { ...staleness, keys: { ...staleness.keys, amberS: 50 * 86_400 } } }],
    [
      'a class in restricted that amber stops',
      { staleness: { ...staleness, keys: { ...staleness.keys, amberClasses: [5], restrictedClasses: [6] } } },
    ],
    ['F0 as a status that may be left out', { alsoHold: ['F0'] }],
    ['an hour that no clock shows', { curfews: [{ from: '24:30', to: '05:00' }] }],
    ['a class that does not exist', { access: [{ classes: [7] }] }],
    ['a count of people at a checkpoint', { occupancy: { max: 50, stayS: 3_600 } }],
    ['no golden case', { golden: [] }],
    ['golden cases of which all pass', { golden: [1, 2].map((n) => ({ rule: `${n}`, expect: 'ok' })) }],
    ['golden cases of which none passes', { golden: [1, 2].map((n) => ({ rule: `${n}`, revoked: true, expect: 'revoked' })) }],
  ])('cannot allow or hold %s', (_what, change) => {
    expect(problems({})).toEqual([]);
    expect(problems(change)).not.toEqual([]);
  });

  it('says which golden case does not come out', () => {
    const policy = policySchema.parse(
      body({ alsoHold: ['F2'], golden: [...policyTemplate('checkpoint').golden, { rule: 'F2 passes', status: 'F2', expect: 'ok' }] }),
    );
    expect(failedGoldenCases(policy)).toEqual([{ rule: 'F2 passes', expected: 'ok', actual: 'status-hold' }]);
  });

  it('whose case expects a reason that does not exist is not activated', () => {
    const policy = policySchema.parse(
      body({ golden: [...policyTemplate('checkpoint').golden, { rule: 'typo', revoked: true, expect: 'revokd' }] }),
    );
    expect(failedGoldenCases(policy)).toHaveLength(1);
  });
});
