/**
 * A public key as people give it: 64 hex digits, the file that `keys new` or `keys show` has printed, or the key file itself,
 * of which only the public half is taken.
 */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { readTextFile } from '../../config/host/text-file.ts';
import { CommandError, exitCode } from '../command.ts';
import { describeKey, readKeyFile } from '../key-file.ts';

const describedSchema = z.object({ kind: z.enum(['signing', 'sealing']), publicKey: z.string().regex(/^[0-9a-f]{64}$/) });

/** Lower-case hex. */
export function readPublicKey(given: string, kind: 'signing' | 'sealing'): string {
  if (/^[0-9a-f]{64}$/.test(given)) return given;
  if (!existsSync(given)) {
    throw new CommandError(exitCode.noInput, `${given}: there is no such file, and it is no public key of 64 lower-case hex digits`);
  }
  const text = readTextFile(given).trim();
  if (!text.startsWith('{')) return describeKey(readKeyFile(given), kind === 'sealing').publicKey;
  const described = describedSchema.safeParse(parseJson(text));
  if (!described.success) throw new CommandError(exitCode.dataError, `${given} is not what \`keys new\` or \`keys show\` prints`);
  if (described.data.kind !== kind) {
    throw new CommandError(exitCode.dataError, `${given} holds a ${described.data.kind} key, and a ${kind} key is wanted`);
  }
  return described.data.publicKey;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
