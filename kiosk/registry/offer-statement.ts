/** Puts a fetched keyring or policy in the place of the one in use: only where it holds and is newer. */
import { readFileSync } from 'node:fs';
import { writePrivateFile } from '../../config/host/private-file.ts';
import { plainText } from '../../config/host/text-file.ts';
import { type Keyring, readKeyring } from '../../sync/credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../../sync/credential/statement.ts';
import { policySchema } from '../../sync/protocol/policy.ts';
import { failedGoldenCases } from '../decision/golden.ts';

/** False where the text is refused, does not follow from the roots of the one in use too, or is not newer. */
export function offerKeyring(file: string, root: string, text: string): boolean {
  const current = readKeyring(readIfPresent(file), root);
  const offered = readKeyring(text, root, current.ok ? current.value.anchor : undefined);
  if (!offered.ok || (current.ok && offered.value.version <= current.value.version)) return false;
  writePrivateFile(file, text);
  return true;
}

export function offerPolicy(file: string, keyring: Keyring, text: string): boolean {
  const offered = policyVersion(text, keyring);
  const current = policyVersion(readIfPresent(file), keyring);
  if (offered === undefined || (current !== undefined && offered <= current)) return false;
  writePrivateFile(file, text);
  return true;
}

function policyVersion(text: string, keyring: Keyring): number | undefined {
  const envelopes = parseEnvelopes(text);
  const policy = envelopes.ok ? openStatement(envelopes.value[0], 'policy', keyring.roles.release, policySchema) : undefined;
  return policy?.ok === true && failedGoldenCases(policy.value).length === 0 ? policy.value.version : undefined;
}

function readIfPresent(file: string): string {
  try {
    return plainText(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}
