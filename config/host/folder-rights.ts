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

function rightsOf(place: string): string {
  const { uid, gid, mode } = statSync(place);
  const modeText = (mode & 0o7777).toString(8).padStart(4, '0');
  const own = process.getuid === undefined ? '' : `; this process is user ${process.getuid()}, group ${process.getgid?.()}`;
  return `belongs to user ${uid}, group ${gid}, mode ${modeText}${own}`;
}

function nearestExisting(folder: string): string {
  const above = dirname(folder);
  return existsSync(folder) || above === folder ? folder : nearestExisting(above);
}
