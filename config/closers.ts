/** Closes what was opened, on every path: also where the next step throws, and where closing one of them does. */

export type Closer = () => unknown;

export interface Closers {
  /** Gives `opened` back; it is closed in the end. */
  add<Opened extends { close(): unknown }>(opened: Opened): Opened;
  /** For what is ended by another name than `close`. */
  defer(close: Closer): void;
}

/** Empties the list, the newest first; each is closed whatever becomes of the others. Throws the first error. */
export async function closeAll(closers: Closer[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** Does `work`, then closes whatever it has opened. An error of the work counts more than one of closing. */
export async function closingAfter<Result>(work: (opened: Closers) => Promise<Result>): Promise<Result> {
  const closers: Closer[] = [];
  let result: Result;
  try {
    result = await work({
      add(opened) {
        closers.push(() => opened.close());
        return opened;
      },
      defer: (close) => void closers.push(close),
    });
  } catch (error) {
    await closeAll(closers).catch(() => undefined);
    throw error;
  }
  await closeAll(closers);
  return result;
}
