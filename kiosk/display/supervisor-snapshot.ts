/** Gathers what the supervisor's page shows: a masked row for each decision, and the state of the lane once a second. */
import { type FaultCode, faults } from '../../config/faults.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import {
  ageBounds,
  type CentreEvidence,
  type ClockEvidence,
  type Grade,
  gradeAge,
  gradeCentre,
  gradeClock,
  gradeLane,
  gradeLanes,
  gradeLoops,
  worstOf,
} from '../../sync/protocol/evidence.ts';
import type { Expiries } from '../../sync/protocol/expiry.ts';
import { countedVerdict, reasons } from '../../sync/protocol/reasons.ts';
import type { JournalRecord } from '../../sync/protocol/records.ts';
import { dayName } from '../decision/day-name.ts';
import type { Decision } from '../decision/decide.ts';
import type { KioskTime } from '../decision/kiosk-time.ts';
import { ageOf, gradeData, worstGrade } from '../decision/staleness.ts';
import type { CodeSource } from '../decode/code-source.ts';
import type { Journal } from '../journal/journal.ts';
import type { Registry, RegistryContent } from '../registry/registry.ts';
import type { DecisionFeed } from './decision-feed.ts';
import type { Display } from './display.ts';
import type { ClockCard, SupervisorDecision, SupervisorSnapshot, TileGrades } from './supervisor-view.ts';

export interface SnapshotParts {
  readonly config: { readonly kioskId: string; readonly checkpointId: string; readonly lane: string };
  readonly demo: boolean;
  readonly source: CodeSource;
  readonly registry: Registry;
  readonly journal: Pick<Journal, 'counts' | 'lastSeq'>;
  readonly display: Pick<Display, 'screen'>;
  readonly time: KioskTime;
  /** How staff may bring the time; undefined once it is signed. */
  clockCard?(): ClockCard | undefined;
  readonly feed: DecisionFeed;
  expiries(): Expiries;
  /** Undefined for a kiosk without upstream. */
  readonly push: { state(): { readonly waiting: number } } | undefined;
  /** When the centre last answered, and what waits for it; undefined for a kiosk without upstream. */
  centre(): CentreEvidence | undefined;
  /** Why newer lists of the centre are not taken. */
  listsRefused?(): FaultCode | undefined;
  /** Undefined for a lane that stands alone. */
  readonly lanes?: { state(): NonNullable<SupervisorSnapshot['lanes']> } | undefined;
}

const ROWS = 50;
const TAIL_CHARS = 4;

export function supervisorRow(event: { record: JournalRecord; decision: Decision; readMs: number }): SupervisorDecision {
  const { record, decision, readMs } = event;
  const { vi, en, actionVi, actionEn, code } = reasons[decision.reason];
  const claims = decision.credential?.claims;
  return {
    at: record.eventTime,
    verdict: countedVerdict(decision),
    reason: decision.reason,
    reasonVi: vi,
    reasonEn: en,
    actionVi,
    actionEn,
    screenCode: code ?? '',
    codeTail: claims === undefined ? undefined : toHex(claims.cti).slice(-TAIL_CHARS),
    class: claims?.class,
    maskedName: claims?.maskedName,
    readMs,
    painted: 'pending',
  };
}

export function supervisorSnapshot(parts: SnapshotParts, fault: FaultCode | undefined): SupervisorSnapshot {
  const { config, demo, source, registry, journal, display, time, feed, push, lanes } = parts;
  const nowMs = time.nowMs();
  const content = registry.content();
  const camera = source.health();
  const counts = journal.counts(dayName(nowMs));
  const records = journal.lastSeq();
  const sync = push?.state();
  const centre = parts.centre();
  const grades = tileGrades(parts, fault, centre);
  const refused = parts.listsRefused?.();
  return {
    kioskId: config.kioskId,
    checkpointId: config.checkpointId,
    lane: config.lane,
    demo,
    open: fault === undefined,
    fault: fault && { code: fault, ...faults[fault] },
    camera: {
      state: camera.state,
      frameAgeMs: camera.ageMs,
      frameRateHz: camera.frameRateHz,
      restarts: camera.restarts,
      picture: camera.picture,
    },
    screen: display.screen(),
    clock: { state: time.state(), at: new Date(nowMs).toISOString(), signedAgeMs: time.signedAgeMs(), card: parts.clockCard?.() },
    slice: { ...(content === undefined ? noData : dataOf(content, nowMs)), refused: refused && faults[refused] },
    journal: { records, unacknowledged: sync?.waiting ?? records },
    centre: centre && {
      ages: centre.ages,
      grades: gradeLoops(centre),
      isUnknown: centre.isUnknown === true,
      oldestAgeMs: centre.queue.oldestAgeMs,
    },
    expiries: parts.expiries(),
    grades,
    lanes: lanes?.state(),
    counts: {
      pass: counts.get('pass') ?? 0,
      deny: counts.get('deny') ?? 0,
      seeStaff: counts.get('see-staff') ?? 0,
      alreadyRecorded: counts.get('already-recorded') ?? 0,
    },
    decisions: feed.newest(ROWS),
    readMsP50: feed.readMsQuantile(0.5),
    readMsP95: feed.readMsQuantile(0.95),
  };
}

