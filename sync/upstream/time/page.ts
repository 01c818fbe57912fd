/** The page on an officer's phone: a time code, renewed by itself, and what to do with it. Pure: every value is checked before. */
import QRCode from 'qrcode';
import { AUTHORITY_ZONE, clockText, dateText } from '../../protocol/authority-time.ts';

/** A phone that has just shown a code shows the next one so soon. */
const RENEW_S = 5;

const STYLE = `
:root { color-scheme: light; font: 18px/1.45 system-ui, sans-serif; color: #10233f; background: #fff; }
body { max-width: 34rem; margin: 0 auto; padding: 1rem; text-align: center; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; } p { margin: .4rem 0; } small { opacity: .8; }
svg { display: block; width: min(92vw, 60vh, 30rem); height: auto; margin: .5rem auto; }
.time { font-size: 1.5rem; font-weight: 700; font-variant-numeric: tabular-nums; }`;

export async function timePage(code: string, kioskId: string, nowMs: number): Promise<string> {
  const svg = await QRCode.toString(code, { type: 'svg', errorCorrectionLevel: 'M', margin: 4 });
  const time = `${clockText(nowMs)} · ${dateText(nowMs)}`;
  return `<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta http-equiv="refresh" content="${RENEW_S}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Mã giờ · time code</title><style>${STYLE}</style></head><body>
<h1>Mã giờ cho máy ${kioskId}<br><small lang="en">Time code for kiosk ${kioskId}</small></h1>
<p class="time">${time}</p>
<p><small>${AUTHORITY_ZONE.vi} · <span lang="en">${AUTHORITY_ZONE.en}</span></small></p>
${svg}
<p>Tăng sáng màn hình, đưa mã này vào camera của làn. Mã tự đổi mỗi ${RENEW_S} giây và dùng được trong hai phút kể từ khi quét liên kết; quá hai phút thì quét lại.</p>
<p lang="en"><small>Turn the screen bright and hold this code up to the camera of the lane. It renews itself every ${RENEW_S} seconds and counts for two minutes after the link was scanned; after that scan the link again.</small></p>
</body></html>
`;
}
