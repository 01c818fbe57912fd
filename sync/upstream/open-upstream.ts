/** The composition root of upstream: store, rules, routes, projector, server, joined. A list without rules. */

import { existsSync, readFileSync } from 'node:fs';
import { plainText } from '../../config/host/text-file.ts';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { parseEnvelopes, parsePayload, statementHeader } from '../credential/statement.ts';
import { type CurrentKeyring, openCurrentKeyring } from './current-keyring.ts';
import { createEnrolmentDesk, type EnrolmentDesk } from './enrolment/enrol.ts';
import { enrolmentRoutes } from './enrolment/routes.ts';
import { fleetRoutes } from './fleet/routes.ts';
import { revocationOf } from './fleet/rules.ts';
import { createDiskMark } from './http/disk-mark.ts';
import { createGuesses } from './http/guesses.ts';
import { createOperatorDoor } from './http/operator-door.ts';
import { type ServerOptions, startServer } from './http/server.ts';
import { signInRoutes } from './http/sign-in.ts';
import { createIngest } from './ingest/ingest.ts';
import { ingestRoutes } from './ingest/routes.ts';
import { overviewRoutes } from './overview/routes.ts';
import { currentGroup } from './peers/group.ts';
import { peerRoutes } from './peers/routes.ts';
import { createProjector, type Projector } from './projector/projector.ts';
import { registryRoutes } from './registry/routes.ts';
import { requireOneSubjectKey } from './registry/subject-key.ts';
import { createFeedHub } from './slices/feed-hub.ts';
import { createPublisher, type SliceScope } from './slices/publish.ts';
import { sliceRoutes } from './slices/routes.ts';
import type { Store } from './store/store.ts';
import { timeRoutes } from './time/routes.ts';
import type { UpstreamKeys } from './upstream-keys.ts';

export interface UpstreamOptions extends Omit<ServerOptions, 'revocationOf' | 'door' | 'disk'> {
  readonly operatorToken: string;
  /** Names that operators reach the centre by, besides its addresses and those of its certificate. */
  readonly names?: readonly string[];
  readonly keys: UpstreamKeys;
  /** Fingerprint of the root, hex. */
  readonly root: string;
  /** How long raw batches and crossings are kept; undefined: for ever. */
  readonly retentionMs: number | undefined;
  /** Address of the store, for workers. */
  readonly storeAddress: string;
  /** Folder of the published slices. */
  readonly slices: string;
  /** Further slices, besides the default one. */
  readonly scopes: readonly SliceScope[];
  /** Least time between two slices of a changing registry; what is urgent goes by the feed meanwhile. */
  readonly publishMs: number;
  readonly keyringFile: string;
  readonly policyFile: string | undefined;
}

