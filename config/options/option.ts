/**
 * What an option is: declared once, with everything that the parser, the help, the README's table and a later remote
 * configuration need to know. Values are written as dotted keys or as nested maps; both mean the same.
 */
import type { z } from 'zod';

export interface Option<Schema extends z.ZodType = z.ZodType> {
  readonly schema: Schema;
  /** Absent: the option is required. */
  readonly default?: z.infer<Schema> | undefined;
  /** A path that may be left out: it is then this one under `dataDir`, where the kiosk may write. */
  readonly inDataDir?: string | undefined;
  /** May be left out and then has no value. */
  readonly optional?: true;
  /** What a person should write: completes the sentence "expected ...". */
  readonly expected: string;
  /** What it decides, and why one would change it. */
  readonly reason: string;
  /** Never printed, never logged. */
  readonly secret?: true;
  /** Whether upstream may set it. Paths, commands, addresses and secrets never are. */
  readonly remote: boolean;
}

export function option<Schema extends z.ZodType>(declared: Option<Schema>): Option<Schema> {
  return declared;
}
