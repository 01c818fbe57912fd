/** Keeps the screen lit while a code is shown, where the browser can: only over TLS or from the phone itself. */

/** Whether this browser can do it at all. */
export const canKeepAwake = 'wakeLock' in navigator;

let lock: WakeLockSentinel | undefined;
let isAsking = false;
/** A low battery refuses it; it is asked for again when a code is shown the next time. */
let isRefused = false;

export async function keepAwake(isWanted: boolean): Promise<void> {
  if (!isWanted) isRefused = false;
  if (!canKeepAwake || isAsking || isRefused || isWanted === (lock !== undefined && !lock.released)) return;
  isAsking = true;
  try {
    if (isWanted) lock = await navigator.wakeLock.request('screen');
    else await lock?.release();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    isRefused = isWanted;
  } finally {
    isAsking = false;
  }
}
