/** Whether the lane may be open: the first doubt closes it, and its name is the O-code on the screen (pure). */
import type { FaultCode } from '../../config/faults.ts';
import type { ClockState } from '../../sync/protocol/records.ts';
import type { DataGrades } from './staleness.ts';

export interface LaneFacts {
  readonly stopping: boolean;
  /** The centre has ended this kiosk. */
  readonly revoked: boolean;
  /** Last fault of the journal that has not been overcome. */
  readonly journal: FaultCode | undefined;
  /** Why a file in use cannot be believed any more, though it was when it was read. */
  readonly files?: FaultCode | undefined;
  readonly clock: ClockState;
  /** Undefined while no whole set of keyring, policy and slice was read. */
  readonly registry:
    | { readonly grades: DataGrades; readonly trustExpired: boolean; readonly policyExpired: boolean; readonly sliceFault: boolean }
    | undefined;
  /** Why the files as they lie there were not taken. */
  readonly registryFault: FaultCode | undefined;
  readonly source: { readonly state: 'starting' | 'live' | 'degraded' | 'down'; readonly fault: FaultCode | undefined };
  readonly signal: { readonly ready: boolean; readonly fault: FaultCode | undefined };
}

/** Undefined: the lane is open. */
export function laneFault(facts: LaneFacts): FaultCode | undefined {
  if (facts.stopping) return 'stopping';
  if (facts.revoked) return 'kiosk-revoked';
  if (facts.journal !== undefined) return facts.journal;
  if (facts.files !== undefined) return facts.files;
  if (facts.registry === undefined) return facts.registryFault ?? 'starting';
  if (facts.clock === 'untrusted') return 'clock-untrusted';
  if (facts.registry.trustExpired) return 'trust-list-expired';
  if (facts.registry.policyExpired) return 'policy-invalid';
  if (facts.registry.sliceFault) return 'slice-corrupt';
  const { statuses, revocations, keys } = facts.registry.grades;
  if (statuses === 'closed' || revocations === 'closed') return 'slice-stale';
  if (keys === 'closed') return 'keys-stale';
  if (facts.source.state === 'starting' || facts.source.state === 'down') return facts.source.fault ?? 'starting';
  return facts.signal.ready ? undefined : (facts.signal.fault ?? 'display-absent');
}
