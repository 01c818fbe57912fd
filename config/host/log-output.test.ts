import { describe, expect, it } from 'vitest';
import { createLogOutput } from './log-output.ts';

/** A file that takes so many bytes, and then says `code`. */
function fileOf(code: 'ENOSPC' | 'EPIPE' | 'EIO' | 'EAGAIN') {
  let text = '';
  let room = Number.POSITIVE_INFINITY;
  const timers: (() => void)[] = [];
  const output = createLogOutput(
    (bytes) => {
      const count = Math.min(room, bytes.length);
      if (count === 0) throw Object.assign(new Error(code), { code });
      room -= count;
      text += Buffer.from(bytes.subarray(0, count)).toString();
      return count;
    },
    (_delayMs, action) => void timers.push(action),
    () => 'now',
  );
  return {
    output,
    text: () => text,
    setRoom(bytes: number) {
      room = bytes;
    },
    /** Runs the timers that are set. */
    later() {
      for (const action of timers.splice(0)) action();
    },
  };
}

describe('the output of the log', () => {
  it.each(['ENOSPC', 'EPIPE', 'EIO'] as const)('drops lines while the file says %s, and then says how many', (code) => {
    const file = fileOf(code);
    file.output.write('{"event":"a"}\n');
    file.setRoom(0);
    for (let line = 0; line < 5; line++) file.output.write('{"event":"b"}\n');
    expect([file.output.dropped(), file.text()]).toEqual([5, '{"event":"a"}\n']);
    file.setRoom(1_000);
    file.output.write('{"event":"c"}\n');
    file.output.write('{"event":"d"}\n');
    const lines = file.text().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { event: 'a' },
      { level: 40, time: 'now', dropped: 5, event: 'log-lines-dropped' },
      { event: 'c' },
      { event: 'd' },
    ]);
    expect(file.output.dropped()).toBe(5);
  });

  it('ends a line that was cut off by the full disk before it goes on', () => {
    const file = fileOf('ENOSPC');
    file.setRoom(6);
    file.output.write('{"event":"half"}\n');
    file.setRoom(1_000);
    file.output.write('{"event":"whole"}\n');
    expect(file.text().split('\n')).toEqual([
      '{"even',
      '{"level":40,"time":"now","dropped":1,"event":"log-lines-dropped"}',
      '{"event":"whole"}',
      '',
    ]);
  });

  it('keeps lines for a slow reader, in order and whole, without waiting for it', () => {
    const file = fileOf('EAGAIN');
    file.setRoom(20);
    for (const name of ['a', 'b', 'c']) file.output.write(`{"event":"${name}"}\n`);
    file.later();
    file.setRoom(1_000);
    file.later();
    expect([file.output.dropped(), file.text()]).toEqual([0, '{"event":"a"}\n{"event":"b"}\n{"event":"c"}\n']);
  });

  it('keeps a bounded number of them, and counts the others', () => {
    const file = fileOf('EAGAIN');
    file.setRoom(0);
    const line = `${'x'.repeat(1_023)}\n`;
    for (let index = 0; index < 300; index++) file.output.write(line);
    expect(file.output.dropped()).toBe(300 - 256);
    file.setRoom(Number.POSITIVE_INFINITY);
    file.later();
    file.output.write('last\n');
    expect(file.text()).toMatch(/"dropped":44,"event":"log-lines-dropped"\}\nlast\n$/);
  });
});
