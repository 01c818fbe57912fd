/**
 * `checkpoint-kiosk keys sign --type keyring`: says what is about to be signed, compared with the keyring before, asks, and
 * writes the file that kiosks take, with the older keyrings that lead to its roots.
 */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { nodeClock } from '../../config/host/node-host.ts';
import { readTextFile } from '../../config/host/text-file.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import { type KeyringBody, keyringSchema } from '../../sync/credential/keyring-body.ts';
import { hasSigned, type KeyringBlock, type KeyringChain, parseKeyringChain } from '../../sync/credential/keyring-chain.ts';
import { createSigner, type Signer } from '../../sync/credential/signer.ts';
import { signAgain, signStatement } from '../../sync/credential/statement.ts';
import { CommandError, exitCode } from '../command.ts';
import { readKeyFile } from '../key-file.ts';
import { extendChain, missingSignatures, unfinished } from './extend-chain.ts';
import { draftProblems, readDraft } from './keyring-draft.ts';
import { compareKeyrings, describeKeyring, expiryWarnings, keyringWarnings, kidOf, validityWords } from './keyring-words.ts';

export interface SignKeyringOptions {
  readonly keys: readonly string[];
  /** The keyring that is in use. */
  readonly previous: string | undefined;
  /** Add signatures to this file instead of signing a new body. */
  readonly append: string | undefined;
  readonly out: string | undefined;
  readonly days: number;
  readonly yes: boolean;
}

const DAY_MS = 86_400_000;

export async function signKeyring(body: string | undefined, options: SignKeyringOptions): Promise<void> {
  if ((body === undefined) === (options.append === undefined)) {
    throw new CommandError(exitCode.usage, 'give the JSON of a keyring to sign, or --append a signed file that lacks signatures');
  }
  if (options.append !== undefined && options.previous !== undefined) {
    throw new CommandError(exitCode.usage, '--previous belongs to a new keyring; a file that is appended to holds what came before it');
  }
  refuseOverwriting(options);
  const signers = options.keys.map((file) => createSigner(readKeyFile(file)));
  const text = body === undefined ? await append(options.append ?? '', signers, options) : await signNew(body, signers, options);
  if (options.out === undefined) process.stdout.write(text);
  else write(options.out, text);
  const chain = readChain(text, options.out ?? 'the keyring');
  for (const line of missingSignatures(chain, kidOf)) say(line);
  const why = unfinished(chain);
  say(why === undefined ? 'complete: kiosks believe it' : `not complete (${why}): sign again with --append ${options.out ?? 'FILE'}`);
}

/** What leads to the roots stands in the file before: without it kiosks that were asleep are lost. */
function refuseOverwriting({ out, previous, append }: SignKeyringOptions): void {
  if (out === undefined || !existsSync(out) || out === previous || out === append) return;
  throw new CommandError(exitCode.cannotCreate, `${out} exists: give --previous ${out} if this keyring follows it, or another --out`);
}

async function signNew(bodyFile: string, signers: readonly Signer[], options: SignKeyringOptions): Promise<string> {
  const previous = options.previous === undefined ? undefined : readChain(readText(options.previous), options.previous);
  const before = previous?.at(-1)?.body;
  const why = previous === undefined ? undefined : unfinished(previous);
  if (why !== undefined)
    throw new CommandError(exitCode.dataError, `${options.previous} is not complete (${why}): add what it lacks first`);
  const nowMs = nodeClock.wallMs();
  const body = keyringSchema.parse({ ...headerAt(nowMs, options.days, before?.version ?? 0), ...readDraft(bodyFile) });
  const problems = draftProblems(body);
  if (problems.length > 0) throw new CommandError(exitCode.dataError, `no kiosk would take ${bodyFile}: ${problems.join('; ')}`);
  if (before !== undefined && body.version <= before.version) {
    throw new CommandError(
      exitCode.dataError,
      `${bodyFile} has version ${body.version}, which must be above ${before.version}: leave it out`,
    );
  }
  refuseStrangers(signers, [...body.roots, ...(before?.roots ?? [])]);
  summarise(body, before, nowMs);
  await confirm(options.yes);
  const text = signers.map((signer) => signStatement('keyring', body, signer)).join('\n');
  const [block] = readChain(text, 'the keyring');
  return extendChain(previous, block);
}

async function append(file: string, signers: readonly Signer[], options: SignKeyringOptions): Promise<string> {
  const chain = readChain(readText(file), file);
  const newest = chain.at(-1) ?? chain[0];
  const before = chain.at(-2)?.body;
  refuseStrangers(signers, [...newest.body.roots, ...(before?.roots ?? [])]);
  for (const { publicKey } of signers) {
    if (hasSigned(newest, [toHex(publicKey)]).length > 0) {
      throw new CommandError(exitCode.dataError, `${kidOf(toHex(publicKey))} has signed ${file} already`);
    }
  }
  summarise(newest.body, before, nodeClock.wallMs());
  await confirm(options.yes);
  const added = signers.map((signer) => signAgain(newest.envelopes[0], signer)).join('\n');
  const [block] = readChain(`${newest.text}\n${added}`, file);
  return [...chain.slice(0, -1), block].map(({ text }: KeyringBlock) => `${text}\n`).join('\n');
}

function headerAt(nowMs: number, days: number, previousVersion: number) {
  return {
    version: Math.max(previousVersion + 1, Math.floor(nowMs / 1000)),
    issuedAt: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + days * DAY_MS).toISOString(),
    audience: '*',
  };
}

function refuseStrangers(signers: readonly Signer[], roots: readonly string[]): void {
  const stranger = signers.find(({ publicKey }) => !roots.includes(toHex(publicKey)));
  if (stranger === undefined) return;
  const listed = [...new Set(roots)].map(kidOf).join(', ');
  throw new CommandError(
    exitCode.dataError,
    `${kidOf(toHex(stranger.publicKey))} is no root of this keyring or the one before; roots: ${listed}`,
  );
}

function summarise(body: KeyringBody, before: KeyringBody | undefined, nowMs: number): void {
  say(
    `keyring version ${body.version}${before === undefined ? '' : `, after ${before.version}`}, for ${body.audience === '*' ? 'everybody' : body.audience}`,
  );
  say(validityWords(body, nowMs));
  const changes = before === undefined ? undefined : compareKeyrings(before, body);
  if (changes === undefined) say('the first keyring, or compared with none (--previous):');
  else say(changes.length === 0 ? 'nothing has changed but version and dates' : 'changed:');
  for (const line of changes ?? describeKeyring(body)) say(`  ${line}`);
  for (const warning of [...expiryWarnings(body, nowMs), ...keyringWarnings(body)]) say(`note: ${warning}`);
}

async function confirm(yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) {
    throw new CommandError(exitCode.usage, 'nothing was signed: read the lines above and give --yes, or run this at a terminal');
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Sign this? Type yes: ').finally(() => terminal.close());
  if (answer.trim() !== 'yes') throw new CommandError(exitCode.failed, 'nothing was signed');
}

function readChain(text: string, name: string): KeyringChain {
  const chain = parseKeyringChain(text);
  if (!chain.ok) throw new CommandError(exitCode.dataError, `${name} is no keyring: ${chain.reason}`);
  return chain.value;
}

function write(file: string, text: string): void {
  try {
    // The one that is in use stays whole until the new one is.
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw new CommandError(exitCode.cannotCreate, `cannot write ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

function readText(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
