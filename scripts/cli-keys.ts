/** Commands about keys: files, the next keyring, signatures, and the steps that people follow. */
import { Argument, type Command, Option } from 'commander';
import { type RoleName, roleNames } from '../sync/credential/statement.ts';
import { collect, fingerprint, keyIdentity, rootName, wholeNumber } from './cli-arguments.ts';
import { CommandError, exitCode } from './command.ts';
import type { EditOptions } from './keys/keyring-edit.ts';

export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('keys and signed statements; `keys ceremony` says which commands when');
  addFiles(keys);
  addSubjectCheck(keys);
  addTlsPin(keys);
  addKeyring(keys.command('keyring').description('write the next keyring as JSON; nothing is signed here'));
  addSigning(keys);
  keys
    .command('ceremony')
    .description('the steps of everything that people do with keys, in Vietnamese and English, with the commands')
    .argument('[name]', 'setup, issuer, retire, revoke, online-key, sealing, subject-key, tls or root')
    .option('--json', 'one JSON object {name, en, vi, steps: [{en, vi, commands}]} a line')
    .action(async (name: string | undefined, { json = false }: { json?: boolean }) => {
      const { printCeremonies } = await import('./keys/ceremony.ts');
      printCeremonies(name, json);
    });
}

function addFiles(keys: Command): void {
  for (const [name, description] of [
    ['new', 'make a key file (mode 0600)'],
    ['show', 'the public half of a key file'],
  ] as const) {
    keys
      .command(name)
      .description(description)
      .argument('<file>')
      .option('--sealing', 'a sealing key (X25519) instead of a signing key (Ed25519)')
      .option('--json', 'JSON (the only form there is)')
      .action(async (file: string, { sealing = false }: { sealing?: boolean }) => {
        const { createKeyFile, describeKey, readKeyFile } = await import('./key-file.ts');
        const seed = name === 'new' ? createKeyFile(file) : readKeyFile(file);
        process.stdout.write(`${JSON.stringify(describeKey(seed, sealing))}\n`);
      });
  }
}

function addSubjectCheck(keys: Command): void {
  keys
    .command('subject-check')
    .description('the check value of a subject key: it may be shown, and tells whether two sides have the same key')
    .argument('<file>', 'key that makes pseudonyms (subject.key)')
    .option('--json', 'JSON (the only form there is)')
    .action(async (file: string) => {
      const { checkOfKeyFile } = await import('./keys/subject-key.ts');
      process.stdout.write(`${JSON.stringify({ kind: 'subject', subjectKeyCheck: checkOfKeyFile(file) })}\n`);
    });
}

function addTlsPin(keys: Command): void {
  keys
    .command('tls-pin')
    .description("the pin of the centre's TLS key: SHA-256 of its SubjectPublicKeyInfo; the key may stay where it is")
    .argument('<file>', 'certificate or key (PEM)')
    .option('--json', 'JSON (the only form there is)')
    .action(async (file: string) => {
      const { describeTls } = await import('./keys/tls-pin.ts');
      process.stdout.write(`${JSON.stringify(describeTls(file))}\n`);
    });
}

const KEY = 'public key: 64 hex digits, what `keys new` printed, or the key file';
const FILE = 'JSON of the keyring, as `keys keyring new` writes it';

