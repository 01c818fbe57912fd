/** The supervisor's page: one lane at a glance. What it shows grows old on the page itself: a kiosk that is not heard has no green tile. */
import '@fontsource/be-vietnam-pro/latin-500.css';
import '@fontsource/be-vietnam-pro/latin-800.css';
import '@fontsource/be-vietnam-pro/vietnamese-500.css';
import '@fontsource/be-vietnam-pro/vietnamese-800.css';
import './supervisor.css';
import { AUTHORITY_ZONE, clockText } from '../../../../sync/protocol/authority-time.ts';
import type { StaffMessage, ToSupervisor } from '../../messages.ts';
import type { SupervisorDecision } from '../../supervisor-view.ts';
import { bannerOf } from './banner.ts';
import { createClockCard } from './clock-card.ts';
import { element } from './element.ts';
import { createPlateCard } from './plate-card.ts';
import { decimal } from './spans.ts';
import { type Heard, type Level, PAGE_SILENT_MS, type Tile, tilesOf } from './tiles.ts';
import { type Language, say, type TextName } from './words.ts';

const RECONNECT_MS = 2_000;
const RENDER_MS = 500;

let last: { readonly snapshot: Heard['snapshot']; readonly atMs: number } | undefined;
/** False once the kiosk has refused this browser. */
let isKnown = true;
let language: Language = localStorage.getItem('language') === 'en' ? 'en' : 'vi';
const t = (name: TextName) => say(name, language);
let channel: WebSocket | undefined;
const send = (message: StaffMessage) => {
  if (channel?.readyState !== WebSocket.OPEN) return false;
  channel.send(JSON.stringify(message));
  return true;
};
const clockCard = createClockCard(send);
const plateCard = createPlateCard(send);

const heard = (): Heard | undefined => last && { snapshot: last.snapshot, agoMs: performance.now() - last.atMs };

/** What grows old by itself. */
function renderState(): void {
  const now = heard();
  const isOld = now === undefined || now.agoMs > PAGE_SILENT_MS;
  document.body.classList.toggle('old', isOld);
  const banner = bannerOf(now, isKnown, language);
  const alert = element('alert');
  // Said once: a screen reader would read it again with each change of a second.
  if (alert.textContent !== banner.text) alert.textContent = banner.text;
  alert.dataset.level = banner.level;
  clockCard.show(isOld ? undefined : now.snapshot.clock, now?.agoMs ?? 0, language);
  element('now').textContent = isOld ? '--:--:--' : clockText(Date.parse(now.snapshot.clock.at) + now.agoMs);
  element('zone').textContent = AUTHORITY_ZONE[language];
  if (now !== undefined) element('tiles').replaceChildren(...tilesOf(now, language).map(tile));
}

/** What changes with a word of the kiosk, or with the language. */
function renderRows(): void {
  document.documentElement.lang = language;
  element('language').textContent = language === 'vi' ? 'English' : 'Tiếng Việt';
  element('decisions-title').textContent = t('decisions');
  element('no-decisions').textContent = t('noDecisions');
  const columns: TextName[] = ['time', 'verdict', 'reason', 'action', 'code', 'took', 'shown'];
  element('columns').replaceChildren(...columns.map((name) => cell('th', t(name))));
  const snapshot = last?.snapshot;
  plateCard.show(snapshot?.decisions[0]?.reason === 'plate-unchecked', language);
  element('no-decisions').hidden = snapshot === undefined || snapshot.decisions.length > 0;
  if (snapshot === undefined) return;
  element('place').textContent = `${snapshot.checkpointId} · ${snapshot.lane} · ${snapshot.kioskId}`;
  element('demo').hidden = !snapshot.demo;
  const found = snapshot.lanes?.doubleUses ?? [];
  element('double-use').hidden = found.length === 0;
  element('double-use').textContent = found.map(doubleUseText).join(' ');
  element('decisions').replaceChildren(...snapshot.decisions.map(row));
}

function render(): void {
  renderRows();
  renderState();
}

function doubleUseText({ atMs, lane }: { readonly atMs: number; readonly lane: string }): string {
  return `${t('double-use')} ${lane}, ${clockText(atMs)}.`;
}

const LEVEL_ICONS: Readonly<Record<Level, string>> = { green: '✓', amber: '!', red: '✕', plain: '', unknown: '?' };

function tile({ name, level, value, note }: Tile): HTMLElement {
  const item = document.createElement('li');
  item.dataset.level = level;
  item.dataset.tile = name;
  const label = document.createElement('b');
  label.textContent = t(name);
  const icon = document.createElement('i');
  icon.textContent = LEVEL_ICONS[level];
  icon.ariaHidden = 'true';
  const text = document.createElement('strong');
  text.textContent = value;
  const small = document.createElement('small');
  small.textContent = note;
  item.append(icon, label, text, small);
  return item;
}

const ICONS = { pass: '✓', deny: '✕', 'see-staff': '!', 'already-recorded': '=' } as const;

function row(decision: SupervisorDecision): HTMLElement {
  const line = document.createElement('tr');
  line.dataset.verdict = decision.verdict;
  const isVi = language === 'vi';
  line.append(
    cell('td', clockText(Date.parse(decision.at))),
    cell('td', `${ICONS[decision.verdict]} ${t(decision.verdict)} ${decision.screenCode}`),
    cell('td', isVi ? decision.reasonVi : decision.reasonEn),
    cell('td', isVi ? decision.actionVi : decision.actionEn),
    cell('td', [decision.codeTail === undefined ? '' : `…${decision.codeTail}`, decision.maskedName ?? ''].join(' ').trim()),
    cell('td', `${decimal(decision.readMs / 1000, language, 2)} ${isVi ? 'giây' : 's'}`),
    cell('td', t(decision.painted)),
  );
  return line;
}

function cell(tag: 'td' | 'th', text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function connect(): void {
  const socket = new WebSocket(`ws://${location.host}/supervisor/socket`);
  channel = socket;
  socket.addEventListener('message', ({ data }) => {
    const message: ToSupervisor = JSON.parse(data);
    if (message.kind === 'staff-reply') {
      (message.to === 'plate' ? plateCard : clockCard).hear(message);
    } else {
      isKnown = true;
      last = { snapshot: message, atMs: performance.now() };
    }
    render();
  });
  socket.addEventListener('close', () => {
    window.setTimeout(connect, RECONNECT_MS);
    void tellWhetherKnown();
  });
}

/** A refused socket does not say why it was refused. */
async function tellWhetherKnown(): Promise<void> {
  const status = await fetch('session', { cache: 'no-store' }).then(
    (answer) => answer.status,
    () => undefined,
  );
  if (status !== undefined) isKnown = status !== 403;
  render();
}

element('language').addEventListener('click', () => {
  language = language === 'vi' ? 'en' : 'vi';
  localStorage.setItem('language', language);
  render();
});
// It scrolls by keyboard too.
element('scroll').tabIndex = 0;
window.setInterval(renderState, RENDER_MS);
render();
connect();