/** While the stages are not open: why, and nothing of what they would say. */
export function closedSnapshot(
  { config, demo, display }: Pick<SnapshotParts, 'config' | 'demo' | 'display'>,
  { fault, detail }: { readonly fault: FaultCode; readonly detail: string | undefined },
  wallMs: number,
): SupervisorSnapshot {
  return {
    kioskId: config.kioskId,
    checkpointId: config.checkpointId,
    lane: config.lane,
    demo,
    open: false,
    fault: { code: fault, ...faults[fault], detail },
    camera: { state: 'starting', frameAgeMs: Number.POSITIVE_INFINITY, frameRateHz: 0, restarts: 0 },
    screen: display.screen(),
    clock: { state: 'unknown', at: new Date(wallMs).toISOString(), signedAgeMs: undefined },
    slice: noData,
    journal: { records: 0, unacknowledged: 0 },
    centre: undefined,
    expiries: { keyring: undefined, policy: undefined, slice: undefined, certificate: undefined },
    grades: NOTHING_KNOWN,
    counts: { pass: 0, deny: 0, seeStaff: 0, alreadyRecorded: 0 },
    decisions: [],
    readMsP50: undefined,
    readMsP95: undefined,
  };
}

/** Nothing is green before the stages have said how they are. */
const NOTHING_KNOWN: TileGrades = {
  ...{ lane: 'red', camera: 'red', screen: 'red', clock: 'red', slice: 'red' },
  ...{ centre: undefined, lanes: undefined },
};

/** Each tile by the age of what it rests on. */
function tileGrades(parts: SnapshotParts, fault: FaultCode | undefined, centre: CentreEvidence | undefined): TileGrades {
  const { source, registry, display, time, lanes } = parts;
  const content = registry.content();
  const camera = source.health();
  const others = lanes?.state();
  const clock: ClockEvidence = {
    state: time.state(),
    signedAgeMs: time.signedAgeMs(),
    passesOnUnknown: content?.policy.passOnUnknownClock === true,
  };
  return {
    lane: gradeLane(fault === undefined, clock),
    camera: worstOf(CAMERA_GRADES[camera.state], gradeAge(camera.ageMs, ageBounds.frame)),
    screen: gradeAge(display.screen().confirmedAgeMs, ageBounds.screen),
    clock: gradeClock(clock),
    slice:
      content === undefined
        ? 'red'
        : worstOf(DATA_GRADES[dataOf(content, time.nowMs()).grade], parts.listsRefused?.() === undefined ? 'green' : 'amber'),
    centre: centre && gradeCentre(centre),
    lanes: others && gradeLanes(others),
  };
}

const CAMERA_GRADES = { live: 'green', degraded: 'amber', starting: 'red', down: 'red' } as const satisfies Record<string, Grade>;
const DATA_GRADES = { fresh: 'green', amber: 'amber', restricted: 'amber', closed: 'red' } as const satisfies Record<string, Grade>;
const noData = { listed: undefined, revoked: undefined, ageMs: undefined, grade: undefined, grades: undefined };

/** The worst grade of the data, the age of what has it, and the grades of all classes of data. */
function dataOf({ dataFreshAtMs, policy, slice }: RegistryContent, nowMs: number) {
  const freshAtMs = dataFreshAtMs();
  const grades = gradeData(freshAtMs, nowMs, policy);
  const grade = worstGrade(grades);
  const { status, revoked } = slice.manifest.rows;
  return { listed: status, revoked, ageMs: Math.max(0, ageOf(grade, grades, freshAtMs, nowMs)), grade, grades };
}
