/**
 * What a browser shows whose link is not taken: the screen of a lane that is out of service, with what the operator does
 * next. It never reloads by itself: a used link that comes again raises the alarm again. Pure; every text is from here.
 */
import { createHash } from 'node:crypto';
import { type FaultEntry, faults } from '../../config/faults.ts';
import type { Role } from './sessions.ts';

const STYLE = `
html { height: 100%; font-family: "Be Vietnam Pro", "Noto Sans", system-ui, sans-serif; color: #fff; background: #2c3038; }
body { box-sizing: border-box; display: flex; flex-direction: column; min-height: 100%; margin: 0; padding: 4vmin; }
main { flex: 1; display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 3vmin 6vmin; }
svg { width: 30vmin; height: 30vmin; fill: none; stroke: #fff; stroke-linecap: round; }
h1 { margin: 0; font-size: 13vmin; font-weight: 800; line-height: 1.15; } p { margin: .3em 0; font-size: 5vmin; line-height: 1.3; }
p.then { font-weight: 700; margin-top: .8em; } p.small { font-size: 3.6vmin; }
footer { display: flex; gap: 4vmin; align-items: flex-start; padding-top: 2.5vmin; border-top: 2px solid #8d95a3; }
footer b { font-size: 8vmin; line-height: 1; white-space: nowrap; } footer p { margin: 0 0 .5em; font-size: 3.1vmin; overflow-wrap: anywhere; }`;

/** For the content policy of this page alone, which has no file beside it. */
export const refusedLinkStyle = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** `kind`: a link that is not known, or one that somebody has used before. */
export function refusedLinkPage(role: Role, kind: 'refused' | 'used-before'): string {
  const fault: FaultEntry = faults[kind === 'refused' ? 'page-link-stale' : 'page-link-reused'];
  const file = `display/${role}.token`;
  const citizen = role === 'citizen';
  return `<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tạm ngừng · Out of service</title><style>${STYLE}</style></head><body>
<main>
<svg viewBox="0 0 100 100" aria-hidden="true"><circle cx="50" cy="50" r="43" stroke-width="11"/><path d="M30 50 L70 50" stroke-width="16"/></svg>
<div><h1>${citizen ? 'TẠM NGỪNG' : 'CHƯA MỞ ĐƯỢC'}</h1><p lang="en">${citizen ? 'Out of service' : 'This page could not be opened'}</p>
${citizen ? '<p class="then">Mời sang làn khác hoặc gặp cán bộ</p><p class="small" lang="en">Please use another lane or see the staff</p>' : ''}</div>
</main>
<footer><b>${fault.screenCode}</b><div>
<p>${fault.summaryVi} ${fault.actionVi} Liên kết mới nằm trong tệp ${file} của thư mục dữ liệu.</p>
<p lang="en">${fault.summary} ${fault.action} The new link is in the file ${file} of the data folder.</p>
</div></footer>
</body></html>
`;
}
