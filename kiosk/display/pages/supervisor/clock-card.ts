/**
 * The card by which staff bring the time while no signed time has arrived: they compare with a watch and confirm, or scan the
 * link to a time code. What they have begun to type is left alone until it was taken.
 */
import { clockText, dateText, localInstantMs, localParts } from '../../../../sync/protocol/authority-time.ts';
import type { StaffMessage, StaffReply } from '../../messages.ts';
import type { SupervisorSnapshot } from '../../supervisor-view.ts';
import { element } from './element.ts';
import { type Language, say, type TextName } from './words.ts';

export interface ClockCardView {
  /** `clock` of the last snapshot, heard so long ago; undefined while there is none that can be believed. */
  show(clock: SupervisorSnapshot['clock'] | undefined, heardMsAgo: number, language: Language): void;
  hear(reply: StaffReply): void;
}

const MINUTE_MS = 60_000;
const parts = ['hour', 'minute', 'day', 'month', 'year'] as const;
type Part = (typeof parts)[number];

const titles = { unknown: 'clockUnknown', untrusted: 'clockUntrusted', confirmed: 'clockConfirmed', trusted: 'clockTitle' } as const;

/** `send` says whether it could. */
export function createClockCard(send: (message: StaffMessage) => boolean): ClockCardView {
  const card = element('clock-card', HTMLDetailsElement);
  const field = (part: Part) => element(`clock-${part}`, HTMLInputElement);
  const fields = { hour: field('hour'), minute: field('minute'), day: field('day'), month: field('month'), year: field('year') };
  let isTouched = false;
  let believedAtMs = 0;
  let believedMs = 0;
  let shownState = '';
  let shownPath = '';
  let language: Language = 'vi';
  let said: StaffReply | undefined;
  const nowMs = () => believedMs + performance.now() - believedAtMs;

  const showReply = () => {
    const reply = element('clock-reply');
    reply.hidden = said === undefined;
    reply.dataset.level = said?.ok === true ? 'good' : 'bad';
    reply.textContent = said === undefined ? '' : language === 'vi' ? said.vi : said.en;
  };
  const answer = (ok: boolean, name: TextName) => {
    said = { ok, vi: say(name, 'vi'), en: say(name, 'en') };
    showReply();
  };
  const fill = () => {
    const texts = localParts(nowMs());
    for (const part of parts) fields[part].value = texts[part];
  };
  const reset = () => {
    isTouched = false;
    fill();
  };

  for (const field of Object.values(fields)) {
    field.addEventListener('input', () => {
      isTouched = true;
    });
    field.addEventListener('focus', () => field.select());
  }
  element('clock-reset').addEventListener('click', () => {
    said = undefined;
    reset();
    showReply();
  });
  element('clock-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const atMs = isTouched ? enteredMs(fields, nowMs()) : Math.round(nowMs());
    if (atMs === undefined) answer(false, 'notADate');
    else if (!send({ kind: 'confirm-time', atMs })) answer(false, 'unsent');
  });

  return {
    show(clock, heardMsAgo, shownLanguage) {
      language = shownLanguage;
      card.hidden = clock?.card === undefined;
      if (clock?.card === undefined) return;
      believedMs = Date.parse(clock.at);
      believedAtMs = performance.now() - heardMsAgo;
      // What somebody is typing into stays open.
      if (clock.state !== shownState) card.open = clock.state !== 'confirmed';
      shownState = clock.state;
      card.dataset.state = clock.state;
      if (!isTouched) fill();
      showWords(clock.state, language);
      element('clock-now').textContent = `${clockText(nowMs())} · ${dateText(nowMs())}`;
      showReply();
      const { link, refused } = clock.card;
      element('clock-code').hidden = link === undefined;
      element('clock-link').textContent = link?.url ?? '';
      if (link !== undefined && link.path !== shownPath) draw(link.path, link.size);
      shownPath = link?.path ?? '';
      const why = element('clock-refused');
      why.hidden = refused === undefined;
      why.textContent = refused === undefined ? '' : language === 'vi' ? refused.vi : refused.en;
    },
    hear(reply) {
      said = reply;
      if (reply.ok) reset();
      showReply();
    },
  };
}

function showWords(state: SupervisorSnapshot['clock']['state'], language: Language): void {
  const put = (id: string, name: TextName) => {
    element(id).textContent = say(name, language);
  };
  put('clock-title', titles[state]);
  put('clock-believed', 'believed');
  put('clock-how', 'how');
  put('clock-confirm', 'confirm');
  put('clock-reset', 'reset');
  put('clock-scan', 'scan');
  for (const part of parts) put(`label-${part}`, part);
}

function draw(path: string, size: number): void {
  const svg = element('clock-qr', SVGSVGElement);
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.querySelector('path')?.setAttribute('d', path);
}

/** Undefined where it is no date. The middle of the minute, unless the kiosk is in that minute already. */
function enteredMs(fields: Record<Part, HTMLInputElement>, nowMs: number): number | undefined {
  const [hour, minute, day, month, year] = parts.map((part) =>
    /^\d{1,4}$/.test(fields[part].value) ? Number(fields[part].value) : Number.NaN,
  );
  if (hour === undefined || minute === undefined || day === undefined || month === undefined || year === undefined) return undefined;
  if (hour > 23 || minute > 59) return undefined;
  const startMs = localInstantMs(year, month, day, hour * 60 + minute);
  if (startMs === undefined) return undefined;
  return nowMs >= startMs && nowMs < startMs + MINUTE_MS ? Math.round(nowMs) : startMs + MINUTE_MS / 2;
}
