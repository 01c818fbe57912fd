import { describe, expect, it } from 'vitest';
import { createSimulatedHost } from '../../../fixtures/simulated-host.ts';
import { createGuesses } from './guesses.ts';

function watched() {
  const host = createSimulatedHost();
  const alarms: string[] = [];
  const guesses = createGuesses({ event: 'operator-refused', onMany: (detail) => void alarms.push(detail) }, host);
  /** Makes one wrong guess; gives how long its answer is held. */
  const guess = async (address: string): Promise<number> => {
    let isTold = false;
    const startMs = host.clock.monotonicMs();
    void guesses.wrong(address).then(() => {
      isTold = true;
    });
    while (!isTold) {
      host.advance(50);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
    return host.clock.monotonicMs() - startMs;
  };
  return { host, alarms, guesses, guess };
}

describe('wrong tokens', () => {
  it('are told ever later to one source, up to a bound, and not to another', async () => {
    const { guess } = watched();
    const heldMs: number[] = [];
    for (let count = 0; count < 9; count++) heldMs.push(await guess('10.0.0.1'));
    expect(heldMs.slice(0, 4)).toEqual([250, 500, 1_000, 2_000]);
    expect(heldMs.slice(-2)).toEqual([15_000, 15_000]);
    expect(await guess('10.0.0.2')).toBe(250);
  });

  it('are told later to everybody who guesses, once many sources do', async () => {
    const { guess } = watched();
    for (let count = 0; count < 60; count++) await guess(`10.0.1.${count}`);
    expect(await guess('10.0.2.1')).toBeGreaterThan(2_000);
  });

  it('are not looked at while several of one network wait, and other networks do not notice', () => {
    const { guesses } = watched();
    for (let count = 0; count < 4; count++) {
      expect(guesses.admits('2001:db8:1:2::1')).toBe(true);
      void guesses.wrong('2001:db8:1:2::1');
    }
    expect(guesses.admits('2001:db8:1:2::7')).toBe(false);
    expect(guesses.admits('2001:db8:1:3::1')).toBe(true);
    expect(guesses.admits('10.0.0.1')).toBe(true);
  });

  it('are logged with source and count, ever more seldom, and raise an alarm at every tenth', async () => {
    const { host, alarms, guess, guesses } = watched();
    for (let count = 0; count < 40; count++) await guess('10.0.0.1');
    expect(host.logged[0]).toEqual({
      level: 'warn',
      event: 'operator-refused',
      fields: { source: '10.0.0.1', failures: 1, total: 1 },
    });
    expect(host.logged.length).toBeLessThan(15);
    expect(alarms).toEqual(Array(4).fill('from 10.0.0.1'));
    expect(guesses.count()).toBe(40);
  });

  it('are forgotten after a quarter of an hour of quiet', async () => {
    const { host, guess } = watched();
    for (let count = 0; count < 5; count++) await guess('10.0.0.1');
    host.advance(16 * 60_000);
    expect(await guess('10.0.0.1')).toBe(250);
  });

  it('name a bounded number of networks in alarms', () => {
    const { alarms, guesses } = watched();
    for (let network = 0; network < 40; network++) {
      for (let count = 0; count < 10; count++) void guesses.wrong(`10.1.${network}.1`);
    }
    expect(new Set(alarms).size).toBe(17);
  });
});
