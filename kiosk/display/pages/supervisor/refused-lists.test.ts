import { expect, it } from 'vitest';
import { faults } from '../../../../config/faults.ts';
import { quietSnapshot } from '../../../../fixtures/supervisor-snapshot.ts';
import { listsRefused } from '../../../registry/lists-refused.ts';
import { bannerOf } from './banner.ts';
import { tilesOf } from './tiles.ts';

it('says on the tile of the list and in the banner that a newer list is not taken, and what to do', () => {
  const quiet = quietSnapshot();
  const refused = faults['store-mismatch'];
  const snapshot = { ...quiet, slice: { ...quiet.slice, refused }, grades: { ...quiet.grades, slice: 'amber' as const } };
  for (const [language, summary, action] of [
    ['vi', refused.summaryVi, refused.actionVi],
    ['en', refused.summary, refused.action],
  ] as const) {
    const banner = bannerOf({ snapshot, agoMs: 0 }, true, language);
    expect(banner).toEqual({ level: 'amber', text: `O-46: ${summary} ${action}` });
    const tile = tilesOf({ snapshot, agoMs: 0 }, language).find(({ name }) => name === 'slice');
    expect(tile).toMatchObject({ level: 'amber', note: expect.stringContaining(`O-46 ${summary}`) });
  }
  expect(bannerOf({ snapshot: quiet, agoMs: 0 }, true, 'en').level).toBe('green');
});

it('is named by the fault that a loop says, and by no other failure', () => {
  expect(listsRefused('store-mismatch: the slice is of store a', undefined)).toBe('store-mismatch');
  expect(listsRefused(undefined, 'slice-loss: slice 7 has 0 of 9 holds')).toBe('slice-loss');
  expect(listsRefused('HTTP 503: Too much at once', 'connect ECONNREFUSED')).toBeUndefined();
});
