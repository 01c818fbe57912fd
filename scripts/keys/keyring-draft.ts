/**
 * A keyring while it is being written: JSON without version and dates, which come with the signature. Read and written whole,
 * and refused where no kiosk could use it.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { readTextFile } from '../../config/host/text-file.ts';
import { fromHex } from '../../sync/credential/bytes.ts';
import { isPublicKeyAcceptable } from '../../sync/credential/ed25519.ts';
import { keyringSchema } from '../../sync/credential/keyring-body.ts';
import { isSealingKeyAcceptable } from '../../sync/credential/sealing-key.ts';
import { roleNames } from '../../sync/credential/statement.ts';
import { CommandError, exitCode } from '../command.ts';
import { kidOf } from './keyring-words.ts';

/** Strict where kiosks are lenient: a word that is spelled wrong would be left out unseen. */
const keyringDraftSchema = keyringSchema
  .partial({ version: true, issuedAt: true, expires: true, audience: true })
  .extend({
    issuers: z.array(keyringSchema.shape.issuers.element.strict()).max(1000),
    roles: keyringSchema.shape.roles.strict(),
  })
  .strict();
export type KeyringDraft = z.infer<typeof keyringDraftSchema>;

/** Throws CommandError, in words, where the file is no keyring that could be signed. */
export function readDraft(file: string): KeyringDraft {
  let json: unknown;
  try {
    json = JSON.parse(readTextFile(file));
  } catch (error) {
    const code = error instanceof SyntaxError ? exitCode.dataError : exitCode.noInput;
    throw new CommandError(code, `${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = keyringDraftSchema.safeParse(json);
  if (!parsed.success) throw new CommandError(exitCode.dataError, `${file} is no keyring:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** `isNew`: the file must not be there yet. */
export function writeDraft(file: string, draft: KeyringDraft, isNew = false): void {
  const problems = draftProblems(draft);
  if (problems.length > 0) throw new CommandError(exitCode.dataError, `no kiosk would take this keyring: ${problems.join('; ')}`);
  if (isNew && existsSync(file)) throw new CommandError(exitCode.cannotCreate, `${file} exists already`);
  try {
    writeFileSync(file, `${JSON.stringify(draft, null, 2)}\n`);
  } catch (error) {
    throw new CommandError(exitCode.cannotCreate, `cannot write ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Why every kiosk would refuse it, a sentence each. */
export function draftProblems(draft: Pick<KeyringDraft, 'roots' | 'threshold' | 'issuers' | 'roles' | 'sealing'>): string[] {
  const duties = [
    ...draft.roots.map((key) => ({ key, duty: 'root' })),
    ...draft.issuers.map(({ key }) => ({ key, duty: 'issuer' })),
    ...roleNames.flatMap((role) => draft.roles[role].map((key) => ({ key, duty: `${role} key` }))),
  ];
  const problems = duties.flatMap(({ key, duty }, index) => {
    const first = duties.find((other) => other.key === key);
    const isTwice = first !== undefined && duties.indexOf(first) < index;
    if (isTwice) return `key ${kidOf(key)} is listed twice, as ${first.duty} and as ${duty}: a key has one duty`;
    return isPublicKeyAcceptable(fromHex(key)) ? [] : `${duty} ${kidOf(key)} is no Ed25519 key that may be used`;
  });
  const kids = draft.issuers.map(({ key }) => kidOf(key));
  const sameKid = kids.find(
    (kid, index) => kids.indexOf(kid) < index && draft.issuers[kids.indexOf(kid)]?.key !== draft.issuers[index]?.key,
  );
  if (sameKid !== undefined) problems.push(`two issuers share the key id ${sameKid}: one of them needs another key`);
  if (draft.threshold > draft.roots.length) problems.push(`${draft.threshold} roots must sign, and only ${draft.roots.length} are listed`);
  if (!isSealingKeyAcceptable(fromHex(draft.sealing))) problems.push('nobody may seal to this sealing key');
  return problems;
}
