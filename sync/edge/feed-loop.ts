/**
 * The feed loop: asks what comes after the last entry and waits for the answer, so that a hold is at the kiosk a moment
 * after it was made. The same answers carry the time. On a connection of its own: no upload and no download stands in its way.
 */
import type { Host } from '../../config/ports/host.ts';
import type { Keyring } from '../credential/keyring.ts';
import { openStatement, parseEnvelopes, type StatementReason } from '../credential/statement.ts';
import { FEED_WAIT_S_MAX, type FeedPage, feedPageSchema } from '../protocol/feed.ts';
import { backoffMs, fraction, URGENT_CAP_MS } from './backoff.ts';
import { type Answered, type Comrade, createEvidence, createFailures, createPause, type Evidence, orDiskFailure } from './loop-tools.ts';
import { problemTitle } from './read-reply.ts';
import { type ClientReply, failureText, type UpstreamClient } from './upstream-client.ts';

/** Where the kiosk stands: in which slice, by which row key, after which entry. */
export interface FeedPlace {
  readonly sliceId: string;
  readonly storeId: string;
  readonly generation: number;
  readonly keyCheck: string;
  readonly seq: number;
}

export interface FeedInbox {
  cursor(): FeedPlace | undefined;
  sliceVersion(): number | undefined;
  /** Whether a page has said how fresh it all is; not so after what was believed was let go. */
  isFresh(): boolean;
  apply(page: FeedPage, isWhole: boolean): void;
}

export interface FeedOptions extends Answered {
  readonly client: UpstreamClient;
  readonly kioskId: string;
  readonly inbox: FeedInbox;
  keyring(): Keyring | undefined;
  /** Whether the kiosk does not know what time it is: then it asks more often. */
  needsTime(): boolean;
  onSignedTime(issuedAtMs: number, roundTripMs: number): void;
  /** The current slice is another than the one in use, or the one in use is not known any more. */
  onOtherSlice(): void;
}

export interface FeedLoop extends Evidence, Comrade {
  failure(): string | undefined;
  /** Entries applied since the start. */
  applied(): number;
  stop(): Promise<void>;
}

const IDLE_MS = 500;
const SLACK_MS = 10_000;
const RETRY_MS = 1_000;
/** A question that is answered at once tells the time; a waiting one does not. */
const TIME_MS = 600_000;
const NEEDED_TIME_MS = 20_000;
const UNKNOWN_SIGNER = 'statement-signer' satisfies StatementReason;

