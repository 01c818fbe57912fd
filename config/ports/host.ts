/** The machine, as one value handed down from the composition root. */
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { Random } from './random.ts';

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
