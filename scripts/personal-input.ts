/**
 * Ids, plates and names as people give them to a command. Every user of a machine sees the command lines of all: so each may
 * come as `-`, a line on stdin, or as `@FILE`; on the command line itself it is taken with a warning.
 */
import { readTextFile } from '../config/host/text-file.ts';
import { CommandError, exitCode } from './command.ts';
import { linesOf } from './verify.ts';

export interface PersonalInput {
  /** As it was given, blanks too. `what`: the option or argument, for messages. Several `-` take one line each, in the order of the calls. */
  read(what: string, given: string): Promise<string>;
  /** Lets go of stdin. */
  close(): Promise<void>;
}

/** How the help texts say it, before the form that everybody sees. */
export const PERSONAL = '- (a line on stdin), @FILE';

export function openPersonalInput(): PersonalInput {
  let lines: AsyncGenerator<string> | undefined;
  const nextLine = async (what: string): Promise<string> => {
    if (process.stdin.isTTY) process.stderr.write(`${what}: `);
    lines ??= linesOf(process.stdin);
    const next = await lines.next();
    if (next.done === true) throw new CommandError(exitCode.noInput, `stdin ended before ${what}`);
    return next.value.replace(/\r$/, '');
  };
  return {
    async read(what, given) {
      if (given === '-') return nextLine(what);
      if (given.startsWith('@')) return readFirstLine(given.slice(1));
      process.stderr.write(`warning: every user of this machine can read ${what} on the command line: give ${PERSONAL} instead\n`);
      return given;
    },
    async close() {
      await lines?.return(undefined);
    },
  };
}

/** Reads the named options that are there, in this order, without blanks around them; `code` as it is. */
export async function readPersonal<Name extends string>(
  given: Readonly<Partial<Record<Name, string | undefined>>>,
  names: readonly (readonly [Name, string])[],
): Promise<Partial<Record<Name, string>>> {
  const input = openPersonalInput();
  const read: Partial<Record<Name, string>> = {};
  try {
    for (const [name, what] of names) {
      const value = given[name];
      if (value === undefined) continue;
      const text = await input.read(what, value);
      // The text of a code may end with a blank.
      read[name] = name === 'code' ? text : text.trim();
    }
    return read;
  } finally {
    await input.close();
  }
}

/** The login of a camera's address: nothing of the program needs it on the command line but a trial. */
export function warnOfLogin(what: string, address: string): void {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(address)) return;
  process.stderr.write(`warning: every user of this machine can read the login in ${what} on the command line; use camera.passwordFile\n`);
}

function readFirstLine(file: string): string {
  try {
    const [first = ''] = readTextFile(file).split('\n');
    return first.replace(/\r$/, '');
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
