/**
 * The log as the rest of the program sees it. An event is a kebab-case name; fields are values a stranger may read:
 * never the text of a code, a name, an id number or a password.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>> & {
  /** What every line has of its own: a field of that name would stand in the line twice, and readers take the second. */
  readonly [own in 'level' | 'time' | 'event']?: never;
};

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** Lines that could not be written since the start; absent for a log that loses none. */
  dropped?(): number;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
