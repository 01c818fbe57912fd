#!/usr/bin/env node
/** The command line: data on stdout, talk on stderr, documented exit codes. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { CommandError, exitCode } from './command.ts';
import { linesOf, loadTrust, verifyLine } from './verify.ts';

function unixSeconds(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('expected Unix seconds, a whole number.');
  return Number(text);
}

const program = new Command('checkpoint-kiosk').description('Unattended, offline-first QR checkpoint').exitOverride();

program
  .command('verify')
  .description('check codes: one text a line on stdin, one JSON line {ok, reason, claims} each on stdout')
  .requiredOption('--trust <file>', 'trusted issuer keys')
  .requiredOption('--now <unix>', 'the time to judge at, Unix seconds', unixSeconds)
  .option('--json', 'JSON lines (the only form there is)')
  .option('--json-input', 'each input line is one JSON string')
  .action(async (options: { trust: string; now: number; jsonInput?: boolean }) => {
    const trust = loadTrust(options.trust);
    for await (const line of linesOf(process.stdin)) {
      process.stdout.write(`${JSON.stringify(verifyLine(line, options.jsonInput === true, trust, options.now))}\n`);
    }
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitCode.usage;
  } else if (error instanceof CommandError) {
    process.stderr.write(`checkpoint-kiosk: ${error.message}\n`);
    process.exitCode = error.code;
  } else {
    throw error;
  }
}
