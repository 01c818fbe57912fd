/** Keeps the screen lit while a code is shown, where the browser can: only over TLS or from the phone itself. */

let lock: WakeLockSentinel | undefined;
let isAsking = false;

/** Whether this browser can do it at all. */
export const canKeepAwake = 'wakeLock' in navigator;

export async function keepAwake(isWanted: boolean): Promise<void> {
  if (!canKeepAwake || isAsking || isWanted === (lock !== undefined && !lock.released)) return;
  isAsking = true;
  try {
    if (isWanted) lock = await navigator.wakeLock.request('screen');
    else await lock?.release();
  } catch (error) {
    // A low battery refuses it: the screen dims as it always does.
    if (!(error instanceof DOMException)) throw error;
  } finally {
    isAsking = false;
  }
}
