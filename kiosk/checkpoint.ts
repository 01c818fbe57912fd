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
import type { Direction } from '../sync/protocol/golden-case.ts';
import { idCardDigits } from '../sync/protocol/id-card.ts';
import type { JournalRecord } from '../sync/protocol/records.ts';
import { type Awaited, cardDigits, noAnswers, noteCard, noteDecision, waitingFor } from './decision/answers.ts';
import type { ResultView } from './decision/citizen-view.ts';
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
import { heldKey, noPresentation, type PresentationStep, pausePresentation, track } from './decision/presentation.ts';
import { resultView } from './decision/result-view.ts';
import { ageOf } from './decision/staleness.ts';
import { decisionEntry, type Now, type Took } from './decision-entry.ts';
import type { CodeSource, SightedSymbol, Sighting } from './decode/code-source.ts';
import type { PaintOutcome, Signal } from './display/signal.ts';
import type { Journal } from './journal/journal.ts';
import { createLaneWatch } from './lane-watch.ts';
import { createRecorder, type Recorder } from './recorder.ts';
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
  /** Whether the kiosk has a certificate that its centre knows; absent: there is no centre. */
  isEnrolled?(): boolean;
  /** Why what this kiosk itself writes cannot be believed; undefined while all is well. */
  ownFiles?(): FaultCode | undefined;
  /** Takes signed time that somebody shows to the camera, also while the lane is closed; true: that text needs no answer. */
  offerTimeCode?(text: string): boolean;
}

export interface CheckpointOptions {
  readonly area: number;
  readonly direction: Direction;
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
  /** Records what happened beside the path; undefined where it is not on disk. */
  record: Recorder['append'];
  /** Closes the lane, then stops. */
  stop(): Promise<void>;
}

interface ReadCode extends SeenCode {
  readonly read: ReadResult;
  /** The number of an identity card, where it is one. */
  readonly cardDigits?: string | undefined;
}

interface Conclusion {
  readonly decision: Decision;
  /** What went to the screen; undefined where the decision could not be recorded. */
  readonly view: ResultView | undefined;
}

const LANE_CHECK_MS = 200;

