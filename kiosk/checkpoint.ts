/**
 * The path as code: a look at what is held up becomes a presentation, a decision, a record on disk, and only then a screen.
 * The one place where the stages meet; rules live in the stages. Every branch leaves as a value, and each presentation ends
 * in exactly one decision record.
 */
import { createHash } from 'node:crypto';
import { Fault, type FaultCode } from '../config/faults.ts';
import { every } from '../config/ports/clock.ts';
import type { Host } from '../config/ports/host.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { type Credential, type ReadResult, readCredential } from '../sync/credential/credential.ts';
import { forClass } from '../sync/protocol/policy.ts';
import type { JournalRecord } from '../sync/protocol/records.ts';
import { dayName } from './decision/day-name.ts';
import {
  type Decision,
  type DecisionContext,
  decide,
  declarationAgeSMax,
  type PassesElsewhere,
  type Presented,
} from './decision/decide.ts';
import type { SeenCode } from './decision/followed-things.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import type { PlateSource } from './decision/plate-source.ts';
import { noPresentation, type PresentationStep, pausePresentation, track } from './decision/presentation.ts';
import { inputsOf } from './decision/replay.ts';
import { resultView } from './decision/result-view.ts';
import type { CodeSource, SightedSymbol, Sighting } from './decode/code-source.ts';
import type { PaintOutcome, Signal } from './display/signal.ts';
import type { Entry, Journal } from './journal/journal.ts';
import { createLaneWatch } from './lane-watch.ts';
import { createRecorder } from './recorder.ts';
import type { Registry, RegistryContent } from './registry/registry.ts';

export interface CheckpointStages {
  readonly source: CodeSource;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly signal: Signal;
  readonly plates: PlateSource;
  readonly time: KioskTime;
  /** What other lanes of the checkpoint know; absent for a lane that stands alone. */
  readonly lanes?: { elsewhere(credential: Credential): PassesElsewhere | undefined } | undefined;
  /** Whether the centre has ended this kiosk. */
  isRevoked(): boolean;
}

export interface CheckpointOptions {
  readonly area: number;
  readonly direction: string;
}

/** One finished decision, for whoever watches: the supervisor's feed, the demo. */
export interface DecisionEvent {
  readonly record: JournalRecord;
  readonly decision: Decision;
  /** From the first sight of the code to its decision, milliseconds. */
  readonly readMs: number;
  readonly frames: number;
}

export interface CheckpointWatcher {
  onSighting?(sighting: Sighting): void;
  onDecision?(event: DecisionEvent): void;
  onPainted?(recordId: string, outcome: PaintOutcome): void;
  onLane?(fault: FaultCode | undefined): void;
}

export interface Checkpoint {
  /** Ends when the source does. */
  readonly done: Promise<void>;
  /** Why the lane is closed; undefined while it is open. */
  fault(): FaultCode | undefined;
  /** Closes the lane, then stops. */
  stop(): Promise<void>;
}

interface ReadCode extends SeenCode {
  readonly read: ReadResult;
}

const LANE_CHECK_MS = 200;

