import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_FRAME_HEAD_BYTES, PAGE_FRAME_MAGIC, pageFrameBytesMax, parsePageFrame } from './page-frames.ts';
import { parseFromCameraPage } from './page-messages.ts';
import { createPageStream } from './page-stream.ts';

const limits = { widthPx: 64, heightPx: 48 };

interface Head {
  readonly magic: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sequence: number;
  readonly capturedAtMs: number;
}

function message(change: Partial<Head> = {}, lumaBytes?: number): Uint8Array {
  const head = { magic: PAGE_FRAME_MAGIC, widthPx: 32, heightPx: 24, sequence: 1, capturedAtMs: 1_000, ...change };
  const bytes = Buffer.alloc(PAGE_FRAME_HEAD_BYTES + (lumaBytes ?? head.widthPx * head.heightPx), 7);
  bytes.writeUInt32BE(head.magic, 0);
  bytes.writeUInt16BE(head.widthPx, 4);
  bytes.writeUInt16BE(head.heightPx, 6);
  bytes.writeUInt32BE(head.sequence, 8);
  bytes.writeDoubleBE(head.capturedAtMs, 12);
  return bytes;
}

describe('a frame of a page', () => {
  it('is its head and exactly its rows', () => {
    const frame = parsePageFrame(message({ sequence: 4_294_967_295 }), limits);
    expect(frame).toMatchObject({ widthPx: 32, heightPx: 24, sequence: 4_294_967_295, capturedAtMs: 1_000 });
    if (typeof frame === 'string') throw new Error(frame);
    expect(frame.luma).toHaveLength(32 * 24);
    expect(new Set(frame.luma)).toEqual(new Set([7]));
  });

  it('is found wherever it lies in memory', () => {
    const pool = new Uint8Array(5_000);
    pool.set(message(), 333);
    expect(parsePageFrame(pool.subarray(333, 333 + message().length), limits)).toMatchObject({ widthPx: 32, sequence: 1 });
  });

  it('may be as large as the limits and no larger', () => {
    expect(message(limits)).toHaveLength(pageFrameBytesMax(limits));
    expect(parsePageFrame(message(limits), limits)).toMatchObject(limits);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'short'],
    ['a cut head', message().subarray(0, PAGE_FRAME_HEAD_BYTES - 1), 'short'],
    ['something else', Buffer.alloc(5_000, 0xff), 'magic'],
    ['another version', message({ magic: PAGE_FRAME_MAGIC + 1 }), 'magic'],
    ['no width', message({ widthPx: 0 }), 'size'],
    ['no height', message({ heightPx: 0 }), 'size'],
    ['a few pixels', message({ widthPx: 2, heightPx: 2 }), 'size'],
    ['one column too many', message({ widthPx: 65 }), 'size'],
    ['one row too many', message({ heightPx: 49 }), 'size'],
    ['a huge size with few bytes', message({ widthPx: 65_535, heightPx: 65_535 }, 10), 'size'],
    ['no rows', message({}, 0), 'length'],
    ['a byte too few', message({}, 32 * 24 - 1), 'length'],
    ['a byte too many', message({}, 32 * 24 + 1), 'length'],
    ['width and height that do not match', message({ widthPx: 24, heightPx: 48 }, 24 * 24), 'length'],
    ['no time', message({ capturedAtMs: Number.NaN }), 'time'],
    ['an endless time', message({ capturedAtMs: Number.POSITIVE_INFINITY }), 'time'],
    ['a time before the beginning', message({ capturedAtMs: -1 }), 'time'],
    ['a time beyond any clock', message({ capturedAtMs: 1e300 }), 'time'],
  ])('is refused where it is %s', (_name, bytes, problem) => {
    expect(parsePageFrame(bytes, limits)).toBe(problem);
  });

  it('is within its limits or refused, whatever the bytes', () => {
    const anything = fc.uint8Array({ maxLength: 2_000 });
    const nearly = fc
      .tuple(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 4_000 }), fc.double())
      .map(([widthPx, heightPx, bytes, capturedAtMs]) => message({ widthPx, heightPx, capturedAtMs }, bytes));
    fc.assert(
      fc.property(fc.oneof(anything, nearly), (bytes) => {
        const frame = parsePageFrame(bytes, limits);
        if (typeof frame === 'string') return;
        expect(frame.luma.length).toBe(frame.widthPx * frame.heightPx);
        expect(frame.widthPx <= limits.widthPx && frame.heightPx <= limits.heightPx).toBe(true);
      }),
    );
  });
});

describe('the frames of one connection', () => {
  const stream = (grants: number) => {
    const created = createPageStream(limits);
    for (let count = 0; count < grants; count++) created.grant();
    return created;
  };

  it('come only when asked for', () => {
    const one = stream(1);
    expect(one.take(message(), 0)).toMatchObject({ widthPx: 32, heightPx: 24, stride: 32 });
    expect(one.take(message({ sequence: 2 }), 33)).toEqual({ problem: 'unasked' });
  });

  it.each([1, 0])('do not repeat themselves: %i after 1', (sequence) => {
    const two = stream(2);
    two.take(message(), 0);
    expect(two.take(message({ sequence }), 33)).toEqual({ problem: 'order' });
  });

  it('are of one size', () => {
    const two = stream(2);
    two.take(message(), 0);
    expect(two.take(message({ sequence: 2, widthPx: 24, heightPx: 32 }), 33)).toEqual({ problem: 'size-changed' });
  });

  it('count for nothing where they were held back on their way, each of a burst', () => {
    const many = stream(6);
    const take = (sequence: number, capturedAtMs: number, arrivedAtMs: number) =>
      many.take(message({ sequence, capturedAtMs }), arrivedAtMs) === 'late';
    expect(take(1, 5_000, 100)).toBe(false);
    expect(take(2, 5_033, 140)).toBe(false);
    // The browser stood still for a second.
    expect([take(3, 5_066, 1_140), take(4, 5_100, 1_141), take(5, 5_133, 1_142)]).toEqual([true, true, true]);
    expect(take(6, 6_040, 1_150)).toBe(false);
  });

  it('are believed by two clocks that drift apart for a day', () => {
    const day = createPageStream(limits);
    const perDayMs = 86_400_000;
    for (let count = 1; count <= 1_000; count++) {
      const capturedAtMs = (count * perDayMs) / 1_000;
      day.grant();
      // 100 parts in a million: 8.6 s.
      expect(day.take(message({ sequence: count, capturedAtMs }), capturedAtMs * 1.0001)).not.toBe('late');
    }
  });
});

describe('what a page says', () => {
  it('is why no pictures come', () => {
    const said = { kind: 'fault', fault: 'camera-denied', name: 'NotAllowedError' };
    expect(parseFromCameraPage(JSON.stringify(said))).toEqual(said);
  });

  it.each([
    '',
    '{',
    'null',
    '{"kind":"pass"}',
    '{"kind":"fault","fault":"disk-full","name":""}',
    '{"kind":"fault","fault":"camera-denied","name":"a line\\nof a log"}',
    '{"kind":"fault","fault":"camera-denied","name":"x","verdict":"pass"}',
    `{"kind":"fault","fault":"camera-denied","name":"${'x'.repeat(300)}"}`,
  ])('is nothing else: %j', (text) => {
    expect(parseFromCameraPage(text)).toBeUndefined();
  });
});
