/** The operator's page: server-made HTML that reloads itself. Pure: every value is escaped here. */
import { AUTHORITY_ZONE, clockText, dateText } from '../../protocol/authority-time.ts';
import type { Overview } from './overview.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.4rem; margin: 0; } h1 small, th small { font-weight: 400; opacity: .7; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
dl div { border: 1px solid #8884; border-radius: .5rem; padding: .75rem 1rem; }
dt { font-size: .85rem; opacity: .75; } dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.alarm { border-color: #c62828; color: #c62828; }
.wide { overflow-x: auto; } form { float: right; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #8883; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } .none { opacity: .7; }
@media (prefers-color-scheme: dark) { .alarm { border-color: #ff8a80; color: #ff8a80; } }`;

export function overviewPage({ at, counts, checkpoints, kiosks, alarms }: Overview): string {
  const tiles = [
    tile('Lượt qua', 'crossings', counts.crossings, false),
    tile('Bản ghi', 'records', counts.records, false),
    tile('Đang chờ', 'batches waiting', counts.batchesWaiting, false),
    tile('Cách ly', 'quarantined', counts.quarantined, counts.quarantined > 0),
    tile('Chưa mở được', 'not opened', counts.unprojected, counts.unprojected > 0),
  ];
  return `<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><meta name="viewport" content="width=device-width">
<title>checkpoint-kiosk</title><style>${STYLE}</style></head><body>
<form method="post" action="/sign-out"><button>Đăng xuất · sign out</button></form>
<h1>Trung tâm chốt kiểm soát <small>checkpoint upstream, ${time(Date.parse(at))} ${AUTHORITY_ZONE.vi} · ${AUTHORITY_ZONE.en}</small></h1>
<dl>${tiles.join('')}</dl>
<h2>Chốt hôm nay · Checkpoints today</h2>
${table(
  [
    'Chốt · checkpoint',
    '#Cho qua · pass',
    '#Từ chối · deny',
    '#Gặp cán bộ · see staff',
    '#Đã ghi nhận · already recorded',
    'Lượt cuối · last',
  ],
  checkpoints.map(({ checkpointId, pass, deny, seeStaff, alreadyRecorded, lastEventAtMs }) => [
    checkpointId,
    pass,
    deny,
    seeStaff,
    alreadyRecorded,
    time(lastEventAtMs),
  ]),
)}
<h2>Máy · Kiosks</h2>
${table(
  [
    'Máy · kiosk',
    'Chốt · checkpoint',
    'Làn · lane',
    'Liên lạc cuối · last seen',
    'Trạng thái · state',
    '#Chờ gửi · to send',
    'Phiên bản · version',
  ],
  kiosks.map(({ kioskId, checkpointId, lane, seenAtMs, revokedAtMs, said, grade }) => [
    kioskId,
    checkpointId,
    lane,
    seenAtMs === undefined ? 'chưa · never' : time(seenAtMs),
    revokedAtMs === undefined ? laneText(said, grade) : `thu hồi · revoked ${time(revokedAtMs)}`,
    said === undefined ? '' : said.queue.waiting,
    said === undefined ? '' : said.versions.program,
  ]),
)}
<h2>Cảnh báo · Alarms</h2>
${table(
  ['Lần cuối · last', 'Cảnh báo · alarm', 'Máy · kiosk', 'Chi tiết · detail', '#Số lần · count'],
  alarms.map(({ lastAtMs, code, kioskId, detail, count }) => [time(lastAtMs), code, kioskId, detail, count]),
)}
</body></html>
`;
}

/** A kiosk that has missed two heartbeats says nothing about now. */
function laneText(said: Overview['kiosks'][number]['said'], grade: Overview['kiosks'][number]['grade']): string {
  if (said === undefined) return 'chưa báo · no heartbeat yet';
  if (grade !== 'green') return `im lặng từ · silent since ${time(said.atMs)}`;
  return said.fault === undefined ? 'làn mở · lane open' : `làn đóng · lane closed: ${said.fault}`;
}

function tile(vi: string, en: string, value: number, isAlarm: boolean): string {
  return `<div${isAlarm ? ' class="alarm"' : ''}><dt>${vi} <small>${en}</small></dt><dd>${value.toLocaleString('vi-VN')}</dd></div>`;
}

/** A header that begins with # heads a column of numbers. */
function table(headers: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return '<p class="none">Không có · none</p>';
  const head = headers.map((text) => `<th${text.startsWith('#') ? ' class="number"' : ''}>${escapeHtml(text.replace(/^#/, ''))}</th>`);
  const cell = (value: string | number) =>
    typeof value === 'number' ? `<td class="number">${value.toLocaleString('vi-VN')}</td>` : `<td>${escapeHtml(value)}</td>`;
  return `<div class="wide"><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('')}</tbody></table></div>`;
}

function time(unixMs: number): string {
  return `${clockText(unixMs)} ${dateText(unixMs)}`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
