/** What the loops at the edge share: a pause that can be cut short, and one line in the log for each change, not for each try. */
import type { Cancel, Clock } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import type { LogFields } from '../../config/ports/log.ts';

export interface Pause {
  /** One at a time. */
  pause(delayMs: number): Promise<void>;
  /** Ends the pause that is under way. */
  interrupt(): void;
  /** Ends the pause that is under way in `delayMs`, unless it ends sooner. */
  shorten(delayMs: number): void;
}

export function createPause(clock: Clock): Pause {
  let current: { dueMs: number; cancel: Cancel; readonly end: () => void } | undefined;
  return {
    pause: (delayMs) =>
      new Promise((resolve) => {
        const end = () => {
          current?.cancel();
          current = undefined;
          resolve();
        };
        current = { dueMs: clock.monotonicMs() + delayMs, cancel: clock.after(delayMs, end), end };
      }),
    interrupt: () => current?.end(),
    shorten(delayMs) {
      const dueMs = clock.monotonicMs() + delayMs;
      if (current === undefined || current.dueMs <= dueMs) return;
      current.cancel();
      current.dueMs = dueMs;
      current.cancel = clock.after(delayMs, current.end);
    },
  };
}

export interface Failures {
  /** Why the last try moved nothing; undefined after one that did. */
  last(): string | undefined;
  note(why: string | undefined, fields?: LogFields): void;
}

/**
 * Loops do not back off alone: one that is answered wakes those that wait after a failure, because they fail for the same
 * reason. Each comes back spread over as long as it may wait.
 */
export interface Comrade {
  /** Another loop was answered: tries soon, where it waits after a failure. */
  retry(): void;
}

/** What a loop tells of its success. `recovered`: its try before had failed. */
export interface Answered {
  onAnswered?(recovered: boolean): void;
}

/** When a loop last had an answer that was signed and bound to its request: the evidence for whatever is said of it. */
export interface Evidence {
  /** Monotonic milliseconds; undefined: never since the start. */
  lastSuccessAtMs(): number | undefined;
}

export function createEvidence(clock: Clock): Evidence & { succeeded(): void } {
  let atMs: number | undefined;
  return {
    lastSuccessAtMs: () => atMs,
    succeeded() {
      atMs = clock.monotonicMs();
    },
  };
}

const LOG_AGAIN_MS = 3_600_000;
/** A loop whose reasons never repeat is silent after so many within an hour. */
const REASONS_MAX = 20;

/** Logs `event` when a loop begins to fail, when it fails for another reason, and each reason once an hour while it goes on. */
export function createFailures(event: string, { clock, log }: Host): Failures {
  let failure: string | undefined;
  let loggedAtMs: ReadonlyMap<string, number> = new Map();
  return {
    last: () => failure,
    note(why, fields = {}) {
      const nowMs = clock.monotonicMs();
      const recent = new Map([...loggedAtMs].filter(([, atMs]) => nowMs - atMs < LOG_AGAIN_MS));
      const isNew = why !== undefined && !recent.has(why) && recent.size < REASONS_MAX;
      if (why !== undefined && (failure === undefined || isNew)) {
        log.warn(event, { why, ...fields });
        recent.set(why, nowMs);
      }
      loggedAtMs = recent;
      failure = why;
    },
  };
}

/** The disk, full or not to be written, is a failure like another: what is in place stays in use. Anything else is a mistake. */
export async function orDiskFailure(action: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error.message;
    throw error;
  }
}
