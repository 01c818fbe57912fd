/** What an error of the file system or of SQLite says about the disk; anything else is a mistake in this program. */

/** `full`: no room. `damaged`: what lies there is not what was written. `refused`: it cannot be read or written now. */
export type DiskTrouble = 'full' | 'damaged' | 'refused';

const FULL = /^(SQLITE_FULL|ENOSPC|EDQUOT)/;
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB)/;
const REFUSED = /^SQLITE_(IOERR|CANTOPEN|READONLY|BUSY|PERM|LOCKED|NOLFS|PROTOCOL)/;

export function diskTrouble(error: unknown): DiskTrouble | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const code = String(error.code);
  if (FULL.test(code)) return 'full';
  if (DAMAGED.test(code)) return 'damaged';
  // What the system itself refuses names the call; Node's own complaints about arguments do not.
  return REFUSED.test(code) || 'syscall' in error ? 'refused' : undefined;
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