function addKeyring(keyring: Command): void {
  const edit = (name: string, description: string) =>
    keyring
      .command(name)
      .description(description)
      .argument('<file>', FILE)
      .option('--json', 'one JSON object {changes, warnings} instead of lines');
  const begin = keyring
    .command('new')
    .description('begin the next keyring: from the one in use, or the very first from its keys')
    .argument('<file>', 'JSON file to make')
    .option('--from <file>', 'the signed keyring in use')
    .requiredOption('--root <key>', "with --from its root's fingerprint, else the public key of the first root")
    .option('--json', 'one JSON object {changes, warnings} instead of lines');
  for (const name of [...roleNames, 'sealing']) begin.option(`--${name} <key>`, `${name} key, for the very first`);
  type Begin = EditOptions & { root: string; from?: string } & Partial<Record<RoleName | 'sealing', string>>;
  begin.action(async (file: string, { root, from, json, ...given }: Begin) => {
    const { newKeyring } = await import('./keys/keyring-edit.ts');
    newKeyring(file, { root: from === undefined ? root : fingerprint(root), from, json, keys: given });
  });

  edit('add-issuer', 'list an issuer')
    .argument('<key>', KEY)
    .requiredOption('--classes <list>', 'what it may issue: names or numbers of classes, with commas')
    .option('--areas <list>', 'areas that it may name, with commas (all)')
    .action(async (file: string, key: string, given: EditOptions & { classes: string; areas?: string }) => {
      const { addIssuer } = await import('./keys/keyring-edit.ts');
      addIssuer(file, key, given);
    });
  edit('retire-issuer', 'what the key signs from now on counts no more; what it signed before counts for its time')
    .argument('<kid>', 'key id, 8 hex digits', keyIdentity)
    .option('--at <time>', 'from this instant on, such as 2026-01-31T12:00:00Z (now)')
    .action(async (file: string, kid: string, given: EditOptions & { at?: string }) => {
      const { retireIssuer } = await import('./keys/keyring-edit.ts');
      retireIssuer(file, kid, given);
    });
  edit('revoke-issuer', 'no code of the key counts any more')
    .argument('<kid>', 'key id, 8 hex digits', keyIdentity)
    .action(async (file: string, kid: string, given: EditOptions) => {
      const { revokeIssuer } = await import('./keys/keyring-edit.ts');
      revokeIssuer(file, kid, given);
    });
  edit('set-role', 'the keys of a role are exactly these')
    .addArgument(new Argument('<role>').choices(roleNames))
    .argument('<key...>', KEY)
    .action(async (file: string, role: RoleName, list: string[], given: EditOptions) => {
      const { setRole } = await import('./keys/keyring-edit.ts');
      setRole(file, role, list, given);
    });
  edit('set-sealing', 'crossings are sealed to this key')
    .argument('<key>', KEY)
    .action(async (file: string, key: string, given: EditOptions) => {
      const { setSealing } = await import('./keys/keyring-edit.ts');
      setSealing(file, key, given);
    });
  edit('subject-key', 'pseudonyms are made with this key: kiosks pass no code, and take no slice, of another one')
    .argument('<key>', 'check value (6 hex digits), what `keys subject-check` printed, or the key file')
    .action(async (file: string, key: string, given: EditOptions) => {
      const { setSubjectKey } = await import('./keys/keyring-edit.ts');
      setSubjectKey(file, key, given);
    });
  edit('pin', 'kiosks believe a centre that shows this TLS key, whoever signed its certificate; several during a change')
    .argument('<key...>', 'certificate or key (PEM), what `keys tls-pin` printed, or the pin (64 hex digits)')
    .option('--remove', 'take these pins out')
    .action(async (file: string, list: string[], given: EditOptions & { remove?: boolean }) => {
      const { setPins } = await import('./keys/keyring-edit.ts');
      setPins(file, list, given);
    });
  const threshold = ['--threshold <n>', 'so many roots must sign from then on', wholeNumber] as const;
  edit('add-root', 'a further root, which must sign too')
    .argument('<key>', KEY)
    .option(...threshold)
    .action(async (file: string, key: string, given: EditOptions & { threshold?: number }) => {
      const { addRoot } = await import('./keys/keyring-edit.ts');
      addRoot(file, key, given);
    });
  edit('remove-root', 'this root signs nothing any more once the keyring is in place')
    .argument('<root>', 'key id or fingerprint', rootName)
    .option(...threshold)
    .action(async (file: string, root: string, given: EditOptions & { threshold?: number }) => {
      const { removeRoot } = await import('./keys/keyring-edit.ts');
      removeRoot(file, root, given);
    });
}

const types = ['keyring', 'policy', 'slice-manifest'] as const;

interface SignGiven {
  readonly type: (typeof types)[number];
  readonly key: string[];
  readonly days: number;
  readonly previous?: string;
  readonly append?: string;
  readonly yes?: boolean;
  readonly out?: string;
}

function addSigning(keys: Command): void {
  keys
    .command('sign')
    .description('sign a keyring, policy or slice manifest written as JSON; for a keyring it says what has changed, and asks')
    .addOption(new Option('--type <type>').choices(types).makeOptionMandatory())
    .requiredOption('--key <file>', 'signing key: root for a keyring (repeatable), release for a policy, slice for a manifest', collect, [])
    .option('--days <n>', 'validity where the body names none', wholeNumber, 90)
    .option('--previous <file>', 'keyring: the signed one in use, which is compared and leads to the new one')
    .option('--append <file>', 'keyring: add signatures to this signed file, over the same bytes, instead of signing a body')
    .option('--yes', 'keyring: do not ask')
    .option('--out <file>', 'instead of stdout')
    .option('--json', 'accepted; a statement is lines of text')
    .argument('[body]', 'JSON file; version, issuedAt, expires and audience may be left out')
    .action(async (body: string | undefined, given: SignGiven) => {
      const { type, key, days, previous, append, yes = false, out } = given;
      if (type === 'keyring') {
        const { signKeyring } = await import('./keys/sign-keyring.ts');
        return signKeyring(body, { keys: key, previous, append, out, days, yes });
      }
      const [only, ...more] = key;
      if (body === undefined || only === undefined || more.length > 0 || previous !== undefined || append !== undefined) {
        throw new CommandError(
          exitCode.usage,
          `a ${type} is signed by one key: give its JSON and one --key, and none of --previous, --append`,
        );
      }
      const { signFile } = await import('./sign.ts');
      signFile({ type, key: only, days, body, out });
    });
  keys
    .command('check')
    .description(
      'whether a kiosk would believe keyring, policy and certificates, what they say, and how many days are left; exit code 1 where it would not, 2 where one runs out within 21 days',
    )
    .argument('<file...>', 'signed keyring, policy, certificate of a kiosk (keys/certificate.cose), TLS certificate (PEM)')
    .requiredOption('--root <fingerprint>', 'SHA-256 of the root that kiosks are pinned to', fingerprint)
    .option('--keyring <file>', 'the signed keyring by which the others are believed, where it is not among the files')
    .option('--json', 'one JSON object {ok, type, reason, version, audience, expires, days, says, warnings} a file')
    .action(async (files: string[], given: { root: string; keyring?: string; json?: boolean }) => {
      const { checkStatements } = await import('./keys/check-statement.ts');
      process.exitCode = checkStatements(files, given);
    });
}
