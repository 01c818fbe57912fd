import { describe, expect, it } from 'vitest';
import { faults } from '../../../config/faults.ts';
import { syncLoops } from '../../protocol/evidence.ts';
import { expiring } from '../../protocol/expiry.ts';
import { countedVerdicts } from '../../protocol/reasons.ts';
import { alarmCodes } from '../store/store.ts';
import type { Overview } from './overview.ts';
import { overviewPage } from './page.ts';

const AT_MS = Date.UTC(2026, 0, 15, 3, 0, 5);
const DAY_MS = 86_400_000;
type Kiosk = Overview['kiosks'][number];
type Heard = NonNullable<Kiosk['said']>;

const said = (change: Partial<Heard> = {}): Heard => ({
  atMs: AT_MS - 60_000,
  fault: undefined,
  queue: { waiting: 3, quarantined: 0 },
  versions: { program: '1.0.0' },
  answered: { push: 100, pull: 100, feed: 5_000, heartbeat: 100 },
  expiresAtMs: { keyring: AT_MS + 80 * DAY_MS, policy: AT_MS + 60 * DAY_MS, slice: AT_MS + 6 * DAY_MS, certificate: AT_MS + 900 * DAY_MS },
  ...change,
});
const kiosk = (change: Partial<Kiosk> = {}): Kiosk => ({
  ...{ kioskId: 'k1', checkpointId: 'c1', lane: '1', enrolledAtMs: 0, seenAtMs: AT_MS - 1_000, revokedAtMs: undefined },
  ...{ said: said(), seenAgeMs: 1_000, saidAgeMs: 60_000, grade: 'green' },
  ...change,
});
const silent = kiosk({ grade: 'red', said: said({ atMs: AT_MS - 3_600_000 }), saidAgeMs: 3_600_000 });
const overview = (kiosks: readonly Kiosk[], alarms: Overview['alarms'] = []): Overview => ({
  ...{ at: new Date(AT_MS).toISOString(), kiosks, alarms },
  ...{ turnedAway: { operator: 0, enrolment: 0 }, logLinesDropped: 0, diskFullSinceMs: null },
  counts: { records: 9, crossings: 7, quarantined: 0, unprojected: 0, batchesWaiting: 0 },
  checkpoints: [{ checkpointId: 'c1', pass: 4, deny: 1, seeStaff: 1, alreadyRecorded: 1, lastEventAtMs: AT_MS - 5_000 }],
});
const page = (...kiosks: Kiosk[]) => overviewPage(overview(kiosks));
/** What a person reads: without style, markup, and what is folded away. */
const visible = (html: string) =>
  html
    .replace(/<style>[\s\S]*?<\/style>|<details[\s\S]*?<\/details>/g, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
const bannerOf = (html: string) => /<p class="banner (\w+)">(.*?)<\/p>/.exec(html)?.slice(1) ?? [];

describe('the overview', () => {
  it('says of a kiosk that takes no newer list why, and does not count it among those that are well', () => {
    const html = page(kiosk({ said: said({ listsRefused: 'slice-loss' }) }));
    expect(bannerOf(html)).toEqual(['amber', expect.stringContaining('1 làn mở nhưng không nhận danh sách mới; 0 làn mở')]);
    expect(visible(html)).toContain('không nhận danh sách mới: O-58');
  });

  it('says above all else since when the disk of the centre is full, and nothing of it while there is room', () => {
    const full = overviewPage({ ...overview([kiosk()]), diskFullSinceMs: AT_MS - 60_000 });
    expect(visible(full)).toContain('Ổ đĩa của trung tâm đầy từ 09:59:05');
    expect(visible(full)).toContain('The disk of the centre is full');
    expect(visible(page(kiosk()))).not.toContain('disk');
  });

  it('has no word of the program where a person reads, in any state of a kiosk and with any alarm', () => {
    const words = [...Object.keys(faults), ...alarmCodes, ...countedVerdicts, ...expiring].filter((word) => word.includes('-'));
    const internal = [...words, ...syncLoops, 'undefined', 'NaN', 'false'];
    const alarms = alarmCodes.map((code) => ({
      code,
      kioskId: 'k1',
      detail: `journal x of ${code}`,
      firstAtMs: 0,
      lastAtMs: AT_MS,
      count: 2,
    }));
    const kiosks = [
      ...[kiosk(), silent, kiosk({ said: undefined, grade: 'red' }), kiosk({ revokedAtMs: AT_MS }), kiosk({ seenAtMs: undefined })],
      ...Object.keys(faults).map((fault) => kiosk({ said: said({ fault }) })),
      ...expiring.map((name) => kiosk({ said: said({ expiresAtMs: { [name]: AT_MS + DAY_MS } }) })),
      kiosk({
        said: said({ fault: 'of-a-newer-build', answered: { push: undefined, pull: undefined, feed: undefined, heartbeat: undefined } }),
      }),
    ];
    const shown = visible(overviewPage(overview(kiosks, alarms)));
    const found = internal.filter((word) => new RegExp(`(?<![\\p{L}\\d.-])${word}(?![\\p{L}\\d-]|\\.\\p{L})`, 'iu').test(shown));
    expect(found).toEqual([]);
  });

  it('says in one sentence what is wrong and how many still work, and is green only when all are heard', () => {
    expect(bannerOf(page(kiosk()))[0]).toBe('green');
    const [level, text] = bannerOf(page(kiosk(), silent, kiosk({ said: said({ fault: 'camera-stalled' }) })));
    expect(level).toBe('red');
    expect(text).toContain('1 máy im lặng; 1 làn đóng; 1 làn mở và được nghe đều.');
    const late = kiosk({ said: said({ answered: { push: 1, pull: 1, feed: 200_000, heartbeat: 1 } }) });
    expect(bannerOf(page(late))).toEqual(['amber', expect.stringContaining('tin khẩn đến chậm')]);
  });

  it('never says of a silent kiosk that its lane is open', () => {
    const shown = visible(page(silent));
    expect(shown).toContain('im lặng từ · silent since 09:00:05 15/01/2026, 60 phút trước');
    expect(shown).not.toContain('làn mở · lane open');
    expect(page(silent)).not.toMatch(/class="mark green"/);
    expect(page(kiosk())).toMatch(/class="mark green"/);
  });

  it.each([
    [22.5, 'green'],
    [20.5, 'amber'],
    [1.5, 'red'],
  ] as const)('marks what runs out in %d days', (days, mark) => {
    const html = page(kiosk({ said: said({ expiresAtMs: { certificate: AT_MS + days * DAY_MS } }) }));
    expect(html).toMatch(new RegExp(`mark ${mark}"[^>]*>.</span>chứng thư của máy còn ${Math.floor(days)} ngày`));
  });

  it('has the time of Viet Nam, labelled, and turns old by itself when it is not loaded anew', () => {
    const html = page(kiosk());
    expect(visible(html)).toContain('10:00:05 15/01/2026 giờ Việt Nam (UTC+7)');
    expect(html).toContain('<p id="old">Trang này đã cũ, từ 10:00:05: tải lại trang.');
    expect(html).toMatch(/#old \{ animation: old 1ms linear 20s forwards; \}/);
  });

  it('counts what was already recorded by itself', () => {
    expect(visible(page(kiosk()))).toMatch(/Đã ghi nhận · recorded before .*c1 4 1 1 1 10:00:00/);
  });
});
