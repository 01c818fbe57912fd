/** The pull loop: keyring, policy and slice, now and then and when the feed says that there is a newer slice. */
import type { Host } from '../../config/ports/host.ts';
import type { Keyring } from '../credential/keyring.ts';
import { backoffMs, fraction } from './backoff.ts';
import { createFailures, createPause, orDiskFailure } from './loop-tools.ts';
import { fetchText, type PullSliceOptions, pullSlice } from './pull-slice.ts';

export interface PullOptions extends PullSliceOptions {
  keyring(): Keyring | undefined;
  /** Puts a signed text in place if it holds and is newer; false where it is not. */
  offerKeyring(text: string): boolean;
  offerPolicy(text: string): boolean;
  /** A slice that everybody learns of at once is fetched spread over so long. */
  readonly spreadMs: number;
}

export interface PullLoop {
  /** There is something newer. */
  wake(): void;
  /** Why the last round did not reach its end. */
  failure(): string | undefined;
  stop(): Promise<void>;
}

/** What is urgent, and that there is a newer slice, comes by the feed. */
const ROUND_MS = 3_600_000;

export function startPullLoop(options: PullOptions, host: Host): PullLoop {
  const { client, inbox } = options;
  let stopped = false;
  let failures = 0;
  let asked = false;
  const { pause, interrupt } = createPause(host.clock);
  const failure = createFailures('pull-failed', host);

  /** Undefined where all went well. */
  const round = async (): Promise<string | undefined> => {
    const keyring = options.keyring();
    if (keyring === undefined) return 'no keyring';
    for (const [path, offer] of [
      ['/v1/keyring', options.offerKeyring],
      ['/v1/policy', options.offerPolicy],
    ] as const) {
      const text = await fetchText(client, path);
      if (stopped) return undefined;
      if (!text.ok) return `${path}: ${text.reason}`;
      if (offer(`${text.value}\n`)) host.log.info('statement-pulled', { path });
    }
    const slice = await pullSlice(options, options.keyring() ?? keyring);
    return slice.ok ? undefined : slice.reason;
  };

  const run = async () => {
    while (!stopped) {
      asked = false;
      failure.note(await orDiskFailure(round));
      failures = failure.last() === undefined ? 0 : failures + 1;
      if (stopped) return;
      // Asked for during the round: what was new then may have come too late for it.
      if (!asked || failures > 0) await pause(failures === 0 ? ROUND_MS : backoffMs(failures, fraction(host.random.bytes(4))));
      // The first slice is waited for; a newer one may come a little later.
      if (asked && !stopped && inbox.inUse() !== undefined) await pause(fraction(host.random.bytes(4)) * options.spreadMs);
    }
  };

  const done = run();
  return {
    wake() {
      if (asked || failure.last() !== undefined) return;
      asked = true;
      interrupt();
    },
    failure: failure.last,
    async stop() {
      stopped = true;
      interrupt();
      await done;
    },
  };
}
