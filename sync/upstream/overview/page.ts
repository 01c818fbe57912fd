/** The operator's page: server-made HTML that reloads itself. Pure: every value is escaped here. */
import { AUTHORITY_ZONE, clockText, dateText } from '../../protocol/authority-time.ts';
import { ageBounds, type Grade, gradeAge } from '../../protocol/evidence.ts';
import { nextExpiries } from '../../protocol/expiry.ts';
import type { Overview } from './overview.ts';
import { alarmWords, expiryWords, faultWords } from './words.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.4rem; margin: 0; } h1 small, th small { font-weight: 400; opacity: .7; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
dl div { border: 1px solid #8884; border-radius: .5rem; padding: .75rem 1rem; }
dt { font-size: .85rem; opacity: .75; } dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.alarm { border-color: #c62828; color: #c62828; } .detail { opacity: .75; font-size: .85rem; overflow-wrap: anywhere; }
.banner { padding: .8rem 1rem; margin: 1rem 0; border-radius: .5rem; font-weight: 700; color: #06361c; background: #c7f0da; }
.banner small { display: block; font-weight: 400; } .banner.amber { color: #2a1a00; background: #ffc233; } .banner.red { color: #fff; background: #8f0d22; }
.mark { display: inline-block; min-width: 1.4em; padding: 0 .2em; margin-right: .4em; font-weight: 700; text-align: center; border-radius: .3em; }
.mark.green { color: #fff; background: #146b41; } .mark.amber { color: #2a1a00; background: #ffc233; } .mark.red { color: #fff; background: #8f0d22; }
.mark.silent { border: 2px dashed currentColor; }
/* A page that stays open without being loaded anew turns old by itself, without a script. */
#old { position: fixed; inset: 0 0 auto; z-index: 1; margin: 0; padding: .8rem 1rem; font-weight: 700; color: #fff; background: #8f0d22; visibility: hidden; }
@keyframes old { to { visibility: visible; } } @keyframes grey { to { filter: grayscale(1); opacity: .6; } }
#old { animation: old 1ms linear 20s forwards; } main { animation: grey 1ms linear 20s forwards; }
.wide { overflow-x: auto; } form { float: right; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #8883; }
td:first-child { white-space: nowrap; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } .none { opacity: .7; }
@media (prefers-color-scheme: dark) { .alarm { border-color: #ff8a80; color: #ff8a80; } }`;

type Kiosk = Overview['kiosks'][number];
/** Markup of this file; everything else is a text, and escaped. */
interface Html {
  readonly html: string;
}
type Cell = string | number | Html;

export function overviewPage(overview: Overview): string {
  const { at, counts, checkpoints, kiosks, alarms } = overview;
  const nowMs = Date.parse(at);
  const tiles = [
    tile('Lượt kiểm tra', 'checks', counts.crossings, false),
    tile('Bản ghi', 'records', counts.records, false),
    tile('Đang chờ mở', 'waiting to be opened', counts.batchesWaiting, false),
    tile('Cách ly', 'set aside', counts.quarantined, counts.quarantined > 0),
    tile('Chưa mở được', 'not opened', counts.unprojected, counts.unprojected > 0),
  ];
  return `<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><meta name="viewport" content="width=device-width">
<title>checkpoint-kiosk</title><style>${STYLE}</style></head><body>
<p id="old">Trang này đã cũ, từ ${clockText(nowMs)}: tải lại trang. <span lang="en">This page is old, of ${clockText(nowMs)}: load it again.</span></p>
<form method="post" action="/sign-out"><button>Đăng xuất · sign out</button></form>
<main>
<h1>Trung tâm chốt kiểm soát <small>checkpoint upstream, ${time(nowMs)} ${AUTHORITY_ZONE.vi} · ${AUTHORITY_ZONE.en}</small></h1>
${banner(kiosks, nowMs)}
${diskMark(overview)}
<dl>${tiles.join('')}</dl>
<h2>Chốt hôm nay · Checkpoints today</h2>
${checkpointTable(checkpoints)}
<h2>Máy · Kiosks</h2>
${kioskTable(kiosks, nowMs)}
<h2>Cảnh báo · Alarms</h2>
${alarmTable(alarms)}
</main></body></html>
`;
}

/** Stands above all tiles: what they count is not growing any more. */
function diskMark({ diskFullSinceMs }: Overview): string {
  if (diskFullSinceMs === null) return '';
  const since = time(diskFullSinceMs);
  const vi = `Ổ đĩa của trung tâm đầy từ ${since}: không lưu được gì, hãy giải phóng ổ đĩa.`;
  return `<p class="banner red" role="alert">${vi} <small lang="en">The disk of the centre is full since ${since}: nothing is stored, free some room.</small></p>`;
}

function checkpointTable(checkpoints: Overview['checkpoints']): string {
  return table(
    [
      'Chốt · checkpoint',
      '#Cho qua · pass',
      '#Từ chối · stopped',
      '#Gặp cán bộ · see staff',
      '#Đã ghi nhận · recorded before',
      'Lượt cuối · last',
    ],
    checkpoints.map(({ checkpointId, pass, deny, seeStaff, alreadyRecorded, lastEventAtMs }) => [
      ...[checkpointId, pass, deny, seeStaff, alreadyRecorded],
      time(lastEventAtMs),
    ]),
  );
}

function kioskTable(kiosks: readonly Kiosk[], nowMs: number): string {
  return table(
    [
      'Máy · kiosk',
      'Chốt · checkpoint',
      'Làn · lane',
      'Liên lạc cuối · last seen',
      'Trạng thái · state',
      'Hạn dùng · validity',
      '#Chờ gửi · to send',
      'Phiên bản · version',
    ],
    kiosks.map((kiosk) => [
      ...[kiosk.kioskId, kiosk.checkpointId, kiosk.lane],
      kiosk.seenAtMs === undefined ? 'chưa · never' : `${time(kiosk.seenAtMs)}${agoText(kiosk.seenAgeMs)}`,
      marked(stateOf(kiosk)),
      marked(validityOf(kiosk, nowMs)),
      kiosk.said === undefined ? '' : kiosk.said.queue.waiting,
      kiosk.said === undefined ? '' : kiosk.said.versions.program,
    ]),
  );
}

function alarmTable(alarms: Overview['alarms']): string {
  return table(
    ['Lần cuối · last', 'Cảnh báo · alarm', 'Máy · kiosk', '#Số lần · count'],
    alarms.map(({ lastAtMs, code, kioskId, detail, count }) => {
      const { vi, en } = alarmWords[code];
      const words = `${escapeHtml(vi)} · <span lang="en">${escapeHtml(en)}</span>`;
      const more = `<details class="detail"><summary>chi tiết kỹ thuật · technical detail</summary>${escapeHtml(`${code} ${detail}`)}</details>`;
      return [time(lastAtMs), { html: words + more }, kioskId, count];
    }),
  );
}

type Mark = Grade | 'silent';
interface Said {
  readonly mark: Mark | undefined;
  readonly text: string;
}

const ICONS: Readonly<Record<Mark, string>> = { green: '✓', amber: '!', red: '✕', silent: '?' };

/** A kiosk that has missed two heartbeats says nothing about now. */
function stateOf({ revokedAtMs, said, saidAgeMs, grade }: Kiosk): Said {
  if (revokedAtMs !== undefined) return { mark: undefined, text: `thu hồi · revoked ${time(revokedAtMs)}` };
  if (said === undefined) return { mark: 'silent', text: 'chưa báo lần nào · nothing heard yet' };
  if (grade !== 'green') return { mark: 'silent', text: `im lặng từ · silent since ${time(said.atMs)}${agoText(saidAgeMs)}` };
  if (said.fault !== undefined) {
    const { vi, en } = faultWords(said.fault);
    return { mark: 'red', text: `làn đóng: ${vi} · lane closed: ${en}` };
  }
  if (said.listsRefused !== undefined) {
    const { vi, en } = faultWords(said.listsRefused);
    return { mark: 'amber', text: `làn mở, không nhận danh sách mới: ${vi} · lane open, takes no newer list: ${en}` };
  }
  // Of an earlier build: it does not say when its feed was answered.
  const late = said.answered === undefined ? 'green' : gradeAge(said.answered.feed, ageBounds.feed);
  return late === 'green'
    ? { mark: 'green', text: 'làn mở · lane open' }
    : { mark: 'amber', text: 'làn mở, tin khẩn đến chậm · lane open, urgent news late' };
}

/** Of a silent kiosk what it said last: a date that nears is one all the same, and nothing of it is green. */
function validityOf({ said, grade, revokedAtMs }: Kiosk, nowMs: number): Said {
  const [first] = revokedAtMs === undefined ? nextExpiries(said?.expiresAtMs ?? {}, nowMs) : [];
  if (first === undefined) return { mark: undefined, text: '' };
  const { vi, en } = expiryWords[first.name];
  const text = first.days < 0 ? `${vi} đã hết hạn · ${en} has run out` : `${vi} còn ${first.days} ngày · ${en} ${first.days} days left`;
  return { mark: first.grade === 'green' && grade !== 'green' ? 'silent' : first.grade, text };
}

/** One sentence first: what is wrong, and how many still work. */
function banner(kiosks: readonly Kiosk[], nowMs: number): string {
  const inUse = kiosks.filter(({ revokedAtMs }) => revokedAtMs === undefined);
  const count = (mark: Mark) => inUse.filter((kiosk) => stateOf(kiosk).mark === mark).length;
  const [open, closed, silent] = [count('green'), count('red'), count('silent')];
  const refusing = inUse.filter((kiosk) => stateOf(kiosk).mark === 'amber' && kiosk.said?.listsRefused !== undefined).length;
  const late = count('amber') - refusing;
  const ending = inUse.filter((kiosk) => ['amber', 'red'].includes(validityOf(kiosk, nowMs).mark ?? '')).length;
  const parts = [
    ...(silent === 0 ? [] : [{ vi: `${silent} máy im lặng`, en: `${silent} silent` }]),
    ...(closed === 0 ? [] : [{ vi: `${closed} làn đóng`, en: `${closed} closed` }]),
    ...(refusing === 0
      ? []
      : [{ vi: `${refusing} làn mở nhưng không nhận danh sách mới`, en: `${refusing} open and taking no newer list` }]),
    ...(late === 0 ? [] : [{ vi: `${late} làn mở nhưng tin khẩn đến chậm`, en: `${late} open with urgent news late` }]),
    ...(ending === 0 ? [] : [{ vi: `${ending} máy sắp hết hạn dùng`, en: `${ending} about to run out of validity` }]),
    { vi: `${open} làn mở và được nghe đều`, en: `${open} open and heard regularly` },
  ];
  const grade: Grade = inUse.length === 0 || silent + closed > 0 ? 'red' : refusing + late + ending > 0 ? 'amber' : 'green';
  const words = inUse.length === 0 ? [{ vi: 'Chưa có máy nào', en: 'No kiosk yet' }] : parts;
  const sentence = (language: 'vi' | 'en') => escapeHtml(`${words.map((part) => part[language]).join('; ')}.`);
  return `<p class="banner ${inUse.length === 0 ? 'amber' : grade}">${sentence('vi')} <small lang="en">${sentence('en')}</small></p>`;
}

function marked({ mark, text }: Said): Html {
  const sign = mark === undefined ? '' : `<span class="mark ${mark}" aria-hidden="true">${ICONS[mark]}</span>`;
  return { html: sign + escapeHtml(text) };
}

function agoText(ageMs: number | undefined): string {
  if (ageMs === undefined) return '';
  const [minutes, hours] = [Math.floor(ageMs / 60_000), Math.floor(ageMs / 3_600_000)];
  if (minutes < 1) return ', vừa xong · just now';
  return hours < 2 ? `, ${minutes} phút trước · ${minutes} min ago` : `, ${hours} giờ trước · ${hours} h ago`;
}

function tile(vi: string, en: string, value: number, isAlarm: boolean): string {
  return `<div${isAlarm ? ' class="alarm"' : ''}><dt>${vi} <small>${en}</small></dt><dd>${value.toLocaleString('vi-VN')}</dd></div>`;
}

/** A header that begins with # heads a column of numbers. */
function table(headers: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return '<p class="none">Không có · none</p>';
  const head = headers.map((text) => `<th${text.startsWith('#') ? ' class="number"' : ''}>${escapeHtml(text.replace(/^#/, ''))}</th>`);
  const cell = (value: Cell) => {
    if (typeof value === 'number') return `<td class="number">${value.toLocaleString('vi-VN')}</td>`;
    return `<td>${typeof value === 'string' ? escapeHtml(value) : value.html}</td>`;
  };
  return `<div class="wide"><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('')}</tbody></table></div>`;
}

function time(unixMs: number): string {
  return `${clockText(unixMs)} ${dateText(unixMs)}`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