export function startCheckpoint(stages: CheckpointStages, options: CheckpointOptions, watcher: CheckpointWatcher, host: Host): Checkpoint {
  const { source, registry, journal, signal, plates, time, lanes } = stages;
  const recorder = createRecorder(journal, registry, time, host);
  const lane = createLaneWatch({ ...stages, ...options, recorder }, (fault) => watcher.onLane?.(fault), host);
  let presentation = noPresentation;
  let lastDecidedKey: string | undefined;
  let answers = noAnswers;
  /** By key, of codes in view: the result that their holders were shown last. */
  let shown: ReadonlyMap<string, ResultView> = new Map();
  let stopping = false;

  const look = (seen: Sighting): void => {
    watcher.onSighting?.(seen);
    const sighting = { ...seen, symbols: seen.symbols.filter(({ text }) => text === undefined || stages.offerTimeCode?.(text) !== true) };
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
    if (step.kind === 'decide') finish(step, codes, { content, context }, sighting.decodeMs);
    shown = new Map([...shown].filter(([key]) => state.codes.has(key)));
    signal.showHeld(shown.get(heldKey(state, sighting.arrivedAtMs) ?? ''));
  };

  /** The end of a presentation. */
  const finish = (step: Extract<PresentationStep, { kind: 'decide' }>, codes: readonly ReadCode[], now: Now, decodeMs: number): void => {
    const nowMs = host.clock.monotonicMs();
    const took: Took = { sinceMs: step.sinceMs, frames: step.frames, decodeMs };
    const code = step.what === 'code' ? codes.find(({ key }) => key === step.key) : undefined;
    if (code === undefined) {
      if (step.what === 'several-codes') lastDecidedKey = undefined;
      conclude({ kind: step.what === 'several-codes' ? step.what : 'unreadable' }, now, took);
    } else if (code.kind !== 'foreign') {
      const presented = present(code, cardDigits(answers, nowMs), now);
      // Another person's code comes between; a sticker, or what nobody can read, is nobody.
      lastDecidedKey = code.key;
      settle(conclude(presented, now, took), code.key);
    } else if (code.cardDigits === undefined || !answer('card', code.cardDigits, now, took)) {
      if (code.cardDigits !== undefined) answers = noteCard(answers, code.cardDigits, nowMs);
      conclude({ kind: 'code', read: code.read }, now, took);
    }
  };

  /** Decides again on the credential that waits for this answer; false where none does. */
  const answer = (awaited: Awaited, idDigits: string | undefined, now: Now, took: Took): boolean => {
    const waiting = waitingFor(answers, awaited, host.clock.monotonicMs());
    if (waiting === undefined) return false;
    const { credential, key } = waiting;
    const reason = endedMeanwhile(credential, now);
    const read: ReadResult = reason === undefined ? { ok: true, value: credential } : { ok: false, reason, signed: credential };
    settle(conclude(present({ key, read }, idDigits, now), now, took), key);
    return true;
  };

  const settle = ({ decision: { credential, reason }, view }: Conclusion, key: string): void => {
    answers = noteDecision(credential, key, reason, host.clock.monotonicMs());
    shown = new Map([...shown].filter(([other]) => other !== key).concat(view === undefined ? [] : [[key, view]]));
    plates.used();
  };

  /** Staff have typed the plate that a credential waits for. */
  const answerPlate = (): void => {
    const content = registry.content();
    if (plates.plate() === undefined || content === undefined || lane.fault() !== undefined || !signal.mayShowResult()) return;
    answer('plate', undefined, { content, context: lane.context(content) }, { sinceMs: host.clock.monotonicMs(), frames: 0, decodeMs: 0 });
  };

  /** Decide, commit, show. */
  const conclude = (presented: Presented, now: Now, took: Took): Conclusion => {
    const { content, context } = now;
    const decision = decide(presented, context);
    const record = recorder.append(decisionEntry(decision, presented, now, took), context.nowMs);
    if (record === undefined) {
      lane.check();
      return { decision, view: undefined };
    }
    const readMs = host.clock.monotonicMs() - took.sinceMs;
    watcher.onDecision?.({ record, decision, readMs, frames: took.frames });
    const facts = {
      turn: journal.counts(dayName(context.nowMs)).get('pass') ?? 0,
      dataAgeMs: ageOf(decision.grade, context.surroundings.grades, content.dataFreshAtMs(), context.nowMs),
      profile: content.policy.profile,
    };
    const view = resultView(decision, facts);
    void signal.showResult(view).then((painted) => {
      if (!stopping) recorder.append({ kind: 'painted', ref: record.id, painted });
      watcher.onPainted?.(record.id, painted);
    });
    return { decision, view };
  };

  const present = ({ key, read }: Pick<ReadCode, 'key' | 'read'>, idDigits: string | undefined, { content, context }: Now): Presented => {
    if (!read.ok) return { kind: 'code', read };
    const credential = read.value;
    try {
      const { occupancy } = content.policy;
      const slice = content.slice.lookup(credential.claims);
      // The lookup reads the file as it lies there now. Without its answer nobody passes.
      if (!lane.filesHold()) return { kind: 'code', read };
      return {
        ...{ kind: 'code', read, idDigits, slice },
        reuse: { ...journal.reuse.find(credential), nobodyBetween: lastDecidedKey === key, elsewhere: lanes?.elsewhere(credential) },
        plate: plates.plate(),
        inside: occupancy && journal.reuse.inside(context.nowMs - occupancy.stayS * 1000),
      };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      lane.markBroken(content);
      host.log.error(error.code, { detail: error.detail });
      return { kind: 'code', read };
    }
  };

  const run = async () => {
    for (let sighting = await source.next(); sighting !== undefined && !stopping; sighting = await source.next()) look(sighting);
  };

  lane.check();
  const stopWatch = every(host.clock, LANE_CHECK_MS, () => {
    lane.check();
    answerPlate();
  });
  const done = run().finally(stopWatch);
  return {
    done,
    fault: lane.fault,
    record: recorder.append,
    async stop() {
      stopping = true;
      stopWatch();
      lane.stop();
      await source.close();
      await done;
    },
  };
}

/** What may have ended a credential while it waited for an answer. */
function endedMeanwhile({ kid, claims }: Credential, { content, context }: Now): 'kid-revoked' | 'expired' | undefined {
  const issuer = content.trust().get(kid);
  if (issuer === undefined || issuer.status === 'revoked') return 'kid-revoked';
  return context.nowMs >= claims.expiresAt * 1000 ? 'expired' : undefined;
}

/** Our own codes go by the credential they carry, once its signature held; anything else by a hash of its text. */
function readCode({ text, place }: SightedSymbol, content: RegistryContent, context: DecisionContext): ReadCode[] {
  if (text === undefined) return [];
  const read = readCredential(text, {
    trust: content.trust(),
    now: Math.floor(context.nowMs / 1000),
    declarationAgeSMax: declarationAgeSMax(content.policy),
  });
  const signed = read.ok ? read.value : read.signed;
  if (signed !== undefined) return [{ key: `cti:${toHex(signed.claims.cti)}`, kind: 'verified', place, read }];
  const isForeign = !read.ok && read.reason === 'prefix-unknown';
  const key = createHash('sha256').update(text).digest('base64url');
  return [
    { key: `text:${key}`, kind: isForeign ? 'foreign' : 'doubtful', place, read, cardDigits: isForeign ? idCardDigits(text) : undefined },
  ];
}