export interface Upstream {
  readonly url: string;
  readonly desk: EnrolmentDesk;
  /** Publishes every slice as of now, whether or not something has changed. */
  publish(): Promise<void>;
  /** Waits until everything acknowledged so far is projected. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Everyone whose status is not clear, and every revoked credential. */
export const DEFAULT_SLICE = 'default';
const PROJECT_MS = 1_000;
const PRUNE_MS = 3_600_000;
const REST_FACTOR = 4;

/** Takes over `store` and closes it in the end. Throws Fault: upstream-port-busy, upstream-keys. */
export async function openUpstream(store: Store, options: UpstreamOptions, host: Host): Promise<Upstream> {
  const { keys, root, retentionMs } = options;
  await requireOneSubjectKey(store, { subjectKey: keys.subject, pinned: keys.keyring.subjectKeyCheck });
  const projection = projectionLoop(createProjector(store, keys.sealing, host), host);
  const keyring = openCurrentKeyring(options.keyringFile, root, keys.keyring, host.log);
  const desk = createEnrolmentDesk(store, { fleetKey: keys.fleet, isOurRoot: keyring.isBelievedFrom }, host);
  const publication = await startPublishing(store, { ...options, keyring }, host);
  const hub = createFeedHub(store, host);
  const { keyringFile, policyFile } = options;
  const offline = () => ({ keyring: keyring.read().version, policy: policyVersion(policyFile) });
  const disk = createDiskMark(store, host);
  const { door, enrolmentGuesses, turnedAway } = openDoors(store, options, host);
  const routes = [
    ...enrolmentRoutes(desk, enrolmentGuesses),
    ...ingestRoutes({
      ingest: createIngest(store, host),
      receiptKey: keys.receipt,
      storeId: store.storeId,
      clock: host.clock,
      onCommitted: () => void projection.run(),
    }),
    ...sliceRoutes(
      { store, slices: options.slices, hub, feedKey: keys.feed, sliceKey: keys.slice, keyringFile, policyFile, offlineVersions: offline },
      host,
    ),
    ...fleetRoutes(
      {
        store,
        fleetKey: keys.fleet,
        configKey: keys.config,
        offlineVersions: offline,
        publishAnew: publication.anewOnce,
        peersVersion: async (checkpointId) => (await currentGroup(store, checkpointId, host))?.version,
      },
      host,
    ),
    ...peerRoutes({ store, configKey: keys.config }, host),
    ...(keys.subject === undefined ? [] : registryRoutes(store, keys.subject, host.clock)),
    ...timeRoutes(keys.feed, host.clock),
    ...overviewRoutes(store, {
      clock: host.clock,
      turnedAway,
      linesDropped: () => host.log.dropped?.() ?? 0,
      diskFullSinceMs: disk.fullSinceMs,
    }),
    ...signInRoutes(door),
  ];
  const server = await startServer(
    routes,
    store,
    { ...options, door, disk, revocationOf: (kiosk, nowMs) => revocationOf(kiosk, nowMs, keys.fleet) },
    host,
  ).catch((error: unknown) => {
    hub.stop();
    disk.stop();
    publication.stop();
    throw error;
  });
  const stopProjecting = every(host.clock, PROJECT_MS, () => void projection.run());
  const stopPruning = every(host.clock, PRUNE_MS, () => {
    if (retentionMs === undefined) return;
    store.prune(host.clock.wallMs() - retentionMs).catch((error) => host.log.error('prune-failed', { why: String(error) }));
  });
  return {
    url: server.url,
    desk,
    publish: publication.anew,
    settle: projection.run,
    async close() {
      stopProjecting();
      publication.stop();
      stopPruning();
      hub.stop();
      disk.stop();
      await server.close();
      await publication.idle();
      await projection.run();
      await store.close();
    },
  };
}

/** Who may act for the operator, and what becomes of wrong tokens. */
function openDoors(store: Store, options: Pick<UpstreamOptions, 'operatorToken' | 'names' | 'tls'>, host: Host) {
  const guesses = (event: string, code: 'operator-guesses' | 'enrolment-guesses') =>
    createGuesses(
      {
        event,
        onMany(detail) {
          const raised = store.raiseAlarm({ code, kioskId: '', detail }, host.clock.wallMs());
          raised.catch((error) => host.log.error('alarm-failed', { code, why: String(error) }));
        },
      },
      host,
    );
  const operatorGuesses = guesses('operator-refused', 'operator-guesses');
  const enrolmentGuesses = guesses('enrolment-refused', 'enrolment-guesses');
  const door = createOperatorDoor(options, operatorGuesses, host);
  const turnedAway = () => ({ operator: operatorGuesses.count(), enrolment: enrolmentGuesses.count() });
  return { door, enrolmentGuesses, turnedAway };
}

/** Read anew each time: a policy that was signed offline needs no restart. */
function policyVersion(file: string | undefined): number | undefined {
  if (file === undefined || !existsSync(file)) return undefined;
  const envelopes = parseEnvelopes(plainText(readFileSync(file, 'utf8')));
  const header = envelopes.ok ? parsePayload(envelopes.value[0], statementHeader) : envelopes;
  return header.ok ? header.value.version : undefined;
}

/** A registry that has changed becomes a slice, at most every `publishMs` and for a fifth of the time. */
async function startPublishing(store: Store, options: UpstreamOptions & { readonly keyring: CurrentKeyring }, host: Host) {
  const scopes = [{ sliceId: DEFAULT_SLICE, regions: [] }, ...options.scopes];
  const publisher = createPublisher(
    store,
    { storeAddress: options.storeAddress, folder: options.slices, sliceKey: options.keys.slice, scopes, keyring: options.keyring.read },
    host,
  );
  let running: Promise<void> | undefined;
  let restUntilMs = Number.NEGATIVE_INFINITY;
  const refresh = async () => {
    const startMs = host.clock.monotonicMs();
    try {
      await publisher.refresh();
    } catch (error) {
      host.log.error('publisher-failed', { why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
    const endMs = host.clock.monotonicMs();
    restUntilMs = endMs + REST_FACTOR * (endMs - startMs);
    running = undefined;
  };
  const begin = () => {
    if (running === undefined && host.clock.monotonicMs() >= restUntilMs) running = refresh();
  };
  let isAsked = false;
  const publishAnew = async () => {
    await running;
    running = publisher.refresh(true).finally(() => {
      running = undefined;
    });
    await running;
  };
  // Kiosks are served from the last publication while the next one is built; only the very first is waited for.
  const published = await Promise.all(scopes.map(({ sliceId }) => store.publishedSlices(sliceId, 1)));
  if (published.some((slices) => slices.length === 0)) await publisher.refresh();
  else begin();
  const stop = every(host.clock, options.publishMs, begin);
  return {
    stop,
    idle: async () => running,
    /** However many ask for it at once. */
    anewOnce() {
      if (isAsked) return;
      isAsked = true;
      const asked = publishAnew().catch((error) => host.log.error('publisher-failed', { why: String(error) }));
      void asked.finally(() => {
        isAsked = false;
      });
    },
    anew: publishAnew,
  };
}

/** One projector at a time; a call while it runs is answered by one more run after it. */
function projectionLoop(projector: Projector, host: Host) {
  let running: Promise<void> | undefined;
  let again = false;
  const drain = async (): Promise<void> => {
    try {
      do {
        again = false;
        await projector.drain();
      } while (again);
    } catch (error) {
      // Raw lines are safe; the next run tries again.
      host.log.error('projector-failed', { why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    } finally {
      running = undefined;
    }
  };
  const run = (): Promise<void> => {
    if (running === undefined) running = drain();
    else again = true;
    return running;
  };
  return { run };
}
