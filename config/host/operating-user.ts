/** Who sits at the command line, for audits: the account of the operating system, which nobody can name himself. */
import { hostname, userInfo } from 'node:os';
import { environment } from './node-host.ts';

/** `cli:USER@HOST`; behind sudo the user who asked for it. */
export function operatingUser(): string {
  return `cli:${isRoot() ? (environment('SUDO_USER') ?? accountName()) : accountName()}@${hostname()}`;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // An account that the system has no name for, as in many containers.
    if (error instanceof Error && 'code' in error) return `uid-${process.getuid?.() ?? 'unknown'}`;
    throw error;
  }
}
