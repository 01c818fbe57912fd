/** The fleet over HTTP: heartbeats with their answers, and the options that the centre sets. */
import type { Host } from '../../../config/ports/host.ts';
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import { HEARTBEAT_BYTES_MAX, type Heartbeat, type HeartbeatReply, heartbeatSchema } from '../../protocol/heartbeat.ts';
import { requestDigest } from '../../protocol/receipt.ts';
import type { RemoteConfig } from '../../protocol/remote-config.ts';
import { type KioskCaller, parseJson, problem, type Reply, type Route, SIGNATURE_PROBLEMS, type UpstreamRequest } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { type MadeVersions, staleness, taking, truncation, versionsFromElsewhere } from './rules.ts';

export interface FleetRouteOptions {
  readonly store: Store;
  readonly fleetKey: Signer;
  readonly configKey: Signer;
  /** Versions of the files that are signed offline, as they are now. */
  offlineVersions(): { readonly keyring: number | undefined; readonly policy: number | undefined };
  /** Of the list of lanes of a checkpoint; undefined where there is none. */
  peersVersion(checkpointId: string): Promise<number | undefined>;
  /** Publishes a newer slice at once. */
  publishAnew(): void;
}

const REPLY_VALID_MS = 3_600_000;
const CONFIG_VALID_MS = 30 * 86_400_000;
const COMMANDS = 8;
/** A command that no kiosk has carried out for so long was meant for another day. */
const COMMAND_MS = 3_600_000;

export function fleetRoutes(
  { store, fleetKey, configKey, offlineVersions, peersVersion, publishAnew }: FleetRouteOptions,
  host: Host,
): Route[] {
  const header = (audience: string, validMs: number, version?: number) => {
    const nowMs = host.clock.wallMs();
    return {
      version: version ?? Math.floor(nowMs / 1000),
      issuedAt: new Date(nowMs).toISOString(),
      expires: new Date(nowMs + validMs).toISOString(),
      audience,
    };
  };

  /** A kiosk that uses what this store never made has it from another store, or this one was set back to a backup. */
  const noteVersions = async (
    kioskId: string,
    heartbeat: Heartbeat,
    made: Pick<MadeVersions, 'keyring' | 'policy' | 'config' | 'peers'>,
  ): Promise<void> => {
    const nowMs = host.clock.wallMs();
    const known = {
      slice: await store.newestSliceVersion(),
      knowsSlice: await store.knowsSlice(heartbeat.versions.slice ?? 0),
      accepted: await store.acceptedVersion(),
      storeId: store.storeId,
    };
    const found = versionsFromElsewhere(kioskId, heartbeat, { ...made, ...known }, Math.floor(nowMs / 1000));
    for (const alarm of found.alarms) {
      host.log.error(alarm.code, { kiosk: kioskId, detail: alarm.detail });
      await store.raiseAlarm(alarm, nowMs);
    }
    if (found.answer === 'hold-back') await store.markSetBack(nowMs);
    if (found.answer === 'publish') publishAnew();
  };

  const take = async (request: UpstreamRequest, { kiosk, nonce, createdS }: KioskCaller): Promise<Reply> => {
    const heartbeat = heartbeatSchema.safeParse(parseJson(request.body));
    if (!heartbeat.success) return problem('request-invalid', heartbeat.error.issues[0]?.path.join('.'));
    const { kioskId, signingKey } = kiosk;
    const nowMs = host.clock.wallMs();
    const before = (await store.heartbeatOf(kioskId))?.heartbeat.journal;
    const taken = await store.takenRequests(kioskId, signingKey);
    const dated = { nonce, createdS, journal: heartbeat.data.journal };
    const stale = staleness(dated, before && taken && { taken, journal: before }, nowMs);
    if (stale !== undefined) {
      host.log.warn(stale, { kiosk: kioskId, created: createdS });
      return problem(stale);
    }
    const alarm = before && truncation(kioskId, before, heartbeat.data.journal, await store.findJournal(before.journalId));
    if (alarm !== undefined) {
      host.log.error(alarm.code, { kiosk: kioskId, detail: alarm.detail });
      await store.raiseAlarm(alarm, nowMs);
    }
    await store.putHeartbeat({ kioskId, atMs: nowMs, heartbeat: heartbeat.data }, signingKey, taking(dated, taken));
    await store.markSeen(kioskId, nowMs);
    const waiting = (await store.commands(kioskId, COMMANDS)).filter(({ done, givenAtMs }) => !done && nowMs - givenAtMs < COMMAND_MS);
    const config = await store.configFor(kioskId);
    const peers = await peersVersion(kiosk.checkpointId);
    await noteVersions(kioskId, heartbeat.data, { ...offlineVersions(), config: config.version, peers });
    const reply: HeartbeatReply = {
      ...header(kioskId, REPLY_VALID_MS),
      wanted: {
        ...offlineVersions(),
        ...(config.version > 0 && { config: config.version }),
        peers,
      },
      commands: waiting.reverse().map(({ id, kind }) => ({ id, kind })),
      requestDigest: requestDigest(request.method, request.target, request.body),
      nonce,
    };
    return { kind: 'statement', line: signStatement('heartbeat', reply, fleetKey) };
  };

  const own = { caller: 'kiosk' } as const;
  return [
    {
      ...own,
      method: 'POST',
      path: '/v1/heartbeats',
      operationId: 'sendHeartbeat',
      summary: 'How a kiosk is; the answer says which versions are current and what it is to do.',
      bodyBytesMax: HEARTBEAT_BYTES_MAX,
      request: heartbeatSchema,
      reply: { kind: 'statement', description: 'heartbeat, bound to the request' },
      problems: [...SIGNATURE_PROBLEMS, 'request-invalid', 'body-too-large', 'request-repeated', 'request-stale'],
      handle: take,
    },
    {
      ...own,
      method: 'GET',
      path: '/v1/config',
      operationId: 'readConfig',
      summary: 'The options that are set for the kiosk that asks.',
      bodyBytesMax: 0,
      reply: { kind: 'statement', description: 'config' },
      problems: [...SIGNATURE_PROBLEMS, 'not-found'],
      async handle(_request: UpstreamRequest, { kiosk }: KioskCaller): Promise<Reply> {
        const { version, values } = await store.configFor(kiosk.kioskId);
        if (version === 0) return problem('not-found');
        const body: RemoteConfig = { ...header(kiosk.kioskId, CONFIG_VALID_MS, version), values };
        return { kind: 'statement', line: signStatement('config', body, configKey) };
      },
    },
  ];
}
