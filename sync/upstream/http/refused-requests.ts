/** Requests of kiosks that were refused: counted by reason, and logged at once and then once a minute. */
import type { Host } from '../../../config/ports/host.ts';
import { networkOf } from './network-of.ts';

const LOG_AGAIN_MS = 60_000;

/** `reason`: a code of ours, so that there are only so many. */
export function createRefusedRequests({ clock, log }: Pick<Host, 'clock' | 'log'>): (reason: string, address: string) => void {
  const seen = new Map<string, { count: number; loggedAtMs: number }>();
  return (reason, address) => {
    const before = seen.get(reason) ?? { count: 0, loggedAtMs: Number.NEGATIVE_INFINITY };
    const count = before.count + 1;
    const nowMs = clock.monotonicMs();
    const isDue = nowMs - before.loggedAtMs >= LOG_AGAIN_MS;
    seen.set(reason, { count, loggedAtMs: isDue ? nowMs : before.loggedAtMs });
    if (isDue) log.warn('request-refused', { reason, source: networkOf(address), total: count });
  };
}
