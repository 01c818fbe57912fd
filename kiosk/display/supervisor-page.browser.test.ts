/** The supervisor's page in Chromium: what it says in every state, in whose time, and what is left of it when the kiosk is silent. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FaultCode, faults } from '../../config/faults.ts';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { every } from '../../config/ports/clock.ts';
import { silentLog } from '../../config/ports/log.ts';
import { openBrowser } from '../../fixtures/browser.ts';
import { decisionRow, quietSnapshot, SNAPSHOT_AT_MS } from '../../fixtures/supervisor-snapshot.ts';
import { describeWith } from '../../fixtures/tools.ts';
import { syncLoops } from '../../sync/protocol/evidence.ts';
import { expiring } from '../../sync/protocol/expiry.ts';
import { stalenessGrades } from '../../sync/protocol/policy.ts';
import { countedVerdict, countedVerdicts, reasonOrder, reasons } from '../../sync/protocol/reasons.ts';
import { clockStates } from '../../sync/protocol/records.ts';
import { citizenStates } from '../decision/citizen-view.ts';
import { type Display, openDisplay } from './display.ts';
import type { SupervisorSnapshot } from './supervisor-view.ts';

const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
const WAIT = { timeout: 10_000 };
const DAY_MS = 86_400_000;
const cameraStates = ['starting', 'live', 'degraded', 'down'] as const;
const outcomes = ['painted', 'unpainted', 'superseded', 'pending'] as const;
const levels = ['green', 'amber', 'red'] as const;

/** Words of the program. English has some of them too: there only those that are none of its words. */
const internal = [
  ...[...countedVerdicts, ...reasonOrder, ...Object.keys(faults), ...citizenStates, ...clockStates, ...cameraStates],
  ...[...stalenessGrades, ...syncLoops, ...expiring, ...outcomes, ...levels, 'fps', 'p50', 'p95'],
];
const noEnglish = [
  'live',
  'idle',
  'degraded',
  'untrusted',
  'painted',
  'unpainted',
  'superseded',
  ...syncLoops,
  'slice',
  'keyring',
  'fps',
  'p50',
  'p95',
];

