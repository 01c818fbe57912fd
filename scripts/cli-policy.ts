/** Commands about policies. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { directions, LOCAL_MINUTE } from '../sync/protocol/golden-case.ts';
import { wholeNumber } from './cli-arguments.ts';
import { CommandError, exitCode } from './command.ts';
import { PERSONAL, readPersonal } from './personal-input.ts';
import type { ExplainPolicyOptions } from './policy.ts';

export function addPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('what the authority leaves to decide: who passes where, when, and on data how old');
  policy
    .command('template')
    .description('a policy to begin with, as JSON: change it, check it, then `keys sign --type policy`')
    .addArgument(new Argument('[profile]', 'kind of place').choices(['checkpoint', 'venue']).default('checkpoint'))
    .option('--json', 'JSON (the only form there is)')
    .action(async (profile: 'checkpoint' | 'venue') => {
      const { printTemplate } = await import('./policy.ts');
      printTemplate(profile);
    });
  policy
    .command('check')
    .description('whether a policy is right and its own golden cases come out; exit code 1 where one does not, 65 where it is no policy')
    .argument('<file>', 'JSON, or a signed policy')
    .option('--json', 'one JSON object {ok, problems, failed, warnings}')
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const { checkPolicy } = await import('./policy.ts');
      process.exitCode = checkPolicy(file, json);
    });
  policy
    .command('explain')
    .description("why a code gets its verdict at a kiosk: every check, in plain words, from the kiosk's own lists")
    .argument('<code>', `${PERSONAL} or the text of the code`)
    .requiredOption('--config <file>', 'configuration of the kiosk')
    .option('--at <time>', 'local time there, YYYY-MM-DDTHH:MM (now)', localMinute)
    .addOption(new Option('--direction <way>', 'as if the lane led there').choices(directions))
    .option('--plate <plate>', `${PERSONAL} or the plate of the vehicle`)
    .option('--id-number <digits>', `${PERSONAL} or 12 digits of the identity card; lines are read in the order code, id number, plate`)
    .option('--passed-ago-s <n>', 'as if it had passed here so many seconds ago', wholeNumber)
    .option('--uses <n>', 'as if it had passed so often', wholeNumber)
    .option('--inside <n>', 'as if so many people were inside', wholeNumber)
    .option('--json', 'one JSON object')
    .action(async (code: string, given: Omit<ExplainPolicyOptions, 'code' | 'json'> & { json?: boolean }) => {
      const { explainPolicy } = await import('./policy.ts');
      const { idNumber, plate } = given;
      const personal = await readPersonal({ code, idNumber, plate }, EXPLAINED);
      if (personal.idNumber !== undefined) idDigits(personal.idNumber);
      explainPolicy({ ...given, ...personal, code: personal.code ?? '', json: given.json ?? false });
    });
}

function localMinute(text: string): string {
  if (!LOCAL_MINUTE.test(text)) throw new InvalidArgumentError('expected a local time such as 2026-01-15T18:30.');
  return text;
}

const EXPLAINED = [
  ['code', 'the code'],
  ['idNumber', '--id-number'],
  ['plate', '--plate'],
] as const;

function idDigits(text: string): void {
  if (!/^\d{12}$/.test(text)) throw new CommandError(exitCode.usage, '--id-number takes 12 digits');
}
