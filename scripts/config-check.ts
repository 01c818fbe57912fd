/** `checkpoint-kiosk config check`: names everything that is wrong with a configuration, by key, line and what was expected. */

import { dirname, resolve } from 'node:path';
import { readTextFile } from '../config/host/text-file.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { type ConfigProblem, type ConfigResult, parseConfig } from '../config/options/parse-config.ts';
import { CommandError, exitCode } from './command.ts';
import { setupProblems } from './config-setup.ts';

export function readConfig(file: string): ConfigResult {
  try {
    return parseConfig(readTextFile(file));
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read the configuration ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

export function problemLine(file: string, { key, line, expected, found }: ConfigProblem): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${key}: expected ${expected}, found ${found}`;
}

/** The configuration, or every problem on stderr and exit code 78. */
export function loadConfig(file: string): KioskConfig {
  const result = readConfig(file);
  if (result.ok) return result.config;
  throw new CommandError(
    exitCode.config,
    `the configuration is wrong.\n${result.problems.map((problem) => problemLine(file, problem)).join('\n')}`,
  );
}

/** Reads the configuration, and looks whether what it names can be used here. */
export function checkConfig(file: string, json: boolean): number {
  const result = readConfig(file);
  const path = (given: string) => resolve(dirname(resolve(file)), given);
  const problems = result.ok ? setupProblems({ ...result, path }) : result.problems;
  const ok = problems.length === 0;
  if (json) process.stdout.write(`${JSON.stringify({ ok, problems })}\n`);
  else if (ok) process.stderr.write(`${file}: ok\n`);
  else for (const problem of problems) process.stderr.write(`${problemLine(file, problem)}\n`);
  return ok ? exitCode.ok : exitCode.config;
}
