/** The key that makes pseudonyms, on the command line: its check value, and whether it is the one that others have. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { readTextFile } from '../../config/host/text-file.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import { subjectKeyCheckText } from '../../sync/credential/keyring-body.ts';
import { subjectKeyCheck } from '../../sync/protocol/tags.ts';
import { CommandError, exitCode } from '../command.ts';
import { readKeyFile } from '../key-file.ts';

const describedSchema = z.object({ subjectKeyCheck: subjectKeyCheckText });

/** Lower-case hex. */
export function checkOf(subjectKey: Uint8Array): string {
  return toHex(subjectKeyCheck(subjectKey));
}

export function checkOfKeyFile(file: string): string {
  return checkOf(readKeyFile(file));
}

/** From the check value itself, what `keys subject-check` has printed, or the key file. */
export function readSubjectKeyCheck(given: string): string {
  if (subjectKeyCheckText.safeParse(given).success) return given;
  if (!existsSync(given)) {
    throw new CommandError(exitCode.noInput, `${given}: there is no such file, and it is no check value of 6 lower-case hex digits`);
  }
  const text = readTextFile(given).trim();
  if (!text.startsWith('{')) return checkOfKeyFile(given);
  const described = describedSchema.safeParse(parseJson(text));
  if (described.success) return described.data.subjectKeyCheck;
  throw new CommandError(exitCode.dataError, `${given} is not what \`keys subject-check\` prints`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
