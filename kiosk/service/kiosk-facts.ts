/** The state of the kiosk as plain values, gathered from its stages: what the metrics say. Names nobody. */
import { z } from 'zod';
import { Fault, type FaultCode } from '../../config/faults.ts';
import type { SyncAges } from '../../sync/protocol/evidence.ts';
import type { Expiries } from '../../sync/protocol/expiry.ts';
import { type JournalRecord, recordSchema } from '../../sync/protocol/records.ts';
import type { KioskTime } from '../decision/kiosk-time.ts';
import type { CodeSource, CodeSourceHealth } from '../decode/code-source.ts';

export interface KioskFacts {
  /** Why the lane is closed; undefined while it is open. */
  readonly fault: FaultCode | undefined;
  readonly camera: CodeSourceHealth;
  readonly screenConnected: boolean;
  /** Since the citizen page last confirmed what it shows; undefined: not since it connected. */
  readonly screenAgeMs: number | undefined;
  readonly clock: JournalRecord['clockState'];
  /** Since signed time was last taken; undefined: not in this boot. */
  readonly clockSignedAgeMs: number | undefined;
  /** Undefined while there is no slice. */
  readonly sliceAgeMs: number | undefined;
  readonly records: number;
  /** Undefined for a kiosk without a centre. */
  readonly queue: FactsOfQueue | undefined;
  /** Since the centre last answered each loop; undefined for a kiosk without a centre. */
  readonly syncAges: SyncAges | undefined;
  /** Until what it works with runs out, milliseconds; undefined: there is none. */
  readonly leftMs: Expiries;
  /** Other lanes that are connected; undefined for a lane that stands alone. */
  readonly peersConnected: number | undefined;
  /** How often somebody was turned away, by door. */
  readonly refused: Readonly<Record<FactsDoor, number>>;
  /** Lines that the log could not take. */
  readonly logLinesDropped: number;
}

export const factsDoors = ['page-token', 'page-socket', 'peer'] as const;
type FactsDoor = (typeof factsDoors)[number];

interface FactsOfQueue {
  /** That the centre has not acknowledged. */
  readonly records: number;
  /** Of the first of them; undefined where it cannot be read, 0 where none waits. */
  readonly oldestAgeMs: number | undefined;
}

/** What is asked of the stages. */
export interface FactParts {
  readonly source: Pick<CodeSource, 'health'>;
  readonly registry: { content(): { freshAtMs(): number } | undefined };
  readonly journal: { lastSeq(): number; readAfter(seq: number, limit: number): readonly { readonly line: Uint8Array }[] };
  readonly display: {
    screen(): { readonly connected: boolean; readonly confirmedAgeMs: number | undefined };
    refused(): Readonly<Record<Exclude<FactsDoor, 'peer'>, number>>;
  };
  readonly time: Pick<KioskTime, 'nowMs' | 'state' | 'signedAgeMs'>;
  readonly push: { state(): { readonly waiting: number; readonly acknowledged: number } } | undefined;
  readonly sync: { ages(): SyncAges } | undefined;
  readonly lanes?: { state(): { readonly connected: number; readonly refused: number } } | undefined;
  expiries(): Expiries;
  /** The log's own count. */
  linesDropped(): number;
}

/** Reads one record of the journal, where any waits. */
export function kioskFacts(parts: FactParts, fault: FaultCode | undefined): KioskFacts {
  const { source, registry, journal, display, time, push, sync, lanes } = parts;
  const nowMs = time.nowMs();
  const freshAtMs = registry.content()?.freshAtMs();
  const queue = push?.state();
  const screen = display.screen();
  return {
    fault,
    camera: source.health(),
    screenConnected: screen.connected,
    screenAgeMs: screen.confirmedAgeMs,
    clock: time.state(),
    clockSignedAgeMs: time.signedAgeMs(),
    sliceAgeMs: freshAtMs === undefined ? undefined : nowMs - freshAtMs,
    records: journal.lastSeq(),
    queue: queue && { records: queue.waiting, oldestAgeMs: queue.waiting === 0 ? 0 : ageOfNext(journal, queue.acknowledged, nowMs) },
    syncAges: sync?.ages(),
    leftMs: leftAt(parts.expiries(), nowMs),
    peersConnected: lanes?.state().connected,
    refused: { ...display.refused(), peer: lanes?.state().refused ?? 0 },
    logLinesDropped: parts.linesDropped(),
  };
}

function leftAt({ keyring, policy, slice, certificate }: Expiries, nowMs: number): Expiries {
  const left = (atMs: number | undefined) => (atMs === undefined ? undefined : atMs - nowMs);
  return { keyring: left(keyring), policy: left(policy), slice: left(slice), certificate: left(certificate) };
}

/** Age of the record behind `after`. Where the disk refuses, the rest of the state is asked for all the more. */
function ageOfNext(journal: FactParts['journal'], after: number, nowMs: number): number | undefined {
  try {
    const [next] = journal.readAfter(after, 1);
    if (next === undefined) return undefined;
    const { eventTime } = recordSchema.parse(JSON.parse(new TextDecoder().decode(next.line)));
    return Math.max(0, nowMs - Date.parse(eventTime));
  } catch (error) {
    const isDamaged = error instanceof SyntaxError || error instanceof z.ZodError;
    if (isDamaged || error instanceof Fault) return undefined;
    throw error;
  }
}
