/** The Chromium of a benchmark; a machine without it is told what to install. */
import type { Browser } from 'playwright-core';
import { openBrowser } from '../../fixtures/browser.ts';
import { CommandError, exitCode } from '../command.ts';

export function openBenchBrowser(bench: string): Promise<Browser> {
  return openBrowser().catch((error: unknown) => {
    const why = error instanceof Error ? error.message : error;
    throw new CommandError(exitCode.unavailable, `bench ${bench} needs Chromium (npm run test:tools): ${why}`);
  });
}