export function startFeedLoop(options: FeedOptions, host: Host): FeedLoop {
  const { client, inbox, kioskId } = options;
  let stopped = false;
  let failures = 0;
  let askedTimeAtMs = Number.NEGATIVE_INFINITY;
  let applied = 0;
  let failedAtMs = 0;
  const { pause, interrupt, shorten } = createPause(host.clock);
  const failure = createFailures('feed-failed', host);
  const evidence = createEvidence(host.clock);

  /** Undefined where a page was applied, else why not. */
  const ask = async (keyring: Keyring, cursor: NonNullable<ReturnType<FeedInbox['cursor']>>): Promise<string | undefined> => {
    const startedAtMs = host.clock.monotonicMs();
    const isDue = startedAtMs - askedTimeAtMs >= (options.needsTime() ? NEEDED_TIME_MS : TIME_MS);
    const asksTime = isDue || !inbox.isFresh();
    const waitS = asksTime || failure.last() !== undefined ? 0 : FEED_WAIT_S_MAX;
    const { sliceId, storeId, generation, keyCheck, seq } = cursor;
    const target = `/v1/feed/${sliceId}?after=${seq}&generation=${generation}&slice=${inbox.sliceVersion() ?? 0}&wait=${waitS}&signed=1`;
    const reply = await client.send({ method: 'GET', target, timeoutMs: waitS * 1000 + SLACK_MS });
    if (stopped) return undefined;
    // Nothing new, unsigned: believed only as far as asking again, and no evidence that the centre is there.
    const waitedMs = host.clock.monotonicMs() - startedAtMs;
    if (reply.kind === 'reply' && reply.status === 204 && waitS > 0) {
      return waitedMs >= (waitS * 1000) / 2 ? undefined : 'HTTP 204: an answer that did not wait';
    }
    const page = readPage(reply, keyring);
    if (typeof page === 'string') {
      // A key that the keyring does not name may be one that a newer keyring does.
      const isBehind = reply.kind === 'reply' && (reply.status === 404 || page.endsWith(UNKNOWN_SIGNER));
      if (isBehind) options.onOtherSlice();
      return page;
    }
    const isOurs = page.audience === kioskId && page.sliceId === sliceId && page.generation === generation && page.after === seq;
    if (!isOurs || !isOrdered(page)) return 'a page that was not asked for';
    if (page.storeId !== storeId) {
      options.onOtherSlice();
      return `store-mismatch: a page of store ${page.storeId}, and the slice in use is of ${storeId}`;
    }
    if (page.keyCheck !== keyCheck) {
      // Its row keys would name nobody here: only the slice that they belong to helps.
      options.onOtherSlice();
      return 'slice-key-mismatch: a page for another key than that of the slice in use';
    }
    evidence.succeeded();
    options.onAnswered?.(failure.last() !== undefined);
    const current = inbox.cursor();
    // A slice was exchanged meanwhile: the page belongs to the one before.
    if (current?.seq !== seq || current.keyCheck !== keyCheck) return undefined;
    // A hold counts also where another was missed before it, which happens after the centre was set back to a backup.
    const isWhole = isGapless(page);
    inbox.apply(page, isWhole);
    if (!isWhole) {
      host.log.error('feed-gap', { after: seq, upTo: page.upTo });
      options.onOtherSlice();
    }
    applied += page.entries.length;
    if (waitS === 0) {
      askedTimeAtMs = startedAtMs;
      options.onSignedTime(Date.parse(page.issuedAt), host.clock.monotonicMs() - startedAtMs);
    }
    for (const entry of page.entries) if (entry.kind === 'key-killed') host.log.warn('key-killed', { kid: entry.kid });
    if (page.entries.length > 0) host.log.info('feed-applied', { entries: page.entries.length, upTo: page.upTo });
    if (page.sliceVersion !== inbox.sliceVersion()) options.onOtherSlice();
    return undefined;
  };

  const run = async () => {
    while (!stopped) {
      const [keyring, cursor] = [options.keyring(), inbox.cursor()];
      if (keyring === undefined || cursor === undefined) {
        await pause(IDLE_MS);
        continue;
      }
      const startedAtMs = host.clock.monotonicMs();
      const versionBefore = inbox.sliceVersion();
      failure.note(await orDiskFailure(() => ask(keyring, cursor)));
      if (failure.last() !== undefined) {
        failedAtMs = host.clock.monotonicMs();
        await pause(backoffMs(failures++, fraction(host.random.bytes(4)), 0, URGENT_CAP_MS));
      } else {
        failures = 0;
        // Answered at once without news, because another slice is current: it is being fetched.
        if (versionBefore === inbox.sliceVersion() && host.clock.monotonicMs() - startedAtMs < IDLE_MS) await pause(IDLE_MS / 5);
      }
    }
  };

  const done = run();
  return {
    retry() {
      if (failure.last() === undefined) return;
      failures = 0;
      // At once, and yet not as often as another loop is answered.
      shorten(Math.max(0, failedAtMs + RETRY_MS - host.clock.monotonicMs()));
    },
    failure: failure.last,
    lastSuccessAtMs: evidence.lastSuccessAtMs,
    applied: () => applied,
    async stop() {
      stopped = true;
      interrupt();
      await done;
    },
  };
}

function readPage(reply: ClientReply, keyring: Keyring): FeedPage | string {
  if (reply.kind === 'failed') return failureText(reply);
  const envelopes = parseEnvelopes(reply.text);
  if (!envelopes.ok) return `HTTP ${reply.status}: ${problemTitle(reply.text) ?? 'no signed answer'}`;
  const page = openStatement(envelopes.value[0], 'feed', keyring.roles.feed, feedPageSchema);
  if (!page.ok) return `HTTP ${reply.status}: ${page.reason}`;
  const { requestDigest, nonce } = page.value;
  return requestDigest === reply.digest && nonce === reply.nonce ? page.value : 'a page for another request';
}

function isOrdered({ after, upTo, entries }: FeedPage): boolean {
  const numbers = [after, ...entries.map(({ seq }) => seq)];
  return upTo === numbers.at(-1) && numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? number));
}

/** Each entry names the one before: one that was left out would be a hold that nobody hears of. */
function isGapless({ after, entries }: FeedPage): boolean {
  return entries.every(({ prev }, index) => prev === (index === 0 ? after : entries[index - 1]?.seq));
}
