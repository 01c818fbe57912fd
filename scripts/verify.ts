/** `checkpoint-kiosk verify`: one text a line in, exactly one JSON verdict a line out. Nothing is trimmed but the line end itself. */
import { readTextFile } from '../config/host/text-file.ts';
import { toHex } from '../sync/credential/bytes.ts';
import type { Claims } from '../sync/credential/claims.ts';
import { readCredential } from '../sync/credential/credential.ts';
import { type Keyring, readKeyring } from '../sync/credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../sync/credential/statement.ts';
import { parseTrustFile, type TrustList } from '../sync/credential/trust.ts';
import { type Policy, policySchema } from '../sync/protocol/policy.ts';
import { CommandError, exitCode } from './command.ts';

/**
 * The trust list of FILE: with a root's fingerprint a keyring, else the `trust` object of a vector file (the whole vector
 * file is taken too).
 */
export function loadTrust(file: string, root: string | undefined): TrustList {
  if (root !== undefined) return loadKeyring(file, root).trust;
  let json: unknown;
  try {
    json = JSON.parse(readTextFile(file));
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read the trust file ${file}: ${error instanceof Error ? error.message : error}`);
  }
  const inner = typeof json === 'object' && json !== null && 'trust' in json ? json.trust : json;
  const trust = parseTrustFile(inner);
  if (!trust.ok) throw new CommandError(exitCode.dataError, `${file}: ${trust.reason}`);
  return trust.value;
}

/** A keyring that is believed from this root. */
export function loadKeyring(file: string, root: string): Keyring {
  if (!/^[0-9a-f]{64}$/.test(root)) throw new CommandError(exitCode.usage, '--root takes 64 lower-case hex digits');
  let text: string;
  try {
    text = readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read the keyring ${file}: ${error instanceof Error ? error.message : error}`);
  }
  const keyring = readKeyring(text, root);
  if (!keyring.ok) throw new CommandError(exitCode.dataError, `${file}: ${keyring.reason}`);
  return keyring.value;
}

/** A policy that the keyring's release key has signed. */
export function loadPolicy(file: string, keyring: Keyring): Policy {
  let text: string;
  try {
    text = readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
  const envelopes = parseEnvelopes(text);
  const policy = envelopes.ok ? openStatement(envelopes.value[0], 'policy', keyring.roles.release, policySchema) : envelopes;
  if (!policy.ok) throw new CommandError(exitCode.dataError, `${file}: ${policy.reason}`);
  return policy.value;
}

/** The JSON form of one verdict: `{ok, reason, claims}`. */
export function verdictOf(text: string, trust: TrustList, now: number) {
  const result = readCredential(text, { trust, now });
  return result.ok
    ? { ok: true, reason: null, claims: describeClaims(result.value.claims) }
    : { ok: false, reason: result.reason, claims: null };
}

/** Claims with byte strings as lower-case hex and times as Unix seconds. */
export function describeClaims(claims: Claims) {
  return Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, value instanceof Uint8Array ? toHex(value) : value]));
}

/** Splits a stream into lines at LF only; a CR before it stays part of the text. An unfinished last line counts, an empty rest does not. */
export async function* linesOf(input: AsyncIterable<Buffer | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  for await (const chunk of input) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/** With `jsonInput` each line holds one JSON string, so that a text may contain line ends; anything else is a named refusal. */
export function verifyLine(line: string, jsonInput: boolean, trust: TrustList, now: number) {
  if (!jsonInput) return verdictOf(line, trust, now);
  let text: unknown;
  try {
    text = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return typeof text === 'string' ? verdictOf(text, trust, now) : { ok: false, reason: 'input-not-json-string', claims: null };
}
