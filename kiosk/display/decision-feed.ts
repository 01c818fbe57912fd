/** The supervisor's feed: masked rows of the last decisions, in memory only; it ends with the process. */
import type { PaintOutcome } from './signal.ts';
import type { SupervisorDecision } from './supervisor-view.ts';

export interface DecisionFeed {
  add(id: string, row: SupervisorDecision): void;
  setPainted(id: string, outcome: PaintOutcome): void;
  /** Newest first. */
  newest(limit: number): SupervisorDecision[];
  /** Of the read times kept, milliseconds; undefined while there are none. */
  readMsQuantile(quantile: number): number | undefined;
}

const ROWS_MAX = 10_000;
const QUANTILE_ROWS = 200;

export function createDecisionFeed(): DecisionFeed {
  const rows = new Map<string, SupervisorDecision>();
  return {
    add(id, row) {
      rows.set(id, row);
      const [oldest] = rows.keys();
      if (rows.size > ROWS_MAX && oldest !== undefined) rows.delete(oldest);
    },
    setPainted(id, painted) {
      const row = rows.get(id);
      if (row !== undefined) rows.set(id, { ...row, painted });
    },
    newest: (limit) => [...rows.values()].slice(-limit).reverse(),
    readMsQuantile(quantile) {
      const times = [...rows.values()].slice(-QUANTILE_ROWS).map(({ readMs }) => readMs);
      times.sort((a, b) => a - b);
      return times[Math.min(times.length - 1, Math.floor(quantile * times.length))];
    },
  };
}
