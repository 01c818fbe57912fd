#!/usr/bin/env node
/** The command line: data on stdout, talk on stderr, documented exit codes. */
import { Command, CommanderError, Option } from 'commander';
import { Fault, faults } from '../config/faults.ts';
import { missingModule } from '../config/host/native-module.ts';
import { programVersion } from '../config/host/program-version.ts';
import { fingerprint, inputCount, portNumber, unixSeconds, wholeNumber } from './cli-arguments.ts';
import { addCameraCommands } from './cli-camera.ts';
import { addCentreCommands } from './cli-centre.ts';
import { addKeyCommands } from './cli-keys.ts';
import { addPolicyCommands } from './cli-policy.ts';
import { CommandError, exitCode } from './command.ts';
import { PERSONAL, warnOfLogin } from './personal-input.ts';

const program = new Command('checkpoint-kiosk')
  .description('Unattended, offline-first QR checkpoint: a camera reads a code, a screen says pass or deny.')
  .version(programVersion())
  .showHelpAfterError('(try --help)')
  .addHelpText(
    'after',
    '\nExit codes: 0 ok, 1 the answer is no, 2 something runs out soon (keys check), 64 usage, 65 data, 66 no input, 69 unavailable, 70 software, 73 cannot write, 74 output not written, 78 configuration.',
  )
  .exitOverride();

program
  .command('demo')
  .description('a whole kiosk with its own keys and six people; needs no camera, browser or network')
  .option('--loops <n>', 'end after showing the six people so often', wholeNumber)
  .option('--json', 'one JSON object at the end, on stdout')
  .option('--camera <address>', 'a real camera: rtsp://, http:// (MJPEG), a V4L2 device, or browser for the one that the page opens')
  .option('--port <port>', 'port of the pages', portNumber, 8743)
  .option('--centre-port <port>', 'port of the centre', portNumber, 8744)
  .option('--folder <dir>', 'keep keys, codes and journal of the demo here')
  .action(async (given: { loops?: number; json?: boolean; camera?: string; port: number; centrePort: number; folder?: string }) => {
    const { runDemo } = await import('./demo.ts');
    warnOfLogin('--camera', given.camera ?? '');
    const { loops = Number.POSITIVE_INFINITY, json = false, camera, port, centrePort, folder } = given;
    process.exitCode = await runDemo({ loops, json, camera, port, centrePort, folder });
  });

program
  .command('run')
  .description('the kiosk')
  .requiredOption('--config <file>', 'configuration (YAML)')
  .option('--json', 'the log as JSON lines on stderr (the only form there is)')
  .action(async ({ config }: { config: string }) => {
    const { runKiosk } = await import('./run.ts');
    process.exitCode = await runKiosk(config);
  });

program
  .command('scan')
  .description('decode pictures, folders of pictures, video files and streams: one JSON line for each picture or frame')
  .argument('<path...>', 'pictures, folders, .y4m clips, videos or URLs')
  .option('--trust <file>', 'judge each text too: a trust object, or a keyring with --root')
  .option('--root <fingerprint>', "SHA-256 of the root's public key: the file is a keyring")
  .option('--now <unix>', 'the time to judge at, Unix seconds', unixSeconds)
  .option('--budget-ms <n>', 'longest time for one picture', wholeNumber, 1000)
  .option('--all', 'no limit, and try everything: for pictures, not for lanes')
  .option('--ffmpeg <program>', 'ffmpeg, for videos and streams', 'ffmpeg')
  .option('--json', 'JSON lines (the only form there is)')
  .action(
    async (paths: string[], given: { trust?: string; root?: string; now?: number; budgetMs: number; all?: boolean; ffmpeg: string }) => {
      if ((given.trust === undefined) !== (given.now === undefined))
        throw new CommandError(exitCode.usage, '--trust and --now go together');
      const { runScan } = await import('./scan.ts');
      for (const path of paths) warnOfLogin('the address', path);
      const { loadTrust } = await import('./verify.ts');
      const trust = given.trust === undefined ? undefined : { list: loadTrust(given.trust, given.root), now: given.now ?? 0 };
      const budgetMs = given.all === true ? Number.POSITIVE_INFINITY : given.budgetMs;
      process.exitCode = await runScan(paths, { trust, budgetMs, ffmpegPath: given.ffmpeg });
    },
  );

