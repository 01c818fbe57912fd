/** The real machine behind the ports Clock, Random and Log. The only file that reads a clock, randomness or the environment. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import pino from 'pino';
import type { Clock } from '../ports/clock.ts';
import type { Host } from '../ports/host.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import { openLogOutput } from './log-output.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export const nodeClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

export const nodeRandom: Random = { bytes: (count) => new Uint8Array(randomBytes(count)) };

/** One JSON line an event on stderr; stdout belongs to the data that a command prints. Where stderr takes no line the program goes on. */
export function createLog(level: LogLevel): Log {
  const output = openLogOutput();
  const logger = pino({ level, base: null, messageKey: 'event', timestamp: pino.stdTimeFunctions.isoTime }, output);
  return {
    debug: (event, fields) => logger.debug(fields ?? {}, event),
    info: (event, fields) => logger.info(fields ?? {}, event),
    warn: (event, fields) => logger.warn(fields ?? {}, event),
    error: (event, fields) => logger.error(fields ?? {}, event),
    dropped: output.dropped,
  };
}

export function createNodeHost(level: LogLevel): Host {
  return { clock: nodeClock, random: nodeRandom, log: createLog(level) };
}

/** One environment variable; empty counts as absent. */
export function environment(name: string): string | undefined {
  return process.env[name] || undefined;
}
