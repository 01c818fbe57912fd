/**
 * Whether the slice in use is still the file that was signed. Lookups read the file through mapped memory, so a change in
 * place is seen by the next lookup: the file is looked at before and after each, and any change closes the lane until all of
 * it was read again. What changes without a trace in the file's times (a failing disk, memory that was mapped for writing
 * before) is found by reading the file over and over at a low pace, a quarter of an hour for each time.
 */
import { createHash } from 'node:crypto';
import type { FixedFile } from '../../config/host/watched-file.ts';
import { sleep } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';

/** `doubtful`: changed, and being read again. `broken`: its bytes are others than those that were signed. */
export type SliceState = 'whole' | 'doubtful' | 'gone' | 'broken';

export interface SliceWatch {
  /** Looks at the file now; a few microseconds. */
  state(): SliceState;
  /** How often all of it was read since it is in use. */
  passes(): number;
  close(): void;
}

export interface SlicePace {
  /** Time for one pass over the file. */
  readonly passMs: number;
  readonly stepMs: number;
}

export const SLICE_PACE: SlicePace = { passMs: 800_000, stepMs: 250 };
/** Hashed in a fraction of a millisecond: a scan that comes meanwhile does not notice. */
const STEP_BYTES_MIN = 1 << 16;
/** While the lane is closed for it anyway. */
const HURRY_BYTES = 1 << 20;

/** `sha256`: hex, of the whole file as it was opened. Takes over `file`. */
export function watchSlice(file: FixedFile, sha256: string, { clock, log }: Pick<Host, 'clock' | 'log'>, pace: SlicePace): SliceWatch {
  let state: SliceState = 'whole';
  let passes = 0;
  let closed = false;
  /** Of the pass that counts: one begun before a change tells nothing. */
  let turn = 0;

  /** Reads all of it. Undefined where the pass was overtaken. */
  const read = async (own: number, stepBytes: number, pauseMs: number): Promise<string | undefined> => {
    const hash = createHash('sha256');
    const chunk = new Uint8Array(stepBytes);
    for (let position = 0; ; ) {
      if (pauseMs > 0) await sleep(clock, pauseMs);
      if (closed || own !== turn) return undefined;
      const bytes = await file.readAt(position, chunk);
      if (closed || own !== turn) return undefined;
      if (bytes === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytes));
      position += bytes;
    }
  };
  /** A disk that cannot read the file any more has not the bytes that were signed. */
  const readOr = (own: number, stepBytes: number, pauseMs: number) =>
    read(own, stepBytes, pauseMs).catch((error: unknown) => {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      return own === turn && !closed ? error.message : undefined;
    });

  const conclude = (found: string): boolean => {
    passes++;
    state = found === sha256 ? 'whole' : 'broken';
    if (state === 'broken') log.error('slice-bytes-differ', { file: file.path, found });
    return state === 'whole';
  };
  const stepBytes = () => Math.max(STEP_BYTES_MIN, Math.ceil((file.lengthBytes() * pace.stepMs) / pace.passMs));
  const patrol = async (): Promise<void> => {
    for (let goes = true; goes; ) {
      const found = await readOr(turn, stepBytes(), pace.stepMs);
      if (found === undefined) return;
      goes = conclude(found);
    }
  };
  const hurry = async (): Promise<void> => {
    turn++;
    state = 'doubtful';
    file.accept();
    log.warn('slice-file-changed', { file: file.path });
    const found = await readOr(turn, HURRY_BYTES, 0);
    if (found !== undefined && conclude(found)) await patrol();
  };

  void patrol();
  return {
    state() {
      const change = file.change();
      if (change === 'changed') void hurry();
      return change === 'gone' && state === 'whole' ? 'gone' : state;
    },
    passes: () => passes,
    close() {
      closed = true;
      file.close();
    },
  };
}
