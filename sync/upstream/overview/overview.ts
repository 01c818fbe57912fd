/** What an operator sees of upstream, gathered. */
import type { Clock } from '../../../config/ports/clock.ts';
import { authorityDayStartMs } from '../../protocol/authority-time.ts';
import { ageBounds, type Grade, gradeAge } from '../../protocol/evidence.ts';
import type { Heartbeat } from '../../protocol/heartbeat.ts';
import type { CheckpointOverview, Counts, EnrolledKiosk, RaisedAlarm, Store } from '../store/store.ts';

export interface Overview {
  readonly at: string;
  readonly counts: Counts;
  /** Crossings since the start of the day in the authority's time zone. */
  readonly checkpoints: readonly CheckpointOverview[];
  readonly kiosks: readonly (Pick<EnrolledKiosk, 'kioskId' | 'checkpointId' | 'lane' | 'enrolledAtMs' | 'seenAtMs' | 'revokedAtMs'> & {
    /** What it last said of itself; undefined before its first heartbeat. */
    readonly said:
      | (Pick<Heartbeat, 'fault' | 'listsRefused' | 'queue' | 'versions' | 'answered' | 'expiresAtMs'> & { readonly atMs: number })
      | undefined;
    /** Since any request of it was accepted, and since it last said how it is; undefined: never. */
    readonly seenAgeMs: number | undefined;
    readonly saidAgeMs: number | undefined;
    /** What is said of it is worth so much now, by the age of its last heartbeat. */
    readonly grade: Grade;
  })[];
  readonly alarms: readonly RaisedAlarm[];
  /** Wrong tokens since the start of this process. */
  readonly turnedAway: { readonly operator: number; readonly enrolment: number };
  /** Lines that the log of this process could not take. */
  readonly logLinesDropped: number;
  /** Since when nothing can be stored, Unix milliseconds; null while there is room. */
  readonly diskFullSinceMs: number | null;
}

export interface OverviewParts {
  readonly clock: Clock;
  turnedAway(): Overview['turnedAway'];
  linesDropped(): number;
  diskFullSinceMs(): number | undefined;
}

const ALARMS = 50;
/** Between two processes of one centre. */
const AHEAD_MS_MAX = 60_000;

export async function readOverview(store: Store, { clock, turnedAway, linesDropped, diskFullSinceMs }: OverviewParts): Promise<Overview> {
  const nowMs = clock.wallMs();
  const kiosks = await store.kiosks();
  const saidBy = new Map(
    (await store.heartbeats()).map(({ kioskId, atMs, heartbeat: { fault, listsRefused, queue, versions, answered, expiresAtMs } }) => [
      kioskId,
      { atMs, fault, listsRefused, queue, versions, answered, expiresAtMs },
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
      ...evidenceOf(seenAtMs, saidBy.get(kioskId)?.atMs, nowMs),
    })),
    alarms: await store.alarms(ALARMS),
    turnedAway: turnedAway(),
    logLinesDropped: linesDropped(),
    diskFullSinceMs: diskFullSinceMs() ?? null,
  };
}

function evidenceOf(seenAtMs: number | undefined, saidAtMs: number | undefined, nowMs: number) {
  // A centre that was set back sees reports from the future: they are no evidence about now.
  const ageOf = (atMs: number | undefined) => (atMs === undefined || atMs > nowMs + AHEAD_MS_MAX ? undefined : Math.max(0, nowMs - atMs));
  const saidAgeMs = ageOf(saidAtMs);
  return { seenAgeMs: ageOf(seenAtMs), saidAgeMs, grade: gradeAge(saidAgeMs, ageBounds.heartbeat) };
}
