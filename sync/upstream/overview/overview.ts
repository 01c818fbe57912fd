/** What an operator sees of upstream, gathered. */
import type { Clock } from '../../../config/ports/clock.ts';
import { authorityDayStartMs } from '../../protocol/authority-time.ts';
import type { Heartbeat } from '../../protocol/heartbeat.ts';
import type { CheckpointOverview, Counts, EnrolledKiosk, RaisedAlarm, Store } from '../store/store.ts';

export interface Overview {
  readonly at: string;
  readonly counts: Counts;
  /** Crossings since the start of the day in the authority's time zone. */
  readonly checkpoints: readonly CheckpointOverview[];
  readonly kiosks: readonly (Pick<EnrolledKiosk, 'kioskId' | 'checkpointId' | 'lane' | 'enrolledAtMs' | 'seenAtMs' | 'revokedAtMs'> & {
    /** What it last said of itself; undefined before its first heartbeat. */
    readonly said: (Pick<Heartbeat, 'fault' | 'queue' | 'versions'> & { readonly atMs: number }) | undefined;
  })[];
  readonly alarms: readonly RaisedAlarm[];
}

const ALARMS = 50;

export async function readOverview(store: Store, clock: Clock): Promise<Overview> {
  const nowMs = clock.wallMs();
  const kiosks = await store.kiosks();
  const saidBy = new Map(
    (await store.heartbeats()).map(({ kioskId, atMs, heartbeat: { fault, queue, versions } }) => [
      kioskId,
      { atMs, fault, queue, versions },
    ]),
  );
  return {
    at: new Date(nowMs).toISOString(),
    counts: await store.counts(),
    checkpoints: await store.checkpoints(authorityDayStartMs(nowMs)),
    kiosks: kiosks.map(({ kioskId, checkpointId, lane, enrolledAtMs, seenAtMs, revokedAtMs }) => ({
      kioskId,
      checkpointId,
      lane,
      enrolledAtMs,
      seenAtMs,
      revokedAtMs,
      said: saidBy.get(kioskId),
    })),
    alarms: await store.alarms(ALARMS),
  };
}
