import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeClock, nodeRandom } from '../config/host/node-host.ts';
import { silentLog } from '../config/ports/log.ts';
import { openBrowser } from '../fixtures/browser.ts';
import { type CheckpointParts, openCheckpointParts } from '../fixtures/test-checkpoint.ts';
import { describeWith } from '../fixtures/tools.ts';
import { idTag, plateTag } from '../sync/protocol/tags.ts';
import { type Checkpoint, startCheckpoint } from './checkpoint.ts';
import { createKioskTime } from './decision/kiosk-time.ts';
import { noPlateSource } from './decision/plate-source.ts';
import type { CodeSource, Sighting } from './decode/code-source.ts';
import { type Display, openDisplay } from './display/display.ts';

const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
const POLICY = { paperClasses: [1, 2, 3, 4, 5], plateUnchecked: 'see-staff', antiPassbackS: { default: 600, byClass: {} }, repeatS: 0 };
const REASONS = ['status-hold', 'anti-passback', 'paper-needs-staff', 'plate-unchecked', 'id-mismatch'] as const;
type HeldReason = (typeof REASONS)[number];
const ROUNDS = 3;
/** A bystander with a stop watch. */
const DIFFERENCE_MS_MAX = 50;

/** What the page did about one result: its picture as markup, its sounds, and when. */
interface Seen {
  readonly html: string;
  readonly notes: readonly string[];
  readonly shownMs: number;
  readonly dwellMs: number;
}

/** In the page: each state with its markup and time, and each note that is played. */
function recordPage(): void {
  const log: { kind: string; at: number; text: string }[] = [];
  Object.assign(window, { seen: log });
  const schedule = AudioParam.prototype.setValueAtTime;
  AudioParam.prototype.setValueAtTime = function patched(value, time) {
    log.push({ kind: 'note', at: Date.now(), text: `${value}` });
    return schedule.call(this, value, time);
  };
  addEventListener('DOMContentLoaded', () => {
    const screen = document.querySelector<HTMLElement>('#screen');
    if (screen === null) throw new Error('no screen');
    const note = () => log.push({ kind: screen.dataset.state ?? '', at: Date.now(), text: screen.outerHTML });
    new MutationObserver(note).observe(screen, { attributes: true, attributeFilter: ['data-state'] });
  });
}

