/** The pull loop: keyring, policy, slice and the list of other lanes, now and then and when the feed says that there is a newer slice. */
import type { Host } from '../../config/ports/host.ts';
import type { Keyring } from '../credential/keyring.ts';
import { backoffMs, fraction } from './backoff.ts';
import { type Answered, type Comrade, createEvidence, createFailures, createPause, type Evidence, orDiskFailure } from './loop-tools.ts';
import { fetchText, type PullSliceOptions, pullSlice } from './pull-slice.ts';
import { failureText } from './upstream-client.ts';

export interface PullOptions extends PullSliceOptions, Answered {
  keyring(): Keyring | undefined;
  /** Puts a signed text in place if it holds and is newer; false where it is not. */
  offerKeyring(text: string): boolean;
  offerPolicy(text: string): boolean;
  /** Absent for a kiosk that listens for no other lane. */
  readonly offerPeers?: ((text: string) => boolean) | undefined;
  /** A slice that everybody learns of at once is fetched spread over so long. */
  readonly spreadMs: number;
}

/** Success is a round that reached its end: a signed manifest that is in use, or a newer one put in place. */
export interface PullLoop extends Evidence, Comrade {
  /** There is something newer. */
  wake(): void;
  /** Why the last round did not reach its end. */
  failure(): string | undefined;
  stop(): Promise<void>;
}

/** What is urgent, and that there is a newer slice, comes by the feed. */
const ROUND_MS = 3_600_000;
/** What failed and is known to be there is tried again so soon: a download may be large. */
const WANTED_MS = 60_000;
const PEERS = '/v1/peers';
const REQUEST_MS = 20_000;

export function startPullLoop(options: PullOptions, host: Host): PullLoop {
  const { client, inbox } = options;
  let stopped = false;
  let failures = 0;
  let asked = false;
  let failedAtMs = 0;
  const { pause, interrupt, shorten } = createPause(host.clock);
  const failure = createFailures('pull-failed', host);
  const evidence = createEvidence(host.clock);
  /** The lane is closed until the round is over: it is not spread. */
  const isUrgent = () => inbox.inUse() === undefined || inbox.isDamaged();

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
    return slice.ok ? pullPeers(options.offerPeers) : slice.reason;
  };

  /** Last, because a lane can do without. Where the centre knows of no other lanes it says nothing. */
  const pullPeers = async (offer: PullOptions['offerPeers']): Promise<string | undefined> => {
    if (offer === undefined || stopped) return undefined;
    const reply = await client.send({ method: 'GET', target: PEERS, timeoutMs: REQUEST_MS });
    if (stopped || (reply.kind === 'reply' && reply.status === 204)) return undefined;
    if (reply.kind === 'failed') return `${PEERS}: ${failureText(reply)}`;
    if (reply.status !== 200) return `${PEERS}: HTTP ${reply.status}`;
    if (offer(reply.text)) host.log.info('statement-pulled', { path: PEERS });
    return undefined;
  };

  const run = async () => {
    while (!stopped) {
      asked = false;
      const recovers = failure.last() !== undefined;
      failure.note(await orDiskFailure(round));
      failures = failure.last() === undefined ? 0 : failures + 1;
      if (stopped) return;
      if (failures === 0) {
        evidence.succeeded();
        options.onAnswered?.(recovers);
      } else failedAtMs = host.clock.monotonicMs();
      // Asked for during the round: what was new then may have come too late for it.
      if (!asked || failures > 0) await pause(failures === 0 ? ROUND_MS : backoffMs(failures, fraction(host.random.bytes(4))));
      // The first slice is waited for, and so is one in the place of what was damaged; a newer one may come a little later.
      if (asked && !stopped && !isUrgent()) await pause(fraction(host.random.bytes(4)) * options.spreadMs);
    }
  };

  const done = run();
  return {
    wake() {
      if (failure.last() !== undefined) return shorten(Math.max(0, failedAtMs + WANTED_MS - host.clock.monotonicMs()));
      if (asked) return;
      asked = true;
      interrupt();
    },
    retry() {
      if (failure.last() === undefined) return;
      failures = 1;
      shorten(isUrgent() ? 0 : fraction(host.random.bytes(4)) * options.spreadMs);
    },
    failure: failure.last,
    lastSuccessAtMs: evidence.lastSuccessAtMs,
    async stop() {
      stopped = true;
      interrupt();
      await done;
    },
  };
}
