/** Commands of the centre: the service, its kiosks, its registry, its tables. */
import { Argument, type Command, Option } from 'commander';
import { type CommandKind, commandKinds } from '../sync/protocol/heartbeat.ts';
import { collect, fingerprint, kioskName, portNumber, wholeNumber } from './cli-arguments.ts';
import { CommandError, exitCode } from './command.ts';
import { PERSONAL, readPersonal } from './personal-input.ts';

interface CentreOptions {
  readonly store: string;
  readonly keys: string;
  readonly keyring: string;
  readonly root: string;
}

interface RegistryGiven {
  readonly store: string;
  readonly keys: string;
  readonly actor?: string;
  readonly keyring?: string;
  readonly root?: string;
}

/** Options of every command that works with upstream's keys. */
function withCentre(command: Command): Command {
  return command
    .requiredOption('--store <store>', 'sqlite:FILE')
    .requiredOption('--keys <dir>', 'folder with slice.key, feed.key, receipt.key, fleet.key, config.key and sealing*.key')
    .requiredOption('--keyring <file>', 'signed keyring')
    .requiredOption('--root <fingerprint>', 'SHA-256 of the root that signed the keyring', fingerprint);
}

/** Options of every command that writes into the registry. */
function withRegistry(command: Command): Command {
  return command
    .requiredOption('--store <store>', 'sqlite:FILE')
    .requiredOption('--keys <dir>', 'folder with subject.key, which makes the pseudonyms')
    .option('--keyring <file>', 'signed keyring, with --root: refuse a subject key, or a key id, that it does not list')
    .option('--root <fingerprint>', 'SHA-256 of the root that the keyring is believed by', fingerprint)
    .option('--actor <name>', 'who asked for it, for the audit, beside the account that does it')
    .option('--json', 'JSON (the only form there is)');
}

export function addCentreCommands(program: Command): void {
  addStore(program.command('store').description('the store of the centre: every other command opens it and makes none'));
  addService(program);
  addKiosks(program.command('kiosk').description('kiosks at the centre'));
  addCarrier(
    program.command('carry').description('for checkpoints without a line: a stick carries crossings out, receipts and lists back'),
  );
  addRegistry(program.command('registry').description('who is held and what is revoked; ids become pseudonyms here'));
}

function addStore(store: Command): void {
  store
    .command('init')
    .description('make the store of a new centre, once; its identity stands in enrolment certificates and lists')
    .argument('[store]', 'sqlite:FILE, where no file lies; its folder is made')
    .option('--store <store>', 'the same as an option')
    .option('--adopt', 'give the store of an earlier version an identity, and keep all that is in it')
    .option('--json', 'JSON (the only form there is)')
    .action(async (named: string | undefined, given: { store?: string; adopt?: boolean }) => {
      const { initialiseStore } = await import('./store.ts');
      const [address, ...more] = [named, given.store].filter((one) => one !== undefined);
      if (address === undefined || more.length > 0) throw new CommandError(exitCode.usage, 'give one store: store init sqlite:FILE');
      await initialiseStore(address, given.adopt === true);
    });
}

