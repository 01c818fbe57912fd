/** The supervisor's page: one lane at a glance. Old numbers are marked as old; a frozen picture is never shown as live. */
import '@fontsource/be-vietnam-pro/latin-500.css';
import '@fontsource/be-vietnam-pro/latin-800.css';
import '@fontsource/be-vietnam-pro/vietnamese-500.css';
import '@fontsource/be-vietnam-pro/vietnamese-800.css';
import './supervisor.css';
import { AUTHORITY_ZONE, clockText } from '../../../../sync/protocol/authority-time.ts';
import type { StaffMessage, ToSupervisor } from '../../messages.ts';
import type { SupervisorDecision, SupervisorSnapshot } from '../../supervisor-view.ts';
import { createClockCard } from './clock-card.ts';
import { element } from './element.ts';
import { createPlateCard } from './plate-card.ts';
import { type Language, say, type TextName } from './words.ts';

const OLD_MS = 3_000;
const RECONNECT_MS = 2_000;
const FRAME_OLD_MS = 2_000;

let snapshot: SupervisorSnapshot | undefined;
let heardAt = -Infinity;
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

function render(): void {
  const isOld = performance.now() - heardAt > OLD_MS;
  document.body.classList.toggle('old', isOld);
  document.documentElement.lang = language;
  element('language').textContent = language === 'vi' ? 'English' : 'Tiếng Việt';
  element('zone').textContent = AUTHORITY_ZONE[language];
  element('decisions-title').textContent = t('decisions');
  const columns: TextName[] = ['time', 'verdict', 'reason', 'action', 'code', 'took', 'shown'];
  element('columns').replaceChildren(...columns.map((name) => cell('th', t(name))));
  const alert = element('alert');
  if (isOld || snapshot === undefined) {
    alert.textContent = t('lost');
    alert.dataset.level = 'bad';
  } else {
    const { fault } = snapshot;
    alert.textContent = fault === undefined ? t('open') : `${t('closed')} ${fault.screenCode}: ${faultText(fault)}`;
    alert.dataset.level = fault === undefined ? 'good' : 'bad';
  }
  clockCard.show(isOld ? undefined : snapshot?.clock, performance.now() - heardAt, language);
  plateCard.show(snapshot?.decisions[0]?.reason === 'plate-unchecked', language);
  if (snapshot === undefined) return;
  element('place').textContent = `${snapshot.checkpointId} · ${snapshot.lane} · ${snapshot.kioskId}`;
  element('demo').hidden = !snapshot.demo;
  element('chips').replaceChildren(...chips(snapshot));
  const found = snapshot.lanes?.doubleUses ?? [];
  element('double-use').hidden = found.length === 0;
  element('double-use').textContent = found.map(doubleUseText).join(' ');
  element('decisions').replaceChildren(...snapshot.decisions.map(row));
}

function faultText({ summary, action, summaryVi, actionVi }: NonNullable<SupervisorSnapshot['fault']>): string {
  return language === 'vi' ? `${summaryVi} ${actionVi}` : `${summary} ${action}`;
}

function chips({
  camera,
  screen,
  clock,
  slice,
  journal,
  upstream,
  lanes,
  counts,
  readMsP50,
  readMsP95,
}: SupervisorSnapshot): HTMLElement[] {
  const isLive = camera.state === 'live' && camera.frameAgeMs < FRAME_OLD_MS;
  const age = Number.isFinite(camera.frameAgeMs) ? `${Math.round(camera.frameAgeMs)} ms` : '—';
  const grade = slice.grade === undefined ? '?' : t(GRADES[slice.grade]);
  const sliceText = slice.ageMinutes === undefined ? '—' : `v${slice.version ?? '?'} · ${slice.ageMinutes} ${t('minutes')} · ${grade}`;
  const read = readMsP50 === undefined ? '—' : `${Math.round(readMsP50)} / ${Math.round(readMsP95 ?? readMsP50)} ms`;
  return [
    chip('camera', `${camera.state} · ${camera.frameRateHz.toFixed(1)} fps · ${age}`, isLive),
    ...(camera.picture === undefined ? [] : [chip('picture', pictureText(camera.picture), camera.state !== 'down')]),
    chip('screen', `${screen.connected ? t('connected') : t('missing')} · ${screen.state}`, screen.connected),
    chip('clock', `${t(clock.state)} · ${clockText(Date.parse(clock.at))}`, clock.state !== 'untrusted'),
    chip('slice', sliceText, slice.grade === 'fresh'),
    ...(slice.grades === undefined || slice.grade === 'fresh' ? [] : [chip('gradesOf', gradesText(slice.grades), false)]),
    chip('journal', `${journal.records} ${t('records')} · ${journal.unacknowledged} ${t('waiting')}`, true),
    chip('upstream', t(upstream), upstream === 'reached'),
    ...(lanes === undefined
      ? []
      : [chip('lanes', `${lanes.connected} / ${lanes.listed} ${t('connected-lanes')}`, lanes.connected === lanes.listed)]),
    chip('today', `✓ ${counts.pass} · ✕ ${counts.deny} · ! ${counts.seeStaff} · = ${counts.alreadyRecorded}`, true),
    chip('read', read, true),
  ];
}

function gradesText({ statuses, revocations, keys }: NonNullable<SupervisorSnapshot['slice']['grades']>): string {
  return [statuses, revocations, keys].map((grade) => t(GRADES[grade])).join(' / ');
}

function doubleUseText({ atMs, lane }: { readonly atMs: number; readonly lane: string }): string {
  return `${t('double-use')} ${lane}, ${clockText(atMs)}.`;
}

function pictureText({ level, detail }: NonNullable<SupervisorSnapshot['camera']['picture']>): string {
  return `${t('brightness')} ${Math.round((level / 255) * 100)} % · ${t('detail')} ${(detail * 100).toFixed(1)}`;
}

function chip(name: TextName, text: string, isGood: boolean): HTMLElement {
  const item = document.createElement('li');
  item.dataset.level = isGood ? 'good' : 'bad';
  const label = document.createElement('b');
  label.textContent = t(name);
  item.append(label, text);
  return item;
}

const GRADES = { fresh: 'fresh', amber: 'amber', restricted: 'restricted', closed: 'stale' } as const;
const ICONS = { pass: '✓', deny: '✕', 'see-staff': '!', 'already-recorded': '=' } as const;

function row(decision: SupervisorDecision): HTMLElement {
  const line = document.createElement('tr');
  line.dataset.verdict = decision.verdict;
  const isVi = language === 'vi';
  line.append(
    cell('td', clockText(Date.parse(decision.at))),
    cell('td', `${ICONS[decision.verdict]} ${t(decision.verdict)} ${decision.screenCode}`),
    cell('td', `${isVi ? decision.reasonVi : decision.reasonEn} (${decision.reason})`),
    cell('td', isVi ? decision.actionVi : decision.actionEn),
    cell('td', [decision.codeTail === undefined ? '' : `…${decision.codeTail}`, decision.maskedName ?? ''].join(' ').trim()),
    cell('td', `${Math.round(decision.readMs)} ms`),
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
      heardAt = performance.now();
      snapshot = message;
    }
    render();
  });
  socket.addEventListener('close', () => window.setTimeout(connect, RECONNECT_MS));
}

element('language').addEventListener('click', () => {
  language = language === 'vi' ? 'en' : 'vi';
  localStorage.setItem('language', language);
  render();
});
window.setInterval(render, 1_000);
render();
connect();
