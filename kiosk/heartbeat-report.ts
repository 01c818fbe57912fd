/** What a kiosk says of itself to the centre, gathered from its stages. */
import { statfsSync } from 'node:fs';
import type { FaultCode } from '../config/faults.ts';
import type { Clock } from '../config/ports/clock.ts';
import type { SyncAges } from '../sync/protocol/evidence.ts';
import type { Expiries } from '../sync/protocol/expiry.ts';
import type { Heartbeat } from '../sync/protocol/heartbeat.ts';
import { dayName } from './decision/day-name.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import type { CodeSource } from './decode/code-source.ts';
import type { DecisionFeed } from './display/decision-feed.ts';
import type { Display } from './display/display.ts';
import type { Journal } from './journal/journal.ts';
import type { OtherLanes } from './other-lanes.ts';
import type { Registry } from './registry/registry.ts';
import type { RemoteOptions } from './remote-config.ts';

export interface ReportParts {
  readonly dataDir: string;
  readonly programVersion: string;
  readonly source: CodeSource;
  readonly registry: Registry;
  readonly journal: Pick<Journal, 'counts' | 'journalId' | 'parent' | 'lastSeq' | 'hashAt'>;
  readonly display: Pick<Display, 'screen'>;
  readonly time: KioskTime;
  readonly feed: DecisionFeed;
  readonly remote: Pick<RemoteOptions, 'version' | 'refused'>;
  /** Undefined for a lane that stands alone. */
  readonly lanes: Pick<OtherLanes, 'state' | 'version'> | undefined;
  expiries(): Expiries;
  fault(): FaultCode | undefined;
}

const TEXT_CHARS_MAX = 200;

export function heartbeatReport(
  parts: ReportParts,
  queue: { readonly waiting: number; readonly quarantined: number; readonly failure: string | undefined; readonly ages: SyncAges },
  clock: Clock,
): Omit<Heartbeat, 'done'> {
  const { source, registry, journal, display, time, feed, remote, lanes } = parts;
  const content = registry.content();
  const camera = source.health();
  const { connected, unpainted } = display.screen();
  const nowMs = time.nowMs();
  const counts = journal.counts(dayName(nowMs));
  const n = journal.lastSeq();
  const parentId = journal.parent()?.journalId;
  const [readMsP50, readMsP95] = [feed.readMsQuantile(0.5), feed.readMsQuantile(0.95)];
  const fault = parts.fault();
  const others = lanes?.state();
  return {
    journal: { journalId: journal.journalId(), ...(parentId !== undefined && { parentId }), n, head: journal.hashAt(n) ?? '' },
    versions: {
      program: parts.programVersion,
      keyring: registry.keyring()?.version,
      policy: content?.policy.version,
      slice: content?.slice.manifest.version,
      config: remote.version,
      peers: lanes?.version(),
    },
    ...(content !== undefined && { storeId: content.slice.manifest.storeId }),
    queue: { waiting: queue.waiting, quarantined: queue.quarantined, failure: queue.failure?.slice(0, TEXT_CHARS_MAX) },
    answered: wholeAges(queue.ages),
    ...(fault !== undefined && { fault }),
    camera: {
      state: camera.state,
      frameRateHz: camera.frameRateHz,
      ...(Number.isFinite(camera.ageMs) && { frameAgeMs: Math.max(0, Math.round(camera.ageMs)) }),
      restarts: camera.restarts,
    },
    expiresAtMs: parts.expiries(),
    screen: { connected, unpainted },
    clock: { state: time.state(), offsetMs: Math.round(nowMs - clock.wallMs()) },
    disk: { freeBytes: freeBytes(parts.dataDir) },
    ...(others !== undefined && { peers: { connected: others.connected, listed: others.listed } }),
    counts: {
      pass: counts.get('pass') ?? 0,
      deny: counts.get('deny') ?? 0,
      seeStaff: counts.get('see-staff') ?? 0,
      alreadyRecorded: counts.get('already-recorded') ?? 0,
      readMsP50,
      readMsP95,
    },
    configRefused: remote.refused
      .slice(0, 64)
      .map(({ key, reason }) => ({ key: key.slice(0, 64), reason: reason.slice(0, TEXT_CHARS_MAX) })),
  };
}

function wholeAges({ push, pull, feed, heartbeat }: SyncAges): SyncAges {
  const whole = (ageMs: number | undefined) => (ageMs === undefined ? undefined : Math.max(0, Math.round(ageMs)));
  return { push: whole(push), pull: whole(pull), feed: whole(feed), heartbeat: whole(heartbeat) };
}

/** A folder that is gone has no room; that it is gone says the fault of the lane. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return 0;
    throw error;
  }
}
