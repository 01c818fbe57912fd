/**
 * What the kiosk says to a monitoring system, in Prometheus text. State is asked for when it is read; decisions and times are
 * counted as they come. Labels are words of fixed lists (codes of faults, states, verdicts): no ids, no names, no texts.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type FaultCode, faults } from '../../config/faults.ts';
import { syncLoops } from '../../sync/protocol/evidence.ts';
import { expiring } from '../../sync/protocol/expiry.ts';
import { countedVerdict, countedVerdicts } from '../../sync/protocol/reasons.ts';
import { clockStates } from '../../sync/protocol/records.ts';
import type { Decision } from '../decision/decide.ts';
import type { PaintOutcome } from '../display/signal.ts';
import { factsDoors, type KioskFacts } from './kiosk-facts.ts';

export interface Metrics {
  readonly contentType: string;
  onDecode(decodeMs: number): void;
  /** `readMs`: from the first sight of the code. */
  onDecision(decision: Pick<Decision, 'verdict' | 'reason'>, readMs: number): void;
  onPainted(outcome: PaintOutcome): void;
  /** `closedBy`: why the lane is closed while there are no facts yet. */
  text(facts: KioskFacts | undefined, closedBy?: FaultCode): Promise<string>;
}

const CAMERA_STATES = ['starting', 'live', 'degraded', 'down'] as const;
const PAINT_OUTCOMES: readonly PaintOutcome[] = ['painted', 'unpainted', 'superseded'];
/** The faults that close a lane; those of the centre are not a kiosk's. */
const laneFaults = codesOf(([, { screenCode }]) => screenCode.startsWith('O-'));
const cameraFaults = codesOf(([code]) => /^(camera-|ffmpeg-|decoder-)/.test(code));
const DECODE_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.066, 0.1, 0.15, 0.25, 0.5, 1];
const READ_S = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const { gauge, choice, ages, counter, total, histogram } = seriesIn(registry);
  const laneOpen = gauge('lane_open', '1 while the lane is open.');
  const laneFault = choice('lane_fault', 'Why the lane is closed: 1 at the fault.', 'code', laneFaults);
  const cameraState = choice('camera_state', 'How the camera is.', 'state', CAMERA_STATES);
  const cameraFault = choice('camera_fault', 'What is wrong with the camera, its picture or the decoder.', 'code', cameraFaults);
  const frameRate = gauge('camera_frame_rate_hertz', 'Frames a second that arrive.');
  const frameAge = gauge('camera_frame_age_seconds', 'Age of the newest frame; +Inf before the first.');
  const restarts = gauge('camera_restarts', 'How often the camera was opened anew since the start.');
  const level = gauge('camera_picture_level', 'Mean grey level of the newest picture, 0 to 255.');
  const detail = gauge('camera_picture_detail_ratio', 'Edges of the newest picture, in parts of its mean level.');
  const decode = histogram('decode_seconds', 'Time to decode one frame.', DECODE_S);
  const read = histogram('read_seconds', 'From the first sight of a code to its decision.', READ_S);
  const decisions = counter('decisions_total', 'Decisions since the start.', 'verdict', countedVerdicts);
  const screen = gauge('screen_connected', '1 while the citizen page confirms what it shows.');
  const painted = counter('results_painted_total', 'What became of the results that were sent to the screen.', 'outcome', PAINT_OUTCOMES);
  const records = gauge('journal_records', 'Number of the last record of the journal.');
  const queued = gauge('queue_records', 'Records that the centre has not acknowledged; absent without a centre.');
  const queuedAge = gauge('queue_oldest_age_seconds', 'Age of the oldest of them; 0 for none.');
  const sliceAge = gauge('slice_age_seconds', 'Age of the registry slice; +Inf while there is none.');
  const peers = gauge('peers_connected', 'Other lanes of the checkpoint that are connected; absent for a lane that stands alone.');
  const refused = total(
    'refused_total',
    'Who was turned away since the start: page tokens, page sockets, other lanes.',
    'door',
    factsDoors,
  );
  const linesDropped = total('log_lines_dropped_total', 'Lines that the log could not take.');
  const screenAge = gauge('screen_confirmed_age_seconds', 'Since the citizen page last confirmed what it shows; +Inf: not yet.');
  const signedAge = gauge('clock_signed_age_seconds', 'Since signed time was last taken; +Inf: not since the start.');
  const syncAge = ages(
    'sync_age_seconds',
    'Since the centre last gave each loop a signed answer; +Inf: not since the start; absent without a centre.',
    'loop',
  );
  const left = ages(
    'valid_left_seconds',
    'Until what the kiosk works with runs out, negative once it has; absent for what it has none of.',
    'of',
  );
  const clock = choice('clock_state', 'Whether the time can be trusted.', 'state', clockStates);

  const state = (facts: KioskFacts | undefined, closedBy: FaultCode) => {
    const { fault, camera, queue } = facts ?? { fault: closedBy, camera: undefined, queue: undefined };
    laneOpen.set(fault === undefined ? 1 : 0);
    laneFault(fault);
    cameraState(camera?.state ?? 'starting');
    cameraFault(camera?.fault);
    frameRate.set(camera?.frameRateHz ?? 0);
    frameAge.set((camera?.ageMs ?? Number.POSITIVE_INFINITY) / 1000);
    restarts.set(camera?.restarts ?? 0);
    setOrRemove(level, camera?.picture?.level);
    setOrRemove(detail, camera?.picture?.detail);
    screen.set(facts?.screenConnected ? 1 : 0);
    setOrRemove(records, facts?.records);
    setOrRemove(queued, queue?.records);
    setOrRemove(queuedAge, queue?.oldestAgeMs === undefined ? undefined : queue.oldestAgeMs / 1000);
    sliceAge.set((facts?.sliceAgeMs ?? Number.POSITIVE_INFINITY) / 1000);
    setOrRemove(peers, facts?.peersConnected);
    for (const door of factsDoors) refused(facts?.refused[door] ?? 0, door);
    linesDropped(facts?.logLinesDropped ?? 0);
    clock(facts?.clock);
    screenAge.set((facts?.screenAgeMs ?? Number.POSITIVE_INFINITY) / 1000);
    signedAge.set((facts?.clockSignedAgeMs ?? Number.POSITIVE_INFINITY) / 1000);
    for (const name of expiring) left(name, inSeconds(facts?.leftMs[name]));
    for (const loop of syncLoops) syncAge(loop, facts?.syncAges && (facts.syncAges[loop] ?? Number.POSITIVE_INFINITY) / 1000);
  };

  return {
    contentType: registry.contentType,
    onDecode: (decodeMs) => decode.observe(decodeMs / 1000),
    onDecision(decision, readMs) {
      decisions(countedVerdict(decision));
      read.observe(readMs / 1000);
    },
    onPainted: painted,
    text(facts, closedBy = 'starting') {
      state(facts, closedBy);
      return registry.metrics();
    },
  };
}