describeWith(['chromium'], 'a held person on the screen of a citizen', () => {
  let browser: Browser;
  let page: Page;
  let parts: CheckpointParts;
  let display: Display;
  let checkpoint: Checkpoint;
  const decided: string[] = [];
  let give: ((sighting: Sighting | undefined) => void) | undefined;
  const source: CodeSource = {
    next: () =>
      new Promise((resolve) => {
        give = resolve;
      }),
    health: () => ({ state: 'live', fault: undefined, ageMs: 10, frameRateHz: 15, restarts: 0 }),
    close: async () => give?.(undefined),
  };

  beforeAll(async () => {
    browser = await openBrowser(['--autoplay-policy=no-user-gesture-required']);
    parts = openCheckpointParts(host, 0, POLICY);
    const guide = { x: 0, y: 0, width: 1, height: 1 };
    display = await openDisplay(
      { port: 0, tokenDir: parts.folder, sessions: { read: () => [], write: () => undefined }, guide, required: true },
      host,
    );
    const { registry, journal } = parts;
    const time = createKioskTime(host.clock, { read: () => 0, write: () => undefined });
    checkpoint = startCheckpoint(
      { source, registry, journal, signal: display, plates: noPlateSource, time, isRevoked: () => false },
      { area: 79, direction: 'in' },
      { onDecision: ({ decision }) => void decided.push(decision.reason) },
      host,
    );
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await page.addInitScript(recordPage);
    await page.goto(display.enterUrl('citizen'));
  });
  afterAll(async () => {
    await page.context().close();
    await checkpoint.stop();
    await display.close();
    parts.close();
    await browser.close();
  });

  const look = async (text: string | undefined) => {
    const place = { x: 0.5, y: 0.5, size: 0.4 };
    const symbols = text === undefined ? [] : [{ text, insideGuide: true, place, quad: undefined, whole: true, sure: true }];
    give?.({ arrivedAtMs: host.clock.monotonicMs(), generation: 1, symbols, decodeMs: 5, frame: undefined });
    await new Promise((resolve) => setTimeout(resolve, 66));
  };
  const rest = async (forMs: number) => {
    for (const untilMs = host.clock.monotonicMs() + forMs; host.clock.monotonicMs() < untilMs; ) await look(undefined);
  };
  const log = () => page.evaluate((): { kind: string; at: number; text: string }[] => Reflect.get(window, 'seen'));

  /** Shows a code as long as it takes to be decided, and waits until the screen rests again. */
  const show = async (text: string): Promise<Seen> => {
    await rest(1_500);
    const before = (await log()).length;
    const from = Date.now();
    const count = decided.length;
    while (decided.length === count && Date.now() - from < 3_000) await look(text);
    const recent = async () => (await log()).slice(before);
    await expect.poll(async () => (await recent()).some(({ kind }) => kind === 'idle'), { timeout: 30_000 }).toBe(true);
    const seen = await recent();
    const result = seen.find(({ kind }) => kind !== 'note' && kind !== 'reading' && kind !== 'idle');
    const end = seen.find(({ kind, at }) => kind === 'idle' && at >= (result?.at ?? 0));
    if (result === undefined || end === undefined) throw new Error(`no result: ${seen.map(({ kind }) => kind).join()}`);
    const notes = seen.filter(({ kind }) => kind === 'note').map(({ text: value }) => value);
    return { html: result.text, notes, shownMs: result.at - from, dwellMs: end.at - result.at };
  };

  const bring = async (reason: HeldReason): Promise<Seen> => {
    const { kit } = parts;
    switch (reason) {
      case 'status-hold':
        return show(kit.cases.find((person) => person.case === 'held')?.text ?? '');
      case 'anti-passback': {
        const subject = nodeRandom.bytes(12);
        await show(kit.issue(() => ({ subject })));
        return show(kit.issue(() => ({ subject })));
      }
      case 'paper-needs-staff':
        return show(kit.issue(() => ({ class: 6 })));
      case 'plate-unchecked':
        return show(kit.issue((cti) => ({ class: 3, plateTag: plateTag(cti, '59C112345') })));
      case 'id-mismatch': {
        const from = decided.length;
        while (decided.length === from) await look('079090999999||A B|01011990|Nam|C|10052021');
        return show(kit.issue((cti) => ({ idTag: idTag(cti, '079090123456') })));
      }
    }
  };

  it('looks, sounds, comes and goes like four unrelated reasons', async () => {
    await expect.poll(() => checkpoint.fault(), { timeout: 10_000 }).toBeUndefined();
    const seen = new Map<HeldReason, Seen[]>(REASONS.map((reason) => [reason, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const reason of REASONS) {
        seen.get(reason)?.push(await bring(reason));
        expect(decided.at(-1)).toBe(reason);
      }
    }
    const of = (reason: HeldReason) => seen.get(reason) ?? [];
    const held = of('status-hold');
    expect(held[0]?.notes.filter((note) => note === '440')).toHaveLength(3);
    for (const reason of REASONS) {
      for (const one of of(reason)) {
        expect(one.html, reason).toBe(held[0]?.html);
        expect(one.notes, reason).toEqual(held[0]?.notes);
      }
      for (const figure of ['shownMs', 'dwellMs'] as const) {
        const difference = median(of(reason).map((one) => one[figure])) - median(held.map((one) => one[figure]));
        expect(Math.abs(difference), `${figure} of ${reason}`).toBeLessThanOrEqual(DIFFERENCE_MS_MAX);
      }
    }
  }, 300_000);
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
