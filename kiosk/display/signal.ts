/**
 * The port Signal: verdicts out. The screen is one; a relay, a barrier or a webhook will be another. A signal that is
 * told nothing for a while, or loses its kiosk, fails to red by itself.
 */
import type { FaultCode } from '../../config/faults.ts';
import type { ReadingHint, ResultView } from '../decision/citizen-view.ts';

/** What became of a result: shown and confirmed, not confirmed in time, or replaced by another before. */
export type PaintOutcome = 'painted' | 'unpainted' | 'superseded';

export interface SignalHealth {
  /** Whether somebody in front of the kiosk can see a verdict now. */
  readonly ready: boolean;
  readonly fault: FaultCode | undefined;
}

export interface Signal {
  /** Shows a committed result. Resolves when its fate is known, at the latest after the paint limit. */
  showResult(result: ResultView): Promise<PaintOutcome>;
  /** A code is in view and not yet read; undefined when that is over. */
  showReading(hint: ReadingHint | undefined): void;
  /** The code of a result that was shown is still held up, with that result; undefined: it is not. Said again with each look. */
  showHeld(result: ResultView | undefined): void;
  /** Whether a result may be shown now: the one before has had its minimum time. */
  mayShowResult(): boolean;
  /** The lane opens, or closes with the fault that closed it. */
  setLane(lane: { readonly open: true } | { readonly open: false; readonly fault: FaultCode }): void;
  health(): SignalHealth;
  close(): Promise<void>;
}
