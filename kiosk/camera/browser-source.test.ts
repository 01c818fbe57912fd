import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedHost, type SimulatedHost } from '../../fixtures/simulated-host.ts';
import { createBrowserSource } from './browser-source.ts';
import type { FrameSource } from './frame-source.ts';
import { PAGE_FRAME_HEAD_BYTES, PAGE_FRAME_MAGIC, pageFrameBytesMax } from './page-frames.ts';
import { createPageLinks, type PageLinks } from './page-link.ts';

const SIZE = { widthPx: 32, heightPx: 24 };
const settings = {
  kind: 'browser',
  source: 'gate',
  login: undefined,
  ...SIZE,
  frameRateHz: 20,
  ffmpegPath: '',
  stalledMs: 2_000,
  loops: 1,
} as const;

let host: SimulatedHost;
let pages: PageLinks;
let source: FrameSource;
beforeEach(() => {
  host = createSimulatedHost();
  pages = createPageLinks(pageFrameBytesMax(SIZE));
  source = createBrowserSource(settings, pages, host);
});
afterEach(() => source.close());

/** A page at the other end of its connection. */
function openPage() {
  const said: string[] = [];
  let ended: { code: number; reason: string } | undefined;
  let hear: (message: string | Uint8Array) => void = () => undefined;
  let leave: (how: 'gone' | 'malformed') => void = () => undefined;
  let sequence = 0;
  pages.offer({
    send: (text) => void said.push(text),
    end(code, reason) {
      ended = { code, reason };
    },
    onMessage(listener) {
      hear = listener;
    },
    onEnd(listener) {
      leave = listener;
    },
  });
  return {
    said: () => said.map((text) => JSON.parse(text)),
    asked: () => said.filter((text) => text.includes('next')).length,
    ended: () => ended,
    text: (text: string) => hear(text),
    bytes: (bytes: Uint8Array) => hear(bytes),
    fault: (fault: string) => hear(JSON.stringify({ kind: 'fault', fault, name: 'Error' })),
    leave: (how: 'gone' | 'malformed') => leave(how),
    frame(level = 1, { widthPx, heightPx } = SIZE, capturedAtMs = host.clock.monotonicMs()) {
      const bytes = Buffer.alloc(PAGE_FRAME_HEAD_BYTES + widthPx * heightPx, level);
      bytes.writeUInt32BE(PAGE_FRAME_MAGIC, 0);
      bytes.writeUInt16BE(widthPx, 4);
      bytes.writeUInt16BE(heightPx, 6);
      bytes.writeUInt32BE(++sequence, 8);
      // The browser's clock began at another time.
      bytes.writeDoubleBE(capturedAtMs + 5_000_000, 12);
      hear(bytes);
    },
  };
}

/** Frames at the rate that was asked for. */
function stream(page: ReturnType<typeof openPage>, ms: number): void {
  for (let atMs = 0; atMs < ms; atMs += 50) {
    host.advance(50);
    page.frame();
  }
}

