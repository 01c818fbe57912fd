/**
 * Writes records with the state of the kiosk in them, and remembers a journal that refuses: what cannot be recorded does not
 * happen. Stands between the path and the journal.
 */
import { Fault, type FaultCode } from '../config/faults.ts';
import type { Host } from '../config/ports/host.ts';
import type { JournalRecord } from '../sync/protocol/records.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import type { Entry, Journal } from './journal/journal.ts';
import type { Registry } from './registry/registry.ts';

export interface Recorder {
  /** Undefined where the record is not on disk: the fault is then known. `nowMs`: trusted time of the event, now if absent. */
  append(entry: Entry, nowMs?: number): JournalRecord | undefined;
  /** Why nothing can be recorded, or nobody decided on; undefined while all is well. */
  fault(): FaultCode | undefined;
  /** Tries a journal that refused again, now and then. */
  retry(): void;
}

const RETRY_MS = 2_000;

export function createRecorder(journal: Journal, registry: Registry, time: KioskTime, host: Host): Recorder {
  let refused: FaultCode | undefined;
  let retryAtMs = 0;
  /** A journal that vanished is replaced at once; the lane stays closed for as long as a try takes, so that somebody sees it. */
  let goneUntilMs = 0;

  const append = (entry: Entry, nowMs = time.nowMs()): JournalRecord | undefined => {
    const content = registry.content();
    try {
      const record = journal.append(entry, {
        nowMs,
        clockState: time.state(),
        sliceVersion: content?.slice.manifest.version,
        policyVersion: content?.policy.version,
        trustVersion: content?.keyring.version,
      });
      refused = undefined;
      return record;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      refused = error.code;
      retryAtMs = host.clock.monotonicMs() + RETRY_MS;
      host.log.error(error.code, { detail: error.detail });
      return undefined;
    }
  };

  return {
    append,
    fault() {
      const fault = refused ?? journal.fault();
      const nowMs = host.clock.monotonicMs();
      if (fault === 'journal-gone') goneUntilMs = nowMs + RETRY_MS;
      return fault ?? (nowMs < goneUntilMs ? 'journal-gone' : undefined);
    },
    retry() {
      if (refused !== undefined && host.clock.monotonicMs() >= retryAtMs) append({ kind: 'fault', fault: refused });
    },
  };
}
