/**
 * The citizen's screen. It ships as OUT OF SERVICE and must earn everything else: what the kiosk says counts only while the
 * kiosk is heard, every view ends by itself, and each one is acknowledged once it has been painted.
 */
import '@fontsource/be-vietnam-pro/latin-500.css';
import '@fontsource/be-vietnam-pro/latin-800.css';
import '@fontsource/be-vietnam-pro/vietnamese-500.css';
import '@fontsource/be-vietnam-pro/vietnamese-800.css';
import './citizen.css';
import type { ToCitizen } from '../../messages.ts';
import type { ScreenView } from '../../screen-state.ts';
import { keepCameraOpen } from './camera.ts';
import { drawMirror } from './mirror-view.ts';
import { playTone } from './tones.ts';
import { detailsOf, headlineOf } from './words.ts';

const SILENT_MS = 2_500;
const RELOAD_MS = 10_000;
const RELOAD_MS_MAX = 60_000;
/** Close code by which the kiosk says that a newer page took this one's place. */
const REPLACED = 4000;
/** The kiosk ends a view itself; this page does it a little later where the kiosk does not. */
const GRACE_MS = 400;
const SILENT_VIEW: ScreenView = { state: 'out-of-service', code: 'O-90' };
/** The kiosk is there, and does not know this browser: nothing but a new link helps. */
const UNKNOWN_VIEW: ScreenView = { state: 'out-of-service', code: 'O-94' };

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page lacks #${id}`);
  return found;
};
const screen = element('screen');
const vi = element('vi');
const en = element('en');
const details = element('details');
const turn = element('turn');
const age = element('age');
const code = element('code');
const cover = element('cover');
const wipe = element('wipe');

let socket: WebSocket | undefined;
let bootId = '';
let seq = 0;
let view: ScreenView = SILENT_VIEW;
let heardAt = performance.now();
let expiry: number | undefined;
let isReplaced = false;
let stopCamera: (() => void) | undefined;
let paintedState: ScreenView['state'] = 'out-of-service';

function show(next: ScreenView, remainingMs: number | undefined): void {
  view = next;
  const headline = headlineOf(next);
  screen.dataset.state = next.state;
  screen.dataset.next = next.state === 'done' ? next.next : '';
  screen.dataset.hint = next.state === 'reading' ? next.hint : '';
  vi.textContent = headline.vi;
  en.textContent = headline.en;
  details.replaceChildren(...detailsOf(next).map(detail));
  turn.textContent = next.state === 'pass' && next.turn !== undefined ? `Lượt ${next.turn}` : '';
  code.textContent = 'code' in next && next.code !== undefined ? next.code : '';
  age.textContent = ageOf(next);
  window.clearTimeout(expiry);
  for (const animation of [...cover.getAnimations(), ...wipe.getAnimations()]) animation.cancel();
  if (remainingMs !== undefined) expiry = window.setTimeout(fallSilent, remainingMs + GRACE_MS);
  if (next.state === 'pass') startPass(remainingMs ?? 0);
}

/** Nothing is believed any more; what the page says of itself follows. */
function fallSilent(): void {
  show(SILENT_VIEW, undefined);
  paintedState = 'out-of-service';
}

/**
 * The wipe makes each pass a new one to see. The cover runs on the compositor for as long as the pass may stand, so that a
 * stale green disappears even when this page's thread hangs.
 */
function startPass(dwellMs: number): void {
  wipe.animate([{ opacity: 1 }, { opacity: 1, offset: 0.8 }, { opacity: 0 }], { duration: 320 });
  cover.animate([{ opacity: 0 }, { opacity: 0, offset: 0.97 }, { opacity: 1 }], { duration: dwellMs, fill: 'forwards' });
}

function detail({ vi: first, en: second }: { vi: string; en: string }): HTMLElement {
  const item = document.createElement('li');
  const small = document.createElement('small');
  small.lang = 'en';
  small.textContent = second;
  item.append(first, small);
  return item;
}

/** From amber on the screen says how old the data is. */
function ageOf(next: ScreenView): string {
  if (!('grade' in next) || next.grade === 'fresh') return '';
  const minutes = next.sliceAgeMinutes;
  const span = minutes < 120 ? `${minutes} phút / min` : `${Math.floor(minutes / 60)} giờ / h`;
  return `Dữ liệu / data: ${span}`;
}

function acknowledge(): void {
  const of = seq;
  const state = view.state;
  // Two frames later the change has been on the screen.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (of !== seq || state !== view.state) return;
      paintedState = state;
      answer('painted');
    }),
  );
}

function answer(kind: 'painted' | 'alive'): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ kind, bootId, seq, state: paintedState }));
}

function hear(message: ToCitizen): void {
  heardAt = performance.now();
  sessionStorage.removeItem('reloads');
  if (message.kind === 'camera') {
    stopCamera ??= keepCameraOpen();
    return;
  }
  if (message.kind === 'heartbeat') {
    if (message.bootId === bootId && message.seq === seq) answer('alive');
    return;
  }
  const isNew = message.view.state !== view.state || 'turn' in message.view;
  bootId = message.bootId;
  seq = message.seq;
  show(message.view, message.remainingMs);
  acknowledge();
  if (isNew) playTone(message.view.state);
}

/** A refused socket does not say why it was refused. */
async function tellWhetherKnown(): Promise<void> {
  const status = await fetch('session', { cache: 'no-store' }).then(
    (answer) => answer.status,
    () => undefined,
  );
  if (status === 403 && view === SILENT_VIEW) show(UNKNOWN_VIEW, undefined);
}

function connect(): void {
  const base = `ws://${location.host}/citizen/`;
  socket = new WebSocket(`${base}socket`);
  socket.addEventListener('message', ({ data }) => hear(JSON.parse(data)));
  socket.addEventListener('close', ({ code: reason }) => {
    // Another page is the screen now: coming back would take it away again, for ever.
    isReplaced = reason === REPLACED;
    stopCamera?.();
    fallSilent();
    void tellWhetherKnown();
  });
  const mirror = new WebSocket(`${base}mirror`);
  mirror.binaryType = 'arraybuffer';
  mirror.addEventListener('message', ({ data }) => {
    if (view.state === 'idle' || view.state === 'reading') drawMirror(data);
  });
}

window.setInterval(() => {
  const silentMs = performance.now() - heardAt;
  if (silentMs > SILENT_MS && view !== SILENT_VIEW && view !== UNKNOWN_VIEW) fallSilent();
  const reloads = Number(sessionStorage.getItem('reloads') ?? '0');
  if (!isReplaced && silentMs > Math.min(RELOAD_MS * 2 ** reloads, RELOAD_MS_MAX)) void reloadIfServed(reloads + 1);
}, 250);

let isAsking = false;

/** Loads the page anew once the kiosk answers: a page that cannot be loaded is the browser's error page, which stays. */
async function reloadIfServed(reloads: number): Promise<void> {
  if (isAsking) return;
  isAsking = true;
  try {
    const { ok } = await fetch(location.pathname, { cache: 'no-store' });
    if (!ok) return;
    sessionStorage.setItem('reloads', String(reloads));
    location.reload();
  } catch (error) {
    // No kiosk there: the next look asks again.
    if (!(error instanceof TypeError)) throw error;
  } finally {
    window.setTimeout(() => {
      isAsking = false;
    }, 1_000);
  }
}

connect();