function wordsIn(shown: string, words: readonly string[]): string[] {
  // Commands to type are quoted as they are.
  const text = shown.replace(/`[^`]*`/g, '');
  const found = words.filter((word) => new RegExp(`(?<![\\p{L}\\d.-])${word}(?![\\p{L}\\d-]|\\.\\p{L})`, 'iu').test(text));
  return [...new Set([...found, ...(text.match(/\bv\d{3,}\b/g) ?? [])])];
}

describeWith(['chromium'], "the supervisor's page in Chromium", () => {
  let browser: Browser;
  let display: Display;
  let folder: string;
  let page: Page;
  let stop: (() => void) | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'supervisor-page-'));
    browser = await openBrowser();
    const sessions = { read: () => [], write: () => undefined };
    display = await openDisplay({ port: 0, tokenDir: folder, sessions, guide: { x: 0, y: 0, width: 1, height: 1 }, required: true }, host);
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, timezoneId: 'America/New_York', locale: 'en-US' });
    page = await context.newPage();
    await page.goto(display.enterUrl('supervisor'));
  });
  afterAll(async () => {
    stop?.();
    await browser.close();
    await display.close();
    rmSync(folder, { recursive: true, force: true });
  });

  let number = 0;
  /** Says it over and over, as a kiosk does, and waits until the page has it. */
  const show = async (change: Partial<SupervisorSnapshot>) => {
    const kioskId = `k${++number}`;
    stop?.();
    const say = () => display.setSupervisor(quietSnapshot({ ...change, kioskId }));
    say();
    stop = every(nodeClock, 300, say);
    await expect.poll(() => page.locator('#place').innerText(), WAIT).toContain(kioskId);
  };
  const text = (id: string) => page.locator(`#${id}`).innerText();
  const visible = () => page.evaluate(() => document.body.innerText);
  const tilesText = () => text('tiles');
  const levelOf = (tile: string) => page.locator(`#tiles li[data-tile="${tile}"]`).getAttribute('data-level');
  const allLevels = () => page.locator('#tiles li').evaluateAll((all) => all.map((one) => one.getAttribute('data-level')));
  const faultOf = (code: FaultCode) => ({ code, ...faults[code] });
  const rows = reasonOrder.map((reason, index) => {
    const { verdict, vi, en, actionVi, actionEn, code } = reasons[reason];
    return decisionRow({
      ...{ verdict: countedVerdict({ verdict, reason }), reason, reasonVi: vi, reasonEn: en, actionVi, actionEn, screenCode: code ?? '' },
      painted: outcomes[index % outcomes.length] ?? 'painted',
    });
  });

  /** All that a kiosk can say of itself. */
  const states = (): Partial<SupervisorSnapshot>[] => {
    const quiet = quietSnapshot();
    const codes = Object.keys(faults).filter((code): code is FaultCode => code in faults);
    const closing = codes.filter((code) => faults[code].screenCode.startsWith('O-'));
    return [
      { decisions: rows },
      ...closing.map((code) => ({ open: false, fault: faultOf(code), grades: { ...quiet.grades, lane: 'red' } as const })),
      ...citizenStates.map((state) => ({ screen: { ...quiet.screen, state } })),
      ...clockStates.map((state) => ({
        clock: { ...quiet.clock, state, signedAgeMs: undefined },
        grades: { ...quiet.grades, lane: 'amber', clock: 'red' } as const,
      })),
      ...cameraStates.map((state) => ({
        camera: { ...quiet.camera, state, frameAgeMs: Number.POSITIVE_INFINITY, picture: undefined },
        grades: { ...quiet.grades, camera: 'amber' } as const,
      })),
      ...stalenessGrades.map((grade) => ({
        slice: { ...quiet.slice, grade, grades: { statuses: grade, revocations: grade, keys: grade } },
        grades: { ...quiet.grades, slice: 'amber' } as const,
      })),
      ...levels.map((level) => ({
        centre: {
          ages: { push: undefined, pull: undefined, feed: undefined, heartbeat: 500_000 },
          grades: { push: level, pull: level, feed: level, heartbeat: level },
          oldestAgeMs: undefined,
        },
        grades: { ...quiet.grades, centre: level },
        expiries: { ...quiet.expiries, policy: SNAPSHOT_AT_MS - DAY_MS, certificate: undefined },
      })),
      {
        lanes: { connected: 1, listed: 2, doubleUses: [{ atMs: SNAPSHOT_AT_MS, lane: '3' }] },
        grades: { ...quiet.grades, lanes: 'amber' } as const,
      },
      { centre: undefined, grades: { ...quiet.grades, centre: undefined }, slice: { ...quiet.slice, listed: undefined, grade: undefined } },
    ];
  };

  it('says nothing in words of the program, in any state and either language', async () => {
    for (const language of ['vi', 'en'] as const) {
      if ((await page.evaluate(() => document.documentElement.lang)) !== language) await page.locator('#language').click();
      for (const state of states()) {
        await show(state);
        const shown = await visible();
        const kebab = internal.filter((word) => word.includes('-'));
        expect({ language, state: state.fault?.code, found: wordsIn(shown, language === 'vi' ? internal : kebab) }).toEqual({
          ...{ language, state: state.fault?.code, found: [] },
        });
        expect(wordsIn(await tilesText(), noEnglish)).toEqual([]);
      }
    }
    await page.locator('#language').click();
  });

  it('has every time in the zone of Viet Nam, and says so, whatever the zone of the browser', async () => {
    const at = '2026-01-14T23:29:23.000Z';
    await show({
      decisions: [decisionRow({ at })],
      clock: { state: 'unknown', at: '2026-01-14T23:29:25.000Z', signedAgeMs: undefined, card: { link: undefined, refused: undefined } },
      lanes: { connected: 2, listed: 2, doubleUses: [{ atMs: Date.parse(at), lane: '3' }] },
    });
    expect(await text('zone')).toBe('giờ Việt Nam (UTC+7)');
    await expect.poll(() => text('now'), WAIT).toMatch(/^06:29:2\d$/);
    expect(await text('clock-now')).toMatch(/^06:29:2\d · 15\/01\/2026$/);
    expect(await text('double-use')).toContain('làn 3, 06:29:23.');
    expect(await page.locator('#decisions td').first().innerText()).toBe('06:29:23');
    const times = (await visible()).match(/\d\d:\d\d:\d\d/g) ?? [];
    expect(times.length).toBeGreaterThan(3);
    expect(times.filter((time) => !time.startsWith('06:29:'))).toEqual([]);
    await page.locator('#language').click();
    expect(await text('zone')).toBe('Vietnam time (UTC+7)');
    expect(await text('double-use')).toBe('A code that passed here also passed at lane 3, 06:29:23.');
    await page.locator('#language').click();
  });

  it('says how many are on the list and how old it is, and the age of the evidence of each tile', async () => {
    await show({});
    await expect.poll(tilesText, WAIT).toContain('1.204 người và xe');
    const shown = await tilesText();
    for (const words of ['31 mã bị thu hồi', 'cập nhật 4 phút trước', 'tin khẩn', 'giờ ký', 'xác nhận', 'hình 0,'])
      expect(shown).toContain(words);
    expect(await text('alert')).toBe('Làn đang mở.');
    expect(await page.locator('#alert').getAttribute('data-level')).toBe('green');
  });

  it('counts what was already recorded by itself', async () => {
    await show({});
    const shown = await page.locator('#tiles li[data-tile="today"]').innerText();
    for (const words of ['✓ 412 qua', '✕ 9 dừng', '! 14 gặp cán bộ', '= 3 đã ghi nhận trước']) expect(shown).toContain(words);
  });

  it('has no green banner over a lane at which nobody can pass', async () => {
    const { grades, clock } = quietSnapshot();
    await show({ clock: { ...clock, state: 'unknown', signedAgeMs: undefined }, grades: { ...grades, lane: 'amber', clock: 'red' } });
    expect(await page.locator('#alert').getAttribute('data-level')).toBe('amber');
    expect(await text('alert')).toMatch(/chưa ai qua được: đồng hồ của máy chưa được xác nhận/);
    expect(await levelOf('clock')).toBe('red');
  });

  it('says of a centre that is away since when, and what still works', async () => {
    const { grades, centre, slice } = quietSnapshot();
    const ages = { push: 9_000, pull: 9_000, feed: 18 * 60_000, heartbeat: 9_000 };
    const loops = { push: 'green', pull: 'green', feed: 'red', heartbeat: 'green' } as const;
    await show({
      grades: { ...grades, centre: 'red' },
      centre: centre && { ...centre, ages, grades: loops },
      slice: { ...slice, ageMs: 20 * 60_000 },
    });
    expect(await text('alert')).toBe('Mất liên lạc với trung tâm đã 18 phút. Làn vẫn kiểm tra bằng danh sách có từ 20 phút.');
    expect(await levelOf('upstream')).toBe('red');
    expect(await page.locator('#tiles li[data-tile="upstream"]').innerText()).toContain('tin khẩn 18 phút trước');
  });

  it.each([
    [22, 'green', 'Làn đang mở.'],
    [21, 'amber', 'Làn đang mở.'],
    [2, 'red', 'Chính sách còn 1 ngày. Làn vẫn kiểm tra; báo trung tâm gia hạn.'],
    [-1, 'red', 'Chính sách đã hết hạn. Làn vẫn kiểm tra; báo trung tâm gia hạn.'],
  ] as const)('warns of what runs out in %i days', async (days, level, banner) => {
    await show({ expiries: { ...quietSnapshot().expiries, policy: SNAPSHOT_AT_MS + days * DAY_MS - 60_000 } });
    await expect.poll(() => levelOf('validity'), WAIT).toBe(level);
    expect(await text('alert')).toBe(banner);
  });

  it('keeps no green tile, and knows nothing, once the kiosk is silent', async () => {
    await show({});
    expect(await allLevels()).toContain('green');
    stop?.();
    await expect.poll(allLevels, WAIT).not.toContain('green');
    expect(new Set(await allLevels())).toEqual(new Set(['unknown']));
    expect(await tilesText()).toContain('không biết');
    expect(await page.locator('#alert').getAttribute('data-level')).toBe('red');
    expect(await text('alert')).toMatch(/^Không nghe được máy làn đã \d/);
    expect(await text('now')).toBe('--:--:--');
    await show({});
    await expect.poll(() => levelOf('camera'), WAIT).toBe('green');
  });

  it('fits its windows and has no serious accessibility fault, fresh and silent', async () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const faultsFound = async () => {
      await page.evaluate(axe);
      return page.evaluate(
        'axe.run().then(({ violations }) => violations.filter(({ impact }) => /serious|critical/.test(impact)).map(({ id }) => id))',
      );
    };
    const { grades } = quietSnapshot();
    for (const [width, height] of [
      [1280, 800],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      await show({ decisions: rows, grades: { ...grades, camera: 'amber', clock: 'red' } });
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await faultsFound()).toEqual([]);
    }
    stop?.();
    await expect.poll(allLevels, WAIT).not.toContain('green');
    expect(await faultsFound()).toEqual([]);
  });

  it('says how to get in again once its session was ended', async () => {
    await show({});
    const url = display.enterUrl('supervisor');
    const stranger = await browser.newContext();
    await (await stranger.newPage()).goto(url);
    const thief = await browser.newContext();
    await (await thief.newPage()).goto(url);
    await expect.poll(() => text('alert'), WAIT).toContain('không nhận trình duyệt này (O-94)');
    expect(await text('alert')).toContain('display/supervisor.token');
    await Promise.all([stranger.close(), thief.close()]);
  });
});
