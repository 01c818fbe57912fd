/** Time as the rest of the program sees it. Only `config/host/` reads a real clock. */

/** Stops a timer; calling it twice is harmless. */
export type Cancel = () => void;

export interface Clock {
  /** Unix time in milliseconds, as the machine believes it: it may jump. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start, never going back. */
  monotonicMs(): number;
  /** Calls `action` once after `delayMs`. */
  after(delayMs: number, action: () => void): Cancel;
}

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}

/** Calls `action` every `periodMs` until cancelled; the next period starts when the call returns. */
export function every(clock: Clock, periodMs: number, action: () => void): Cancel {
  let cancelled = false;
  let cancel: Cancel = () => undefined;
  const arm = () => {
    cancel = clock.after(periodMs, () => {
      action();
      if (!cancelled) arm();
    });
  };
  arm();
  return () => {
    cancelled = true;
    cancel();
  };
}
