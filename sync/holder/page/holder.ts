/**
 * The holder's page: makes the phone's key, takes the code that was issued for it, and shows it anew for each half minute.
 * Once loaded it needs no network and asks for nothing. A page that was out of sight shows nothing until it has looked at the
 * clock again.
 */
import '@fontsource/be-vietnam-pro/latin-500.css';
import '@fontsource/be-vietnam-pro/latin-800.css';
import '@fontsource/be-vietnam-pro/vietnamese-500.css';
import '@fontsource/be-vietnam-pro/vietnamese-800.css';
import './holder.css';
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../credential/bytes.ts';
import { STEP_S, writeRotating } from '../../credential/proof.ts';
import { type HeldCredential, readHeld, takeCredential } from '../held-credential.ts';
import { type HolderView, holderView } from '../holder-view.ts';
import { element, say, setText } from './elements.ts';
import { canKeepAwake, keepAwake } from './keep-awake.ts';
import { blankCode, paintCode } from './paint-code.ts';
import { forgetAll, keepText, openPhoneStore, type PhoneStore } from './phone-store.ts';
import { className, copyWords, NOT_KEPT, type Phrase, refusalWords, stops, TITLE, untilLabels } from './words.ts';

const LOOK_MS = 250;
const COPIED_MS = 3_000;
const KEY_CODE_CSS_PX = 176;

const page = element('page', HTMLElement);
const code = element('code', HTMLCanvasElement);
const codeCard = element('code-card', HTMLElement);
const keyText = element('key', HTMLTextAreaElement);
const pasted = element('pasted', HTMLTextAreaElement);
const noticeBox = element('notice', HTMLElement);
const ringRest = element('ring-rest', SVGCircleElement);
const sure = element('sure', HTMLDialogElement);
const dateTime = new Intl.DateTimeFormat('vi-VN', {
  hour: '2-digit',
  minute: '2-digit',
  day: '2-digit',
  month: '2-digit',
  year: 'numeric',
});
const timeOfDay = new Intl.DateTimeFormat('vi-VN', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

let store: PhoneStore | undefined;
let held: HeldCredential | undefined;
/** What the code on the screen was drawn for; empty where there is none. */
let drawn = '';

/** Reads what the phone keeps, at the start and when another tab has changed it. */
function load(): void {
  store = openPhoneStore();
  held = undefined;
  if (store !== undefined) {
    const { publicKey, text } = store;
    keyText.value = toHex(publicKey);
    paintCode(element('key-code', HTMLCanvasElement), keyText.value, KEY_CODE_CSS_PX);
    const kept = text === undefined ? undefined : readHeld(text, publicKey);
    if (kept?.ok === true) held = kept.value;
    else if (kept !== undefined) notice(refusalWords(kept.reason));
  }
  describe();
  openPanel(held === undefined ? 'setup' : 'permit');
}

/** What stays as it is while one credential is shown. */
function describe(): void {
  say('title', held === undefined ? TITLE : className(held.claims.class));
  setText('name', held?.claims.maskedName ?? '—');
  drawn = '';
}

/** Only one is to be seen: the code of the key beside the travel code would confuse a camera. */
function openPanel(panel: 'permit' | 'setup'): void {
  page.dataset.panel = panel;
  window.scrollTo(0, 0);
  look();
}

/** Looks at the clock and shows what belongs to this moment. */
function look(): void {
  const nowMs = Date.now();
  const view: HolderView | { readonly state: 'no-storage' } =
    store === undefined ? { state: 'no-storage' } : holderView(held, nowMs, document.hidden);
  page.dataset.state = view.state;
  const isShown = view.state === 'code' && page.dataset.panel === 'permit';
  if (isShown) showCode(view.step, view.remainingMs);
  else cover();
  void keepAwake(isShown);
  if (held === undefined) return;
  setText('clock', timeOfDay.format(nowMs));
  const { notBefore, expiresAt } = held.claims;
  const isEarly = view.state === 'not-yet-valid';
  say('until', untilLabels[view.state === 'expired' ? 'over' : isEarly ? 'from' : 'until']);
  setText('until', dateTime.format((isEarly ? notBefore : expiresAt) * 1000));
  if (view.state !== 'expired' && view.state !== 'not-yet-valid') return;
  const [headline, advice] = stops[view.state];
  say('stop', headline);
  say('advice', advice);
}

function showCode(step: number, remainingMs: number): void {
  ringRest.style.strokeDashoffset = `${100 - remainingMs / (10 * STEP_S)}`;
  setText('ring-seconds', `${Math.ceil(remainingMs / 1000)}`);
  const widthCssPx = codeCard.clientWidth;
  const wanted = `${step} ${widthCssPx} ${window.devicePixelRatio}`;
  if (store === undefined || held === undefined || wanted === drawn) return;
  paintCode(code, writeRotating(held.cose, store.seed, step, sha256), widthCssPx);
  drawn = wanted;
}

/** Leaves no code on the screen, nor in a picture that the phone takes of a page in the background. */
function cover(): void {
  if (drawn !== '') blankCode(code);
  drawn = '';
}

function notice(words: Phrase | undefined): void {
  if (words !== undefined) say('notice', words);
  noticeBox.hidden = words === undefined;
}

/** Takes in what was opened or pasted, or says why not and leaves everything as it is. */
function take(given: string): void {
  if (store === undefined) return;
  const taken = takeCredential(given, store.publicKey, held, Date.now() / 1000);
  const refusal = !taken.ok ? refusalWords(taken.reason) : keepText(taken.value.text) ? undefined : NOT_KEPT;
  notice(refusal);
  if (!taken.ok || refusal !== undefined) return;
  held = taken.value;
  pasted.value = '';
  describe();
  openPanel('permit');
}

/** A credential in the address is taken once, and leaves neither history nor bookmarks behind. */
function takeFromAddress(): void {
  if (location.hash.length < 2) return;
  const given = location.hash;
  history.replaceState(null, '', location.pathname);
  take(given);
}

/** The old way to copy is the only one that a page without TLS has. */
function copyKey(): void {
  keyText.select();
  say('copy', document.execCommand('copy') ? copyWords.done : copyWords.failed);
  window.setTimeout(() => say('copy', copyWords.ready), COPIED_MS);
}

function onClick(id: string, action: () => void): void {
  element(id, HTMLButtonElement).addEventListener('click', action);
}

onClick('open-setup', () => openPanel('setup'));
onClick('close-setup', () => openPanel('permit'));
onClick('copy', copyKey);
onClick('take', () => take(pasted.value));
onClick('notice-close', () => notice(undefined));
onClick('forget', () => sure.showModal());
onClick('sure-no', () => sure.close());
onClick('sure-yes', () => {
  sure.close();
  forgetAll();
  notice(undefined);
  load();
});
for (const awake of ['pageshow', 'focus', 'resize']) window.addEventListener(awake, look);
document.addEventListener('visibilitychange', look);
window.addEventListener('storage', load);
window.addEventListener('hashchange', takeFromAddress);
window.setInterval(look, LOOK_MS);
page.toggleAttribute('data-dims', !canKeepAwake);

load();
takeFromAddress();
// A weight that is first needed later would be fetched later, when there may be no network.
await Promise.all([...document.fonts].map((face) => face.load()));
page.toggleAttribute('data-ready', true);