program
  .command('verify')
  .description('check codes: one text a line on stdin, one JSON line {ok, reason, claims} each on stdout')
  .requiredOption('--trust <file>', 'trusted issuer keys: a trust object, or a keyring with --root')
  .requiredOption('--now <unix>', 'the time to judge at, Unix seconds', unixSeconds)
  .option('--root <fingerprint>', "SHA-256 of the root's public key: the file is a keyring")
  .option('--json', 'JSON lines (the only form there is)')
  .option('--json-input', 'each input line is one JSON string')
  .action(async (options: { trust: string; now: number; root?: string; jsonInput?: boolean }) => {
    const { linesOf, loadTrust, verifyLine } = await import('./verify.ts');
    const trust = loadTrust(options.trust, options.root);
    for await (const line of linesOf(process.stdin)) {
      process.stdout.write(`${JSON.stringify(verifyLine(line, options.jsonInput === true, trust, options.now))}\n`);
    }
  });

const ISSUE_EXAMPLE = `
Of id number, plate and name each - takes one line of stdin, in this order:
  printf '079200000001\\nNGUYEN V* A*\\n' | checkpoint-kiosk issue --key issuer.key --class travel-permit --area 79 \\
    --subject-key subject.key --keyring keyring.cose --root FINGERPRINT --id-number - --name -`;

program
  .command('issue')
  .description('make one code')
  .requiredOption('--key <file>', "the issuer's signing key")
  .requiredOption('--class <name>', 'declaration, travel-permit, shipper, vehicle, duty, medical, or 1 to 6')
  .requiredOption('--area <code...>', 'areas where it is valid, 1 to 4')
  .option('--purpose <n>', 'purpose code', wholeNumber, 1)
  .option('--hours <n>', 'validity', wholeNumber, 24)
  .option('--from <unix>', 'start of validity (now)', unixSeconds)
  .option('--declared-at <unix>', 'time of the health declaration (now)', unixSeconds)
  .option('--subject <hex>', 'pseudonym of the person or vehicle, 12 bytes')
  .option('--subject-key <file>', 'make the pseudonym from --id-number (of a vehicle: from --plate) with this key')
  .option('--subject-key-check <check>', 'with --subject: which key its pseudonym is of (keys subject-check)')
  .option('--keyring <file>', 'signed keyring, with --root: refuse what no kiosk with this keyring would pass')
  .option('--root <fingerprint>', 'SHA-256 of the root that the keyring is believed by', fingerprint)
  .option('--policy <file>', 'signed policy, with --keyring: refuse what it admits nowhere and never')
  .option('--id-number <digits>', `${PERSONAL} or 12 digits; binds the code to the card`)
  .option('--plate <plate>', `${PERSONAL} or the plate; binds the code to the vehicle`)
  .option('--name <masked>', `${PERSONAL} or the name, for the officer: A-Z, * and blanks, at most 16`)
  .option('--max-uses <n>', 'crossings it is good for, 1 to 99', wholeNumber)
  .option('--device-key <file>', 'a rotating code (CP2) of this device, for the present half minute')
  .option('--device-public-key <hex>', "binds the code to a phone: what the holder's page shows; the text (CP1) is for that page to take")
  .option('--holder-url <url>', "address of the holder's page: also gives the link that opens the code there, which pictures then hold")
  .addOption(new Option('--format <form>', 'what to write').choices(['text', 'png', 'svg']).default('text'))
  .option('--out <file>', 'instead of stdout')
  .option('--json', 'one JSON object {text, file}, and link with --holder-url')
  .addHelpText('after', ISSUE_EXAMPLE)
  .action(async (given) => {
    const { issueCode } = await import('./issue.ts');
    await issueCode(given);
  });

program
  .command('holder')
  .description("serve the holder's page: on a phone it makes a key, takes a code issued for that key, and shows it anew every 30 seconds")
  .option('--address <address>', 'where to listen; 0.0.0.0 for phones in the network', '127.0.0.1')
  .option('--port <port>', 'port of the page', portNumber, 8746)
  .option('--json', 'one JSON object {url} on stdout')
  .action(async ({ json = false, ...given }: { address: string; port: number; json?: boolean }) => {
    const { runHolder } = await import('./holder.ts');
    process.exitCode = await runHolder({ ...given, json });
  });

addCameraCommands(program);
addKeyCommands(program);
addCentreCommands(program);
addPolicyCommands(program);

