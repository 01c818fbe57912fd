/** Files on a carrier stick: one line of JSON each, put in place whole. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { CommandError, exitCode } from './command.ts';

export const requestsFile = (stick: string, kioskId: string) => join(stick, `${kioskId}.out.ndjson`);
export const answersFile = (stick: string, kioskId: string) => join(stick, `${kioskId}.in.ndjson`);

/** Names of the kiosks whose requests are on the stick. */
export function kiosksOn(stick: string): string[] {
  if (!existsSync(stick)) throw new CommandError(exitCode.noInput, `there is no folder ${stick}`);
  return readdirSync(stick).flatMap((name) => /^(.{1,32})\.out\.ndjson$/.exec(name)?.[1] ?? []);
}

/** A stick is pulled out when it seems done: what lies under the name is whole. */
export function writeLines(file: string, lines: readonly unknown[]): void {
  mkdirSync(join(file, '..'), { recursive: true });
  const fresh = `${file}.new`;
  const handle = openSync(fresh, 'w');
  try {
    for (const line of lines) writeSync(handle, `${JSON.stringify(line)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
}

/** Throws CommandError, with the line, where the file is missing or holds something else. */
export function readLines<Schema extends z.ZodType>(file: string, schema: Schema): z.infer<Schema>[] {
  if (!existsSync(file)) throw new CommandError(exitCode.noInput, `there is no ${file}`);
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line, index) => {
      const parsed = schema.safeParse(parseJson(line));
      if (!parsed.success) throw new CommandError(exitCode.dataError, `${file}:${index + 1}: not a line that was carried`);
      return parsed.data;
    });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
