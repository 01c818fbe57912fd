/**
 * The sessions of the pages, in a file beside their tokens: the screen is open before the state of the kiosk, and also where
 * that state is damaged. A file that cannot be read ends the sessions; one that cannot be written ends them with the process.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { writePrivateFile } from '../../config/host/private-file.ts';
import type { Log } from '../../config/ports/log.ts';
import { type Role, roles, type SessionStore } from './sessions.ts';

const hashes = z.array(z.string()).catch([]);
const storedSchema = z.object({ citizen: hashes, supervisor: hashes }).catch({ citizen: [], supervisor: [] });

export function sessionFile(file: string, log: Log): SessionStore {
  const stored = new Map<Role, readonly string[]>(
    Object.entries(storedSchema.parse(readJson(file))).flatMap(([name, known]) => {
      const role = roles.find((one) => one === name);
      return role === undefined ? [] : [[role, known]];
    }),
  );
  return {
    read: (role) => stored.get(role) ?? [],
    write(role, cookieHashes) {
      stored.set(role, cookieHashes);
      try {
        writePrivateFile(file, `${JSON.stringify(Object.fromEntries(stored))}\n`);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error)) throw error;
        log.warn('display-sessions-unwritable', { file, why: error.message });
      }
    },
  };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return undefined;
    throw error;
  }
}
