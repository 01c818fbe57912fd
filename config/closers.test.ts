import { describe, expect, it } from 'vitest';
import { type Closer, closeAll, closingAfter } from './closers.ts';

const opener = (closed: string[]) => (name: string) => ({ name, close: () => void closed.push(name) });

describe('closing after work', () => {
  it('closes the newest first, after the work and before the result', async () => {
    const closed: string[] = [];
    const open = opener(closed);
    const result = await closingAfter(async (opened) => {
      opened.add(open('a'));
      opened.add(open('b'));
      return closed.length;
    });
    expect(result).toBe(0);
    expect(closed).toEqual(['b', 'a']);
  });

  it('closes what was open when the next step throws, and throws that error', async () => {
    const closed: string[] = [];
    const work = closingAfter(async (opened) => {
      opened.add(opener(closed)('camera'));
      throw new Error('the decoder does not start');
    });
    await expect(work).rejects.toThrow('the decoder does not start');
    expect(closed).toEqual(['camera']);
  });

  it('closes the others where closing one fails, and says so', async () => {
    const closed: string[] = [];
    const closers: Closer[] = [() => closed.push('a'), () => Promise.reject(new Error('it does not close')), () => closed.push('c')];
    await expect(closeAll(closers)).rejects.toThrow('it does not close');
    expect(closed).toEqual(['c', 'a']);
    await closeAll(closers);
    expect(closed).toEqual(['c', 'a']);
  });
});