program
  .command('enrol')
  .description("make this kiosk's keys and get its certificate from the centre")
  .requiredOption('--config <file>', 'configuration with upstream.url')
  .option('--token-file <file>', 'the token of `kiosk add`, or - for stdin')
  .option('--keyring <file>', 'the first keyring, put in its place once it is found to be signed by keyring.root')
  .option('--token <token>', 'the token itself; other users of this machine may see it')
  .option('--json', 'JSON (the only form there is)')
  .action(async ({ config, ...given }: { config: string; token?: string; tokenFile?: string; keyring?: string }) => {
    const { runEnrol } = await import('./enrol.ts');
    await runEnrol(config, given);
  });

program
  .command('inspect')
  .description('say what a code or a statement file holds, without judging it')
  .argument('<file>', 'a file, or - for stdin')
  .option('--json', 'JSON (the only form there is)')
  .action(async (file: string) => {
    const { inspectFile } = await import('./inspect.ts');
    inspectFile(file);
  });

program
  .command('bench')
  .description(
    'measure: path (frame to painted verdict, with Chromium, and what the kiosk costs), cpu (the latter alone), lane (people a minute, and a busy street without codes), camera (faults to closed lane and back), decode (beside six other decoders), trust (verify, look up, decide), ingest (kiosks to centre), feed (hold to blocked), drain (scans beside a backlog)',
  )
  .argument('<name>')
  .option('--json <file>', 'write {name, results: {metric: {p50, p95, p99, max, unit}}} here instead of stdout')
  .option('--corpus <dir>', 'decode: clips and pictures of an outside set (sequences.json, manifest.json) instead of our own')
  .option('--minutes <n>', 'lane: minutes of busy street, 2 unless given', wholeNumber)
  .action(async (name: string, { json, ...options }: { json?: string; corpus?: string; minutes?: number }) => {
    const { runBench } = await import('./bench/bench.ts');
    await runBench(name, json, options);
  });

program
  .command('fuzz')
  .description('change codes, statements and signed batches a little, millions of times: none may be accepted, throw or take long')
  .option('--minutes <n>', 'how long', wholeNumber, 1)
  .option('--inputs <n>', 'end earlier, after so many', inputCount)
  .option('--seed <n>', 'of the changes: a run can be repeated', wholeNumber, 1)
  .option('--json', 'one JSON object on stdout')
  .action(async ({ minutes, inputs, seed, json = false }: { minutes: number; inputs?: number; seed: number; json?: boolean }) => {
    const { runFuzz } = await import('./fuzz.ts');
    process.exitCode = runFuzz({ minutes, inputs, seed, json });
  });

program
  .command('explain')
  .description('what the codes on the screens mean, and what to do')
  .argument('[code]', 'for example O-12, D-10 or status-hold')
  .option('--json', 'one JSON object a line')
  .action(async (code: string | undefined, { json = false }: { json?: boolean }) => {
    const { explain } = await import('./explain.ts');
    explain(code, json);
  });

const config = program.command('config').description('configuration of a kiosk');
config
  .command('check')
  .description(
    'read a configuration, and look whether its camera address, login, keyring and data folder can be used here; exit code 78 where not',
  )
  .argument('<file>')
  .option('--json', 'one JSON object {ok, problems: [{key, line, expected, found}]}')
  .action(async (file: string, { json = false }: { json?: boolean }) => {
    const { checkConfig } = await import('./config-check.ts');
    process.exitCode = checkConfig(file, json);
  });

// Who reads our output may stop reading: `| head` is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCode.ok);
  process.stderr.write(`checkpoint-kiosk: stdout: ${error.message}\n`);
  process.exit(exitCode.outputError);
});
// What cannot be said is lost; the exit code says the rest.
process.stderr.on('error', () => undefined);

config
  .command('options')
  .description('every option, as a Markdown table')
  .action(async () => {
    const { optionsTable } = await import('./explain.ts');
    process.stdout.write(`${optionsTable()}\n`);
  });

try {
  await program.parseAsync();
} catch (thrown) {
  const error = missingModule(thrown) ?? thrown;
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitCode.usage;
  } else if (error instanceof CommandError) {
    process.stderr.write(`checkpoint-kiosk: ${error.message}\n`);
    process.exitCode = error.code;
  } else if (error instanceof Fault) {
    process.stderr.write(`checkpoint-kiosk: ${error.code}: ${error.message}\n  ${faults[error.code].action}\n`);
    process.exitCode = exitCode.unavailable;
  } else {
    process.stderr.write(`checkpoint-kiosk: a fault of the program: ${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = exitCode.software;
  }
}
