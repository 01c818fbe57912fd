/**
 * The heartbeat loop: says every two minutes how the kiosk is, and does what the signed answer asks for: fetch what is newer,
 * carry out a command that a person gave. A command is carried out once in a run and reported until the centre has heard.
 */
import type { Host } from '../../config/ports/host.ts';
import type { Keyring } from '../credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../credential/statement.ts';
import { type CommandKind, type Heartbeat, type HeartbeatReply, heartbeatReplySchema } from '../protocol/heartbeat.ts';
import { fraction } from './backoff.ts';
import { type Answered, type Comrade, createEvidence, createFailures, createPause, type Evidence, orDiskFailure } from './loop-tools.ts';
import { fetchText } from './pull-slice.ts';
import { problemTitle } from './read-reply.ts';
import { failureText, type UpstreamClient } from './upstream-client.ts';

export interface HeartbeatOptions extends Answered {
  readonly client: UpstreamClient;
  readonly kioskId: string;
  keyring(): Keyring | undefined;
  report(): Omit<Heartbeat, 'done'>;
  carryOut(kind: CommandKind): Promise<{ readonly ok: boolean; readonly detail: string }>;
  /** Keyring or policy that the centre has; the pull loop knows what is newer. */
  onWanted(wanted: HeartbeatReply['wanted']): void;
  /** Puts options in place if they are signed and newer; false where they are not. */
  offerConfig(text: string): boolean;
  configVersion(): number | undefined;
}

export interface HeartbeatLoop extends Evidence, Comrade {
  /** Something has changed that the centre should not learn of only then. */
  wake(): void;
  failure(): string | undefined;
  stop(): Promise<void>;
}

/** A minute would cost more than the feed. */
const PERIOD_MS = 120_000;
/** A lane that opens and closes and opens is told of once. */
const SETTLE_MS = 2_000;
const REQUEST_MS = 20_000;
/** Small, and one write at the centre: a fleet that comes back is spread over so long. */
const RETRY_SPREAD_MS = 10_000;
const TARGET = '/v1/heartbeats';

export function startHeartbeatLoop(options: HeartbeatOptions, host: Host): HeartbeatLoop {
  const { client, kioskId } = options;
  const { pause, interrupt, shorten } = createPause(host.clock);
  const failure = createFailures('heartbeat-failed', host);
  const evidence = createEvidence(host.clock);
  let stopped = false;
  let isWoken = false;
  /** Carried out in this run, by id; those that the centre has not heard of yet are reported. */
  const seen = new Set<string>();
  let done: Heartbeat['done'] = [];

  const beat = async (): Promise<string | undefined> => {
    const keyring = options.keyring();
    if (keyring === undefined) return 'no keyring';
    const reported = done;
    const body = new TextEncoder().encode(JSON.stringify({ ...options.report(), done: reported } satisfies Heartbeat));
    const reply = await client.send({ method: 'POST', target: TARGET, body, contentType: 'application/json', timeoutMs: REQUEST_MS });
    if (stopped) return undefined;
    if (reply.kind === 'failed') return failureText(reply);
    const refused = (why: string) => `HTTP ${reply.status}: ${why}`;
    const envelopes = parseEnvelopes(reply.text);
    if (!envelopes.ok) return refused(problemTitle(reply.text) ?? 'no signed answer');
    const answer = openStatement(envelopes.value[0], 'heartbeat', keyring.roles.fleet, heartbeatReplySchema);
    if (!answer.ok) return refused(answer.reason);
    const { audience, requestDigest, nonce, wanted, commands } = answer.value;
    if (audience !== kioskId || requestDigest !== reply.digest || nonce !== reply.nonce) return refused('an answer to another request');
    evidence.succeeded();
    options.onAnswered?.(failure.last() !== undefined);
    done = done.filter((one) => !reported.includes(one));
    options.onWanted(wanted);
    for (const { id, kind } of commands) await carryOutOnce(id, kind);
    return wanted.config === undefined || wanted.config <= (options.configVersion() ?? 0) ? undefined : fetchConfig();
  };

  const carryOutOnce = async (id: string, kind: CommandKind) => {
    if (seen.has(id)) return;
    seen.add(id);
    host.log.info('command', { kind, id });
    const result = await options.carryOut(kind);
    done = [...done, { id, ...result }];
    // The person who gave it waits for the answer.
    asksAgain = true;
  };
  let asksAgain = false;

  const fetchConfig = async (): Promise<string | undefined> => {
    const text = await fetchText(client, '/v1/config');
    if (!text.ok) return `config: ${text.reason}`;
    if (options.offerConfig(`${text.value}\n`)) host.log.info('statement-pulled', { path: '/v1/config' });
    return undefined;
  };

  const run = async () => {
    while (!stopped) {
      asksAgain = false;
      failure.note(await orDiskFailure(beat));
      if (stopped || asksAgain) continue;
      if (!isWoken) await pause(PERIOD_MS * (0.9 + 0.2 * fraction(host.random.bytes(4))));
      if (isWoken && !stopped) await pause(SETTLE_MS);
      isWoken = false;
    }
  };

  const finished = run();
  return {
    wake() {
      if (isWoken) return;
      isWoken = true;
      interrupt();
    },
    retry() {
      if (failure.last() !== undefined) shorten(fraction(host.random.bytes(4)) * RETRY_SPREAD_MS);
    },
    failure: failure.last,
    lastSuccessAtMs: evidence.lastSuccessAtMs,
    async stop() {
      stopped = true;
      interrupt();
      await finished;
    },
  };
}