export function startCheckpoint(stages: CheckpointStages, options: CheckpointOptions, watcher: CheckpointWatcher, host: Host): Checkpoint {
  const { source, registry, journal, signal, plates, time, lanes } = stages;
  const recorder = createRecorder(journal, registry, time, host);
  const lane = createLaneWatch({ ...stages, recorder, area: options.area }, (fault) => watcher.onLane?.(fault), host);
  let presentation = noPresentation;
  let lastDecidedKey: string | undefined;
  let stopping = false;

  const look = (sighting: Sighting): void => {
    watcher.onSighting?.(sighting);
    const content = registry.content();
    lane.check();
    if (lane.fault() !== undefined || content === undefined) {
      presentation = pausePresentation(presentation);
      return;
    }
    const context = lane.context(content);
    const inGuide = sighting.symbols.filter(({ insideGuide }) => insideGuide);
    const codes = inGuide.flatMap((symbol) => readCode(symbol, content, context));
    const { state, step } = track(presentation, {
      atMs: sighting.arrivedAtMs,
      codes,
      unread: inGuide.filter(({ text }) => text === undefined).map(({ place, whole, sure, advice }) => ({ place, whole, sure, advice })),
      advice: sighting.advice,
      mayDecide: signal.mayShowResult(),
    });
    presentation = state;
    signal.showReading(step.kind === 'reading' ? step.hint : undefined);
    if (step.kind === 'decide') finish(step, codes, content, context, sighting);
  };

  /** The end of a presentation: decide, commit, show. */
  const finish = (
    step: Extract<PresentationStep, { kind: 'decide' }>,
    codes: readonly ReadCode[],
    content: RegistryContent,
    context: DecisionContext,
    sighting: Sighting,
  ): void => {
    const code = step.what === 'code' ? codes.find(({ key }) => key === step.key) : undefined;
    const presented: Presented =
      code === undefined ? { kind: step.what === 'several-codes' ? step.what : 'unreadable' } : present(code, content);
    const decision = decide(presented, context);
    // Another person's code comes between; a sticker, or what nobody can read, is nobody.
    if (code !== undefined ? code.kind !== 'foreign' : step.what === 'several-codes') lastDecidedKey = code?.key;
    const record = recorder.append(decisionEntry(decision, { presented, content, context }, options, sighting, step.frames), context.nowMs);
    if (record === undefined) {
      lane.check();
      return;
    }
    const readMs = host.clock.monotonicMs() - step.sinceMs;
    watcher.onDecision?.({ record, decision, readMs, frames: step.frames });
    const passesToday = journal.counts(dayName(context.nowMs)).get('pass') ?? 0;
    const view = resultView(decision, passesToday, context.nowMs - content.freshAtMs());
    void signal.showResult(view).then((painted) => {
      if (!stopping) recorder.append({ kind: 'painted', ref: record.id, painted });
      watcher.onPainted?.(record.id, painted);
    });
  };

  const present = (code: ReadCode, content: RegistryContent): Presented => {
    if (!code.read.ok) return { kind: 'code', read: code.read };
    const credential = code.read.value;
    try {
      const slice = content.slice.lookup(credential.claims);
      const elsewhere = lanes?.elsewhere(credential);
      const reuse = { ...journal.reuse.find(credential), nobodyBetween: lastDecidedKey === code.key, elsewhere };
      return { kind: 'code', read: code.read, slice, reuse, plate: plates.plate() };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      lane.markBroken(content);
      host.log.error(error.code, { detail: error.detail });
      return { kind: 'code', read: code.read };
    }
  };

  const run = async () => {
    for (let sighting = await source.next(); sighting !== undefined && !stopping; sighting = await source.next()) look(sighting);
  };

  lane.check();
  const stopWatch = every(host.clock, LANE_CHECK_MS, lane.check);
  const done = run().finally(stopWatch);
  return {
    done,
    fault: lane.fault,
    async stop() {
      stopping = true;
      stopWatch();
      lane.stop();
      await source.close();
      await done;
    },
  };
}

/** Our own codes go by the credential they carry, once its signature held; anything else by a hash of its text. */
function readCode({ text, place }: SightedSymbol, content: RegistryContent, context: DecisionContext): ReadCode[] {
  if (text === undefined) return [];
  const read = readCredential(text, {
    trust: content.keyring.trust,
    now: Math.floor(context.nowMs / 1000),
    declarationAgeSMax: declarationAgeSMax(content.policy),
  });
  const signed = read.ok ? read.value : read.signed;
  if (signed !== undefined) return [{ key: `cti:${toHex(signed.claims.cti)}`, kind: 'verified', place, read }];
  const isForeign = !read.ok && read.reason === 'prefix-unknown';
  const key = createHash('sha256').update(text).digest('base64url');
  return [{ key: `text:${key}`, kind: isForeign ? 'foreign' : 'doubtful', place, read }];
}

function decisionEntry(
  decision: Decision,
  { presented, content, context }: { readonly presented: Presented; readonly content: RegistryContent; readonly context: DecisionContext },
  options: CheckpointOptions,
  sighting: Sighting,
  frames: number,
): Entry {
  const { verdict, reason, credential, plate, grade } = decision;
  const { nowMs, policy } = context;
  const passed = verdict === 'pass' && credential !== undefined;
  return {
    kind: 'decision',
    sealTo: content.keyring.sealingKey,
    count: { day: dayName(nowMs), verdict: reason === 'already-recorded' ? reason : verdict },
    passed: passed
      ? { credential, passedAtMs: nowMs, subjectUntilMs: nowMs + forClass(policy.antiPassbackS, credential.claims.class) * 1000 }
      : undefined,
    decision: {
      verdict,
      reason,
      kid: credential?.kid,
      form: credential?.form,
      claims: credential?.claims,
      direction: options.direction,
      plate,
      grade,
      decodeMs: sighting.decodeMs,
      frames,
      inputs: inputsOf(presented, context),
    },
  };
}