function seriesIn(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name: `checkpoint_${name}`, help, registers });
  /** One of a fixed list at a time: 1 for that one, 0 for the others, so that an alarm needs no absent series. */
  const choice = (name: string, help: string, label: string, values: readonly string[]) => {
    const series = new Gauge({ name: `checkpoint_${name}`, help, labelNames: [label], registers });
    const set = (chosen: string | undefined) => {
      for (const value of values) series.set({ [label]: value }, value === chosen ? 1 : 0);
    };
    set(undefined);
    return set;
  };
  /** One value for each of a fixed list; none where it does not apply. */
  const ages = (name: string, help: string, label: string) => {
    const series = new Gauge({ name: `checkpoint_${name}`, help, labelNames: [label], registers });
    return (which: string, value: number | undefined) => {
      if (value === undefined) series.remove(which);
      else series.set({ [label]: which }, value);
    };
  };
  const counter = (name: string, help: string, label: string, values: readonly string[]) => {
    const series = new Counter({ name: `checkpoint_${name}`, help, labelNames: [label], registers });
    for (const value of values) series.inc({ [label]: value }, 0);
    return (value: string) => series.inc({ [label]: value });
  };
  /** Counted elsewhere: set to what it has come to. */
  const total = (name: string, help: string, label?: string, values: readonly string[] = []) => {
    const labelNames = label === undefined ? [] : [label];
    const series = new Counter({ name: `checkpoint_${name}`, help, labelNames, registers });
    const counts = new Map<string, number>(values.map((value) => [value, 0]));
    return (count: number, value = '') => {
      counts.set(value, count);
      series.reset();
      for (const [known, so] of counts) series.inc(label === undefined ? {} : { [label]: known }, so);
    };
  };
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `checkpoint_${name}`, help, buckets, registers });
  return { gauge, choice, ages, counter, total, histogram };
}

function inSeconds(spanMs: number | undefined): number | undefined {
  return spanMs === undefined ? undefined : spanMs / 1000;
}

/** What is not known has no value; 0 would be one. */
function setOrRemove(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}

function codesOf(isWanted: (entry: [string, { readonly screenCode: string }]) => boolean): string[] {
  return Object.entries<{ readonly screenCode: string }>(faults)
    .filter(isWanted)
    .map(([code]) => code);
}
