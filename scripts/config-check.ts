/** `checkpoint-kiosk config check`: reads a configuration as `run` would, and names every problem with key, line and what was expected. */
import { readFileSync } from 'node:fs';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { type ConfigProblem, type ConfigResult, parseConfig } from '../config/options/parse-config.ts';
import { CommandError, exitCode } from './command.ts';

export function readConfig(file: string): ConfigResult {
  try {
    return parseConfig(readFileSync(file, 'utf8'));
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

export function checkConfig(file: string, json: boolean): number {
  const result = readConfig(file);
  if (json) process.stdout.write(`${JSON.stringify({ ok: result.ok, problems: result.ok ? [] : result.problems })}\n`);
  else if (result.ok) process.stderr.write(`${file}: ok\n`);
  else for (const problem of result.problems) process.stderr.write(`${problemLine(file, problem)}\n`);
  return result.ok ? exitCode.ok : exitCode.config;
}