function addService(program: Command): void {
  withCentre(program.command('upstream'))
    .description('the service at the centre: takes crossings in, enrols kiosks, shows both')
    .option('--address <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'port, 0 for any', portNumber, 8744)
    .option('--tls-cert <file>', 'certificate chain (PEM); needed beyond this machine')
    .option('--tls-key <file>', 'its key (PEM)')
    .option('--name <host>', "a further name of this centre for the operator's browser, such as a proxy's; repeatable", collect, [])
    .option('--policy <file>', 'signed policy for the kiosks')
    .option('--slices <dir>', 'folder of the published slices (beside the store)')
    .option('--publish-s <n>', 'least seconds between two slices of a changing registry', wholeNumber, 600)
    .option('--slice <id=regions>', 'a further slice with everybody of some regions, such as hcmc=79; repeatable', collect, [])
    .option('--retention-days <n>', 'raw records and crossings are dropped after so long (never)', wholeNumber)
    .addOption(new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info'))
    .option('--allow-demo', 'accept a keyring that is marked as demo')
    .option('--json', 'the log as JSON lines on stderr (the only form there is)')
    .action(
      async (
        given: CentreOptions & {
          address: string;
          name: string[];
          port: number;
          tlsCert?: string;
          tlsKey?: string;
          policy?: string;
          slices?: string;
          publishS: number;
          slice: string[];
          retentionDays?: number;
          logLevel: 'debug' | 'info' | 'warn' | 'error';
          allowDemo?: boolean;
        },
      ) => {
        const { runUpstream } = await import('./upstream.ts');
        const { tlsCert, tlsKey, retentionDays, policy, slices, allowDemo = false } = given;
        process.exitCode = await runUpstream({ ...given, tlsCert, tlsKey, retentionDays, policy, slices, allowDemo });
      },
    );

  withCentre(program.command('replay'))
    .description('decide stored decisions again from what is sealed in them, the newest first, and compare')
    .option('--policy <file>', 'a signed policy that they were made by; repeatable', collect, [])
    .option('--limit <n>', 'so many', wholeNumber, 10_000)
    .option('--json', 'JSON (the only form there is)')
    .action(async (given: CentreOptions & { policy: string[]; limit: number }) => {
      const { runReplay } = await import('./replay.ts');
      process.exitCode = await runReplay(given);
    });

  withCentre(program.command('rebuild'))
    .description("make the centre's tables of crossings again from the raw records")
    .option('--json', 'JSON (the only form there is)')
    .action(async (given: CentreOptions) => {
      const { rebuildTables } = await import('./upstream.ts');
      await rebuildTables(given);
    });
}

function addKiosks(kiosk: Command): void {
  withCentre(kiosk.command('add'))
    .description('make a token with which one kiosk may enrol, once')
    .argument('<kiosk>', 'its kioskId', kioskName)
    .requiredOption('--checkpoint <id>', 'its checkpointId', kioskName)
    .option('--lane <lane>', 'its lane', kioskName, '1')
    .option('--minutes <n>', 'how long the token is good', wholeNumber, 60)
    .option('--json', 'JSON (the only form there is)')
    .action(async (name: string, given: CentreOptions & { checkpoint: string; lane: string; minutes: number }) => {
      const { addKiosk } = await import('./upstream.ts');
      await addKiosk(name, given);
    });
  kiosk
    .command('list')
    .description('enrolled kiosks, one JSON line each, and tokens that are not used yet')
    .requiredOption('--store <store>', 'sqlite:FILE')
    .option('--json', 'JSON (the only form there is)')
    .action(async ({ store }: { store: string }) => {
      const { listKiosks } = await import('./upstream.ts');
      await listKiosks(store);
    });
  kiosk
    .command('revoke')
    .description('refuse a kiosk from now on')
    .argument('<kiosk>', 'its kioskId', kioskName)
    .requiredOption('--store <store>', 'sqlite:FILE')
    .option('--json', 'JSON (the only form there is)')
    .action(async (name: string, { store }: { store: string }) => {
      const { revokeKiosk } = await import('./upstream.ts');
      await revokeKiosk(name, store);
    });
  kiosk
    .command('peer')
    .description('where a kiosk listens for the other lanes of its checkpoint; they learn of it at their next heartbeat')
    .argument('<kiosk>', 'its kioskId', kioskName)
    .option('--address <host:port>', 'as the other lanes reach it')
    .option('--remove', 'it is no lane to the others any more, and their common key changes')
    .requiredOption('--store <store>', 'sqlite:FILE')
    .option('--json', 'JSON (the only form there is)')
    .action(async (name: string, { store, address, remove = false }: { store: string; address?: string; remove?: boolean }) => {
      const { setKioskPeer } = await import('./kiosk-peer.ts');
      await setKioskPeer(name, { store, address, remove });
    });
  kiosk
    .command('command')
    .description('have a kiosk do something at its next heartbeat, within two minutes; `kiosk list` shows what came of it')
    .argument('<kiosk>', 'its kioskId', kioskName)
    .addArgument(new Argument('<what>').choices(commandKinds))
    .requiredOption('--store <store>', 'sqlite:FILE')
    .option('--json', 'JSON (the only form there is)')
    .action(async (name: string, what: CommandKind, { store }: { store: string }) => {
      const { commandKiosk } = await import('./upstream.ts');
      await commandKiosk(name, what, store);
    });
  kiosk
    .command('set')
    .description('set options from afar, beside those set before, and print all that are; in force when the kiosk starts the next time')
    .argument('<kiosk>', "its kioskId, or '*' for all", (text) => (text === '*' ? text : kioskName(text)))
    .argument('[option=value...]', 'options that may be set from afar (`config options` marks them)')
    .option('--unset <option>', "no longer set from afar: the kiosk's own value counts again; repeatable", collect, [])
    .requiredOption('--store <store>', 'sqlite:FILE')
    .option('--json', 'JSON (the only form there is)')
    .action(async (scope: string, assignments: string[], given: { store: string; unset: string[] }) => {
      const { setKioskOptions } = await import('./kiosk-set.ts');
      await setKioskOptions(scope, assignments, given);
    });
}

function addCarrier(carry: Command): void {
  const withKiosk = (command: Command) =>
    command
      .requiredOption('--config <file>', 'configuration of the kiosk, which must not run meanwhile')
      .option('--json', 'JSON (the only form there is)');
  withKiosk(carry.command('export'))
    .description('on the kiosk: write what waits to the stick, sealed and signed')
    .argument('<folder>', 'of the stick')
    .option('--token-file <file>', 'also enrol: the token of `kiosk add`, or - for stdin')
    .action(async (folder: string, given: { config: string; tokenFile?: string }) => {
      const { carryExport } = await import('./carry.ts');
      await carryExport(given.config, folder, given.tokenFile);
    });
  withKiosk(carry.command('import'))
    .description('on the kiosk: take receipts, keyring, policy and slice from the stick')
    .argument('<folder>', 'of the stick')
    .action(async (folder: string, given: { config: string }) => {
      const { carryImport } = await import('./carry.ts');
      process.exitCode = await carryImport(given.config, folder);
    });
  withCentre(carry.command('answer'))
    .description('at the centre: take in what the kiosks on the stick send, and write the answers and lists beside it')
    .argument('<folder>', 'of the stick')
    .option('--policy <file>', 'signed policy for the kiosks')
    .option('--slices <dir>', 'folder of the published slices (beside the store)')
    .option('--slice <id=regions>', 'a further slice with everybody of some regions, such as hcmc=79; repeatable', collect, [])
    .option('--allow-demo', 'accept a keyring that is marked as demo')
    .option('--json', 'JSON (the only form there is)')
    .action(async (folder: string, given: CentreOptions & { policy?: string; slices?: string; slice: string[]; allowDemo?: boolean }) => {
      const { carryAnswer } = await import('./carry-answer.ts');
      const { policy, slices, allowDemo = false } = given;
      const tls = { tlsCert: undefined, tlsKey: undefined } as const;
      const service = { address: '127.0.0.1', port: 0, ...tls, retentionDays: undefined } as const;
      await carryAnswer(folder, { ...given, ...service, policy, slices, allowDemo, publishS: 86_400, logLevel: 'warn' });
    });
}

function addRegistry(registry: Command): void {
  for (const kind of ['id', 'plate'] as const) {
    withRegistry(registry.command(kind === 'id' ? 'set' : 'plate'))
      .description(kind === 'id' ? 'hold a person, or end it; at the kiosks within seconds' : 'the same for a vehicle')
      .argument(`<${kind}>`, `${PERSONAL} or ${kind === 'id' ? '12 digits' : 'the number plate'}`)
      .requiredOption('--status <status>', 'clear, F0, F1, F2, F3, hold or deceased')
      .option('--from <date>', 'first day, YYYY-MM-DD (today)')
      .option('--until <date>', 'last day, YYYY-MM-DD (no end known)')
      .option('--region <n>', 'where the person lives, a number of the GSO list (as before)')
      .action(async (subject: string, given: RegistryGiven & { status: string; from?: string; until?: string; region?: string }) => {
        const { setStatus } = await import('./registry.ts');
        await setStatus(await readPersonal({ [kind]: subject }, [[kind, `the ${kind}`]]), given, given);
      });
  }
  withRegistry(registry.command('clear'))
    .description('end every hold of a person')
    .argument('<id>', `${PERSONAL} or 12 digits`)
    .action(async (subject: string, given: RegistryGiven) => {
      const { setStatus } = await import('./registry.ts');
      await setStatus(await readPersonal({ id: subject }, [['id', 'the id']]), { status: 'clear' }, given);
    });
  for (const [name, kind, description] of [
    ['revoke', 'revoked', 'refuse a credential from now on'],
    ['release', 'released', 'take a revocation back'],
  ] as const) {
    withRegistry(registry.command(name))
      .description(description)
      .argument('<cti>', `${PERSONAL} or 16 hex digits: the credential id`)
      .option('--days <n>', 'until the credential has surely expired', wholeNumber, 8)
      .action(async (given: string, options: RegistryGiven & { days: number }) => {
        const { changeCredential } = await import('./registry.ts');
        const { cti = '' } = await readPersonal({ cti: given }, [['cti', 'the credential id']]);
        await changeCredential(kind, cti, options.days, options);
      });
  }
  withRegistry(registry.command('kill-key'))
    .description("refuse every code of an issuer's key from now on, before a new keyring is signed; cannot be taken back here")
    .argument('<kid>', "id of the issuer's key, 8 hex digits")
    .action(async (kid: string, given: RegistryGiven) => {
      const { killKey } = await import('./registry.ts');
      await killKey(kid, given);
    });
  registry
    .command('publish')
    .description(
      'slices that are not published because they have lost many holds, or because the store was set back; exit code 1 where there are any',
    )
    .requiredOption('--store <store>', 'sqlite:FILE')
    .option('--accept-loss', 'so many were really released: publish exactly that, once')
    .option('--accept-set-back', 'the store was set back to a backup, and what was missing since is in it again')
    .option('--slice <id>', 'where none waits: mark this slice as it is, for kiosks that come from a fuller one', 'default')
    .option('--actor <name>', 'who does it, for the audit (the login name)')
    .option('--json', 'JSON (the only form there is)')
    .action(async (given: { store: string; acceptLoss?: boolean; acceptSetBack?: boolean; slice: string; actor?: string }) => {
      const { publishSlices } = await import('./registry.ts');
      process.exitCode = await publishSlices({
        ...given,
        acceptLoss: given.acceptLoss === true,
        acceptSetBack: given.acceptSetBack === true,
      });
    });
  withRegistry(registry.command('import'))
    .description('statuses from a CSV file (columns id or plate, status, from, until); goes on where it was cut off')
    .argument('<file>')
    .option('--dry-run', 'only read it, and name its bad rows')
    .action(async (file: string, given: RegistryGiven & { dryRun?: boolean }) => {
      const { importFile } = await import('./registry.ts');
      process.exitCode = await importFile(file, given);
    });
}
