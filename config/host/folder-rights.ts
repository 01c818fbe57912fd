/** Whether this process may put files into a folder, or make it; and if not, who may. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Undefined where it may. */
export function folderRefusal(folder: string): string | undefined {
  const place = nearestExisting(folder);
  try {
    const stat = statSync(place);
    if (!stat.isDirectory()) return `${place} is a file`;
    accessSync(place, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return `${place} ${rightsOf(place)} (${String(error.code)})`;
  }
}

/** Whose a file or folder is, and whose this process: in words that follow its name. */
export function rightsOf(place: string): string {
  const own = process.getuid === undefined ? '' : `; this process is user ${process.getuid()}, group ${process.getgid?.()}`;
  try {
    const { uid, gid, mode } = statSync(place);
    return `belongs to user ${uid}, group ${gid}, mode ${(mode & 0o7777).toString(8).padStart(4, '0')}${own}`;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return `does not say whose it is: ${String(error.code)}${own}`;
  }
}

function nearestExisting(folder: string): string {
  const above = dirname(folder);
  return existsSync(folder) || above === folder ? folder : nearestExisting(above);
}
