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
import { type ReadResult, readCredential } from '../sync/credential/credential.ts';
import { forClass } from '../sync/protocol/policy.ts';
import type { JournalRecord } from '../sync/protocol/records.ts';
import { dayName } from './decision/day-name.ts';
import { type Decision, type DecisionContext, decide, declarationAgeSMax, gradeSlice, type Presented } from './decision/decide.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import { laneFault } from './decision/lane.ts';
import type { PlateSource } from './decision/plate-source.ts';
import { noPresentation, type PresentationStep, type SeenCode, track } from './decision/presentation.ts';
import { resultView } from './decision/result-view.ts';
import type { CodeSource, SightedSymbol, Sighting } from './decode/code-source.ts';
import type { PaintOutcome, Signal } from './display/signal.ts';
import type { Entry, Journal, RecordContext } from './journal/journal.ts';
import type { Registry, RegistryContent } from './registry/registry.ts';

export interface CheckpointStages {
  readonly source: CodeSource;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly signal: Signal;
  readonly plates: PlateSource;
  readonly time: KioskTime;
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
const JOURNAL_RETRY_MS = 2_000;

export function startCheckpoint(stages: CheckpointStages, options: CheckpointOptions, watcher: CheckpointWatcher, host: Host): Checkpoint {
  const { source, registry, journal, signal, plates, time } = stages;
  let presentation = noPresentation;
  let lastDecidedKey: string | undefined;
  let journalFault: FaultCode | undefined;
  let journalRetryAtMs = 0;
  /** The slice that failed in use; another one clears the fault. */
  let brokenSlice: RegistryContent | undefined;
  let shownFault: FaultCode | undefined | 'none-yet' = 'none-yet';
  let stopping = false;

  const recordContext = (nowMs: number): RecordContext => {
    const content = registry.content();
    return {
      nowMs,
      clockState: time.state(),
      sliceVersion: content?.slice.manifest.version,
      policyVersion: content?.policy.version,
      trustVersion: content?.keyring.version,
    };
  };

  /** Appends, or closes the lane: what cannot be recorded does not happen. */
  const append = (entry: Entry, nowMs = time.nowMs()): JournalRecord | undefined => {
    try {
      const record = journal.append(entry, recordContext(nowMs));
      journalFault = undefined;
      return record;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      journalFault = error.code;
      journalRetryAtMs = host.clock.monotonicMs() + JOURNAL_RETRY_MS;
      host.log.error(error.code, { detail: error.detail });
      return undefined;
    }
  };

  const contextOf = (content: RegistryContent): DecisionContext => {
    const nowMs = time.nowMs();
    const issuedAtMs = Date.parse(content.slice.manifest.issuedAt);
    return {
      nowMs,
      policy: content.policy,
      area: options.area,
      surroundings: {
        clock: time.state(),
        sliceGrade:
          brokenSlice === content || nowMs >= Date.parse(content.slice.manifest.expires)
            ? 'closed'
            : gradeSlice(issuedAtMs, nowMs, content.policy),
        trustExpired: nowMs >= content.keyring.expiresAtMs,
      },
    };
  };

  const currentFault = (): FaultCode | undefined => {
    const content = registry.content();
    if (content !== undefined) time.noteStatement(content.issuedAtMs);
    const context = content === undefined ? undefined : contextOf(content);
    return laneFault({
      stopping,
      journal: journalFault ?? journal.fault(),
      clock: time.state(),
      registry: context && {
        grade: context.surroundings.sliceGrade,
        trustExpired: context.surroundings.trustExpired,
        policyExpired: context.nowMs >= Date.parse(context.policy.expires),
        sliceFault: brokenSlice === content,
      },
      registryFault: registry.fault(),
      source: source.health(),
      signal: signal.health(),
    });
  };

  /** Shows and records an opening or closing of the lane; tries a failed journal again from time to time. */
  const checkLane = () => {
    if (journalFault !== undefined && host.clock.monotonicMs() >= journalRetryAtMs) append({ kind: 'fault', fault: journalFault });
    const fault = currentFault();
    if (fault === shownFault) return;
    shownFault = fault;
    signal.setLane(fault === undefined ? { open: true } : { open: false, fault });
    host.log.info(fault === undefined ? 'lane-open' : 'lane-closed', { fault });
    watcher.onLane?.(fault);
    if (journalFault === undefined) append({ kind: 'lane', laneState: fault === undefined ? 'open' : 'closed', fault });
  };

  const look = (sighting: Sighting): void => {
    watcher.onSighting?.(sighting);
    const content = registry.content();
    checkLane();
    if (shownFault !== undefined || content === undefined) {
      presentation = noPresentation;
      return;
    }
    const context = contextOf(content);
    const inGuide = sighting.symbols.filter(({ insideGuide }) => insideGuide);
    const codes = inGuide.flatMap((symbol) => readCode(symbol, content, context));
    const { state, step } = track(presentation, {
      atMs: sighting.arrivedAtMs,
      codes,
      unreadableSizes: inGuide.filter(({ text }) => text === undefined).map(({ relativeSize }) => relativeSize),
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
    const decision = decide(
      code === undefined ? { kind: step.what === 'several-codes' ? step.what : 'unreadable' } : present(code, content),
      context,
    );
    lastDecidedKey = code?.key;
    const record = append(decisionEntry(decision, content, context, options, sighting, step.frames), context.nowMs);
    if (record === undefined) {
      checkLane();
      return;
    }
    const readMs = host.clock.monotonicMs() - step.sinceMs;
    watcher.onDecision?.({ record, decision, readMs, frames: step.frames });
    const passesToday = journal.counts(dayName(context.nowMs)).get('pass') ?? 0;
    const view = resultView(decision, passesToday, context.nowMs - Date.parse(content.slice.manifest.issuedAt));
    void signal.showResult(view).then((painted) => {
      if (!stopping) append({ kind: 'painted', ref: record.id, painted });
      watcher.onPainted?.(record.id, painted);
    });
  };

  const present = (code: ReadCode, content: RegistryContent): Presented => {
    if (!code.read.ok) return { kind: 'code', read: code.read };
    const credential = code.read.value;
    try {
      const slice = content.slice.lookup(credential.claims);
      const reuse = { ...journal.reuse.find(credential), nobodyBetween: lastDecidedKey === code.key };
      return { kind: 'code', read: code.read, slice, reuse, plate: plates.plate() };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      brokenSlice = content;
      host.log.error(error.code, { detail: error.detail });
      return { kind: 'code', read: code.read };
    }
  };

  const run = async () => {
    for (let sighting = await source.next(); sighting !== undefined && !stopping; sighting = await source.next()) look(sighting);
  };

  checkLane();
  const stopWatch = every(host.clock, LANE_CHECK_MS, checkLane);
  const done = run().finally(stopWatch);
  return {
    done,
    fault: () => (shownFault === 'none-yet' ? 'starting' : shownFault),
    async stop() {
      stopping = true;
      stopWatch();
      checkLane();
      await source.close();
      await done;
    },
  };
}

/** Our own codes go by the credential they carry, once its signature held; anything else by a hash of its text. */
function readCode({ text }: SightedSymbol, content: RegistryContent, context: DecisionContext): ReadCode[] {
  if (text === undefined) return [];
  const read = readCredential(text, {
    trust: content.keyring.trust,
    now: Math.floor(context.nowMs / 1000),
    declarationAgeSMax: declarationAgeSMax(content.policy),
  });
  const signed = read.ok ? read.value : read.signed;
  if (signed !== undefined) return [{ key: `cti:${toHex(signed.claims.cti)}`, kind: 'verified', read }];
  const isForeign = !read.ok && read.reason === 'prefix-unknown';
  const key = createHash('sha256').update(text).digest('base64url');
  return [{ key: `text:${key}`, kind: isForeign ? 'foreign' : 'doubtful', read }];
}

function decisionEntry(
  decision: Decision,
  content: RegistryContent,
  { nowMs, policy }: DecisionContext,
  options: CheckpointOptions,
  sighting: Sighting,
  frames: number,
): Entry {
  const { verdict, reason, credential, plate, grade } = decision;
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
      class: credential?.claims.class,
      kid: credential?.kid,
      cti: credential?.claims.cti,
      subject: credential?.claims.subject,
      form: credential?.form,
      direction: options.direction,
      plate,
      grade,
      decodeMs: sighting.decodeMs,
      frames,
    },
  };
}
