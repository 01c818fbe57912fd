/** Who waits for the feed: one look at the store for all of them, whichever process made the change. */
import { every } from '../../../config/ports/clock.ts';
import type { Host } from '../../../config/ports/host.ts';
import type { RegistryStore } from '../store/store.ts';

export interface FeedHub {
  /** Resolves when the feed has passed `seq` or after `waitMs`. */
  wait(seq: number, waitMs: number): Promise<void>;
  stop(): void;
}

const LOOK_MS = 100;

export function createFeedHub(store: Pick<RegistryStore, 'feedHead'>, host: Host): FeedHub {
  const waiting = new Set<{ readonly seq: number; readonly wake: () => void }>();
  let looking = false;

  const look = async () => {
    if (looking || waiting.size === 0) return;
    looking = true;
    try {
      const head = await store.feedHead();
      for (const one of waiting) if (head > one.seq) one.wake();
    } catch (error) {
      host.log.error('feed-failed', { why: error instanceof Error ? error.message : String(error) });
    } finally {
      looking = false;
    }
  };
  const stop = every(host.clock, LOOK_MS, () => void look());

  return {
    wait: (seq, waitMs) =>
      new Promise((resolve) => {
        const cancel = host.clock.after(waitMs, () => one.wake());
        const one = {
          seq,
          wake: () => {
            cancel();
            waiting.delete(one);
            resolve();
          },
        };
        waiting.add(one);
      }),
    stop() {
      stop();
      for (const one of waiting) one.wake();
    },
  };
}
