/**
 * Where log lines go: stderr, whatever has become of it. A full disk, a pipe that nobody reads and a closed one drop lines;
 * they are counted, and the first line that can be written again says how many. Nothing here throws, and nothing waits.
 */
import { writeSync } from 'node:fs';

export interface LogOutput {
  write(line: string): void;
  /** Lines that were not written, or only in part. */
  dropped(): number;
  /** One more try for what waits. */
  flush(): void;
}

/** Bytes that were taken; throws what the system says. */
type Write = (bytes: Uint8Array) => number;

/** Of a pipe whose reader is slow: some seconds of a busy kiosk. */
const WAITING_BYTES_MAX = 256 * 1024;
const AGAIN_MS = 50;
/** What says that the file takes nothing now. Anything else of the system is no different; a fault of ours is none of these. */
const isOfTheSystem = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'code' in error;

/** `later` calls once, after so many milliseconds, unless the program has ended. */
export function createLogOutput(write: Write, later: (delayMs: number, action: () => void) => void, nowText: () => string): LogOutput {
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let isArmed = false;
  let dropped = 0;
  let unsaid = 0;
  /** The last thing in the file is the beginning of a line: of the one that waits first, or of one that was lost. */
  let isBegun = false;
  let isBroken = false;

  /** 'later': the reader is slow. */
  const put = (line: Buffer): 'done' | 'later' | 'lost' => {
    let from = 0;
    try {
      while (from < line.length) from += write(line.subarray(from));
      isBegun = false;
      return 'done';
    } catch (error) {
      if (!isOfTheSystem(error)) throw error;
      if (error.code === 'EAGAIN') {
        waiting[0] = line.subarray(from);
        waitingBytes -= from;
        isBegun ||= from > 0;
        return 'later';
      }
      isBroken ||= isBegun || from > 0;
      isBegun = false;
      return 'lost';
    }
  };
  const lose = (lines: number) => {
    dropped += lines;
    unsaid += lines;
  };
  const drain = () => {
    for (let line = waiting[0]; line !== undefined; line = waiting[0]) {
      const became = put(line);
      if (became === 'later') return arm();
      waiting.shift();
      waitingBytes -= line.length;
      if (became === 'lost') lose(1);
    }
  };
  const arm = () => {
    if (isArmed) return;
    isArmed = true;
    later(AGAIN_MS, () => {
      isArmed = false;
      drain();
    });
  };
  const add = (text: string) => {
    const line = Buffer.from(text);
    if (waitingBytes + line.length > WAITING_BYTES_MAX) return lose(1);
    waiting.push(line);
    waitingBytes += line.length;
    drain();
    return undefined;
  };
  return {
    write(line) {
      if (unsaid > 0) {
        const count = unsaid;
        const before = dropped;
        unsaid = 0;
        add(`${isBroken ? '\n' : ''}${JSON.stringify({ level: 40, time: nowText(), dropped: count, event: 'log-lines-dropped' })}\n`);
        // Not written either: it is no line of the program's, and the count goes on.
        if (dropped > before) {
          dropped = before;
          unsaid = count;
        } else isBroken = false;
      }
      add(line);
    },
    dropped: () => dropped,
    flush: drain,
  };
}

let ofThisProcess: LogOutput | undefined;

/** Node makes a pipe or socket on stderr non-blocking once its stream is asked for: a stuck reader must not stop the program. */
export function openLogOutput(): LogOutput {
  if (ofThisProcess !== undefined) return ofThisProcess;
  // What others write to stderr may be lost as well, and ends nothing.
  process.stderr.on('error', () => undefined);
  const output = createLogOutput(
    (bytes) => writeSync(2, bytes),
    (delayMs, action) => void setTimeout(action, delayMs).unref(),
    () => new Date().toISOString(),
  );
  process.once('exit', output.flush);
  ofThisProcess = output;
  return output;
}
