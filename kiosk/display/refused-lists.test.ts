import { expect, it } from 'vitest';
import { faults } from '../../config/faults.ts';
import { quietSnapshot } from '../../fixtures/supervisor-snapshot.ts';
import { bannerOf } from './pages/supervisor/banner.ts';
import { tilesOf } from './pages/supervisor/tiles.ts';

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