describe('a camera of the browser', () => {
  it('tells its page which camera is meant, how large its pictures may be, and when to send', async () => {
    const page = openPage();
    expect(page.said()).toEqual([{ kind: 'open', source: 'gate', ...SIZE, frameRateHz: 20 }, { kind: 'next' }, { kind: 'next' }]);
    const frame = source.next();
    page.frame(9);
    expect(await frame).toMatchObject({ ...SIZE, stride: 32, generation: 1, sequence: 1 });
    expect([...((await frame)?.luma ?? [])]).toEqual(new Array(32 * 24).fill(9));
    expect(source.health()).toMatchObject({ state: 'live', fault: undefined, restarts: 0 });
  });

  it('asks for the next frame no sooner than the rate that was configured', () => {
    const page = openPage();
    page.frame();
    expect(page.asked()).toBe(2);
    host.advance(49);
    expect(page.asked()).toBe(2);
    host.advance(1);
    expect(page.asked()).toBe(3);
  });

  it('keeps the newest frame only', async () => {
    const page = openPage();
    page.frame(1);
    host.advance(20);
    page.frame(2);
    expect((await source.next())?.luma[0]).toBe(2);
  });

  it('ends a page that sends more than it was asked for, or what is no picture', () => {
    const wild: [(page: ReturnType<typeof openPage>) => void, string][] = [
      [(page) => [1, 2, 3].map(() => page.frame()), 'unasked'],
      [(page) => page.bytes(new Uint8Array(1_000)), 'magic'],
      [(page) => page.bytes(new Uint8Array(3)), 'short'],
      [(page) => page.text('{"kind":"pass"}'), 'text'],
      [(page) => page.leave('malformed'), 'socket'],
    ];
    for (const [act, why] of wild) {
      const page = openPage();
      act(page);
      expect(page.ended()).toEqual({ code: 1008, reason: why });
      host.advance(3_000);
      expect(source.health()).toMatchObject({ state: 'down', fault: 'camera-malformed' });
    }
  });

  it('calls a picture that is too large, or changes its size, a matter of settings', () => {
    for (const sizes of [[{ widthPx: 33, heightPx: 24 }], [SIZE, { widthPx: 24, heightPx: 24 }]]) {
      const page = openPage();
      for (const size of sizes) page.frame(1, size);
      expect(page.ended()?.code).toBe(1008);
      host.advance(3_000);
      expect(source.health()).toMatchObject({ state: 'down', fault: 'camera-settings' });
    }
  });

  it('takes nothing more of a page that it has ended', async () => {
    const page = openPage();
    page.text('x');
    page.frame();
    page.leave('gone');
    host.advance(10);
    const next = openPage();
    next.frame(5);
    expect(await source.next()).toMatchObject({ generation: 2, luma: expect.objectContaining({ 0: 5 }) });
  });

  it('belongs to the newer page', async () => {
    const first = openPage();
    stream(first, 500);
    const second = openPage();
    expect(first.ended()?.code).toBe(4000);
    first.frame(3);
    first.leave('gone');
    second.frame(4);
    expect(await source.next()).toMatchObject({ generation: 2, luma: expect.objectContaining({ 0: 4 }) });
    stream(second, 3_000);
    expect(source.health().state).toBe('live');
  });

  it('stalls when its page falls silent, and is opened anew', () => {
    const page = openPage();
    stream(page, 1_000);
    host.advance(2_000);
    expect(source.health().state).not.toBe('down');
    host.advance(200);
    expect(page.ended()?.code).toBe(4003);
    expect(source.health()).toMatchObject({ state: 'down', fault: 'camera-stalled' });
    stream(openPage(), 200);
    expect(source.health()).toMatchObject({ state: 'live', fault: undefined, restarts: 1 });
  });

  it('gives a page so long for its first frame as any camera', () => {
    const page = openPage();
    host.advance(5_900);
    expect([page.ended(), source.health().state]).toEqual([undefined, 'starting']);
    host.advance(300);
    expect(page.ended()?.code).toBe(4003);
    expect(source.health()).toMatchObject({ state: 'down', fault: 'camera-no-frame' });
  });

  it('says so when no page comes, or none is left', () => {
    expect(source.health()).toMatchObject({ state: 'starting', fault: undefined });
    host.advance(6_200);
    expect(source.health()).toMatchObject({ state: 'down', fault: 'camera-page-absent' });
    const page = openPage();
    stream(page, 200);
    expect(source.health().state).toBe('live');
    page.leave('gone');
    host.advance(2_100);
    expect(source.health()).toMatchObject({ state: 'down', fault: 'camera-page-absent' });
  });

  it.each(['camera-denied', 'camera-missing', 'camera-settings', 'camera-no-frame'])(
    'keeps saying %s while its page tries again',
    (fault) => {
      for (let attempt = 0; attempt < 5; attempt++) {
        const page = openPage();
        host.advance(1_000);
        page.fault(fault);
        expect(page.ended()?.code).toBe(4003);
        host.advance(1_500);
        expect(source.health()).toMatchObject({ state: 'down', fault });
      }
      // A camera that stays away does not fill the log.
      expect(host.logged.filter(({ event }) => event === fault)).toHaveLength(3);
    },
  );

  it('does not believe frames that a browser held back while it stood still', async () => {
    const page = openPage();
    stream(page, 500);
    await source.next();
    const takenAtMs = host.clock.monotonicMs();
    const waiting = source.next();
    host.advance(1_200);
    for (const afterMs of [20, 40]) page.frame(66, SIZE, takenAtMs + afterMs);
    // The slot itself leaves out the first frame after a gap.
    for (const level of [7, 8]) {
      host.advance(50);
      page.frame(level);
    }
    expect((await waiting)?.luma[0]).toBe(8);
  });

  it('is opened anew when it is asked to', () => {
    const page = openPage();
    stream(page, 200);
    source.reopen();
    expect(page.ended()?.code).toBe(4003);
    source.reopen();
  });

  it('ends its page and its reader when it is closed, and takes no further one', async () => {
    const page = openPage();
    const waiting = source.next();
    await source.close();
    expect(await waiting).toBeUndefined();
    expect(page.ended()?.code).toBe(1001);
    expect(openPage().ended()?.code).toBe(1001);
  });
});
