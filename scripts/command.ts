/** What every command shares: exit codes (after sysexits.h) and the error that carries one. */

export const exitCode = {
  ok: 0,
  /** The work was done and its answer is no: a demo case differs, a check found faults. */
  failed: 1,
  /** It is right today and not for long: something runs out within three weeks. */
  soon: 2,
  /** The command line itself is wrong. */
  usage: 64,
  /** A file was read and its content is not what it should be. */
  dataError: 65,
  /** A file cannot be read. */
  noInput: 66,
  /** Something the machine lacks. */
  unavailable: 69,
  /** A fault inside the program. */
  software: 70,
  /** A file cannot be written. */
  cannotCreate: 73,
  /** What was to be written was not, such as on a full disk. */
  outputError: 74,
  /** The configuration is wrong. */
  config: 78,
} as const;

/** Ends the command with one sentence on stderr and an exit code; anything else that is thrown is a fault of the program. */
export class CommandError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'CommandError';
    this.code = code;
  }
}
