/** Opens and closes the lane: asks every stage how it is, shows the first doubt on the screen, and records each change. */
import type { FaultCode } from '../config/faults.ts';
import type { Host } from '../config/ports/host.ts';
import type { Direction } from '../sync/protocol/golden-case.ts';
import type { DecisionContext } from './decision/decide.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import { laneFault } from './decision/lane.ts';
import { gradeData } from './decision/staleness.ts';
import type { CodeSource } from './decode/code-source.ts';
import type { Signal } from './display/signal.ts';
import type { Recorder } from './recorder.ts';
import type { Registry, RegistryContent } from './registry/registry.ts';

export interface LaneWatchStages {
  readonly source: CodeSource;
  readonly registry: Registry;
  readonly signal: Signal;
  readonly time: KioskTime;
  readonly recorder: Recorder;
  /** Whether the centre has ended this kiosk. */
  isRevoked(): boolean;
  /** Whether the kiosk has a certificate that its centre knows; absent: there is no centre. */
  isEnrolled?(): boolean;
  /** Why what this kiosk itself writes (its state, the feed) cannot be believed; undefined while all is well. */
  ownFiles?(): FaultCode | undefined;
  /** Area code of the checkpoint. */
  readonly area: number;
  readonly direction: Direction;
}

export interface LaneWatch {
  /** Looks at every stage; shows and records an opening or closing. */
  check(): void;
  /** Whether the files that an answer came from are still those that were read: asked after the answer. */
  filesHold(): boolean;
  /** Why the lane is closed; undefined while it is open. */
  fault(): FaultCode | undefined;
  /** What a decision made now rests on. */
  context(content: RegistryContent): DecisionContext;
  /** A lookup in it failed: closed until another slice is there. */
  markBroken(content: RegistryContent): void;
  /** Closes the lane for good. */
  stop(): void;
}

const OWN_FAULT_MS = 2_000;

export function createLaneWatch(stages: LaneWatchStages, onChange: (fault: FaultCode | undefined) => void, host: Host): LaneWatch {
  const { source, registry, signal, time, recorder, isRevoked, area, direction } = stages;
  let broken: RegistryContent | undefined;
  let shown: { readonly fault: FaultCode | undefined } | undefined;
  let stopping = false;

  const context = (content: RegistryContent): DecisionContext => {
    const nowMs = time.nowMs();
    const { expires } = content.slice.manifest;
    const isOver = broken === content || nowMs >= Date.parse(expires);
    const grades = gradeData(content.dataFreshAtMs(), nowMs, content.policy);
    return {
      nowMs,
      policy: content.policy,
      area,
      direction,
      surroundings: {
        clock: time.state(),
        grades: isOver ? { ...grades, statuses: 'closed', revocations: 'closed' } : grades,
        trustExpired: nowMs >= content.keyring.expiresAtMs,
      },
    };
  };

  /** What this kiosk writes itself is written anew from memory at once: closed for a moment, so that somebody sees it. */
  let own: FaultCode | undefined;
  let ownUntilMs = 0;
  const ownFault = (): FaultCode | undefined => {
    const found = stages.ownFiles?.();
    const nowMs = host.clock.monotonicMs();
    if (found !== undefined) {
      if (own === undefined) host.log.error(found);
      own = found;
      ownUntilMs = nowMs + OWN_FAULT_MS;
    } else if (nowMs >= ownUntilMs) own = undefined;
    return own;
  };
  const filesFault = () => registry.changed() ?? ownFault();

  /** Lists that are missing because nobody may fetch them have another remedy than lists that are lost. */
  const namedFault = (fault: FaultCode | undefined): FaultCode | undefined =>
    fault === 'slice-missing' && stages.isEnrolled?.() === false ? 'not-enrolled' : fault;

  const findFault = (): FaultCode | undefined => {
    const files = filesFault();
    const content = registry.content();
    if (content !== undefined) time.noteStatement(content.issuedAtMs);
    const now = content === undefined ? undefined : context(content);
    return laneFault({
      stopping,
      revoked: isRevoked(),
      journal: recorder.fault(),
      files,
      clock: time.state(),
      registry: now && {
        grades: now.surroundings.grades,
        trustExpired: now.surroundings.trustExpired,
        policyExpired: now.nowMs >= Date.parse(now.policy.expires),
        sliceFault: broken === content,
      },
      registryFault: namedFault(registry.fault()),
      source: source.health(),
      signal: signal.health(),
    });
  };

  const check = () => {
    recorder.retry();
    const fault = findFault();
    if (shown !== undefined && fault === shown.fault) return;
    shown = { fault };
    signal.setLane(fault === undefined ? { open: true } : { open: false, fault });
    host.log.info(fault === undefined ? 'lane-open' : 'lane-closed', { fault });
    onChange(fault);
    recorder.append({ kind: 'lane', laneState: fault === undefined ? 'open' : 'closed', fault });
  };

  return {
    check,
    filesHold: () => filesFault() === undefined,
    fault: () => (shown === undefined ? 'starting' : shown.fault),
    context,
    markBroken(content) {
      broken = content;
    },
    stop() {
      stopping = true;
      check();
    },
  };
}
