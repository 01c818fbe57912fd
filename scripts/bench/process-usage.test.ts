import { describe, expect, it } from 'vitest';
import { mainThreadCpuMs, parseProcessStat, processTree } from '../../fixtures/process-usage.ts';

describe('what a process costs', () => {
  it('is read behind the name, whatever the name holds', () => {
    const line = `812 (Web (a) b) S 77 812 812 0 -1 4194304 1 0 0 0 250 31 0 0 20 0 9 0 100 1000000 2048 1 1`;
    expect(parseProcessStat(line)).toEqual({ pid: 812, parentPid: 77, name: 'Web (a) b', cpuMs: 2_810, rssBytes: 2_048 * 4_096 });
  });

  it('is counted for this process, more after work, and is nothing for a process that is gone', () => {
    const before = mainThreadCpuMs(process.pid);
    // Counted in hundredths of a second: work goes on until one is seen.
    for (const endMs = Date.now() + 10_000; mainThreadCpuMs(process.pid) === before && Date.now() < endMs; );
    expect(mainThreadCpuMs(process.pid)).toBeGreaterThan(before);
    const [own] = processTree(process.pid);
    expect(own?.pid).toBe(process.pid);
    expect(own?.rssBytes).toBeGreaterThan(10_000_000);
    expect(processTree(4_194_305)).toEqual([]);
  });
});
