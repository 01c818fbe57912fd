/** `checkpoint-kiosk keys check`: whether a kiosk would believe a keyring or policy file, what it says, and what somebody should see to. */

import { nodeClock } from '../../config/host/node-host.ts';
import { readTextFile } from '../../config/host/text-file.ts';
import { type Keyring, readKeyring } from '../../sync/credential/keyring.ts';
import { parseKeyringChain } from '../../sync/credential/keyring-chain.ts';
import { openStatement, parseEnvelopes, type StatementHeader } from '../../sync/credential/statement.ts';
import { policySchema } from '../../sync/protocol/policy.ts';
import { CommandError, exitCode } from '../command.ts';
import { missingSignatures } from './extend-chain.ts';
import { draftProblems } from './keyring-draft.ts';
import { daysUntil, describeKeyring, expiryWarnings, keyringWarnings, kidOf, validityWords } from './keyring-words.ts';

export interface CheckOptions {
  readonly root: string;
  /** For a policy: the keyring that names its key. */
  readonly keyring?: string | undefined;
  readonly json?: boolean | undefined;
}

interface Finding {
  readonly ok: boolean;
  readonly type: 'keyring' | 'policy';
  readonly reason?: string;
  readonly header?: StatementHeader;
  readonly says: readonly string[];
  readonly warnings: readonly string[];
}

/** Exit code 1 where it is not believed, or has expired. */
export function checkStatement(file: string, options: CheckOptions): number {
  const text = readText(file);
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) throw new CommandError(exitCode.dataError, `${file} is no signed statement: ${envelopes.reason}`);
  const [{ type }] = envelopes.value;
  if (type !== 'keyring' && type !== 'policy')
    throw new CommandError(exitCode.dataError, `${file} is a ${type}: give a keyring or a policy`);
  const nowMs = nodeClock.wallMs();
  const found = type === 'keyring' ? checkKeyring(text, options.root, nowMs) : checkPolicy(text, options, nowMs);
  report(file, found, nowMs, options.json === true);
  return found.ok && (found.header === undefined || Date.parse(found.header.expires) > nowMs) ? exitCode.ok : exitCode.failed;
}

function checkKeyring(text: string, root: string, nowMs: number): Finding {
  const chain = parseKeyringChain(text);
  if (!chain.ok) return { ok: false, type: 'keyring', reason: chain.reason, says: [], warnings: [] };
  const read = readKeyring(text, root);
  const newest = chain.value.at(-1) ?? chain.value[0];
  const { body } = newest;
  const steps = chain.value.length - 1;
  const says = [
    ...missingSignatures(chain.value, kidOf),
    ...(steps === 0 ? [] : [`${steps} earlier ${steps === 1 ? 'keyring leads' : 'keyrings lead'} to it from older roots`]),
    ...describeKeyring(body),
  ];
  const reason = read.ok ? {} : { reason: read.reason };
  const warnings = [...draftProblems(body), ...expiryWarnings(body, nowMs), ...keyringWarnings(body)];
  return { ok: read.ok, type: 'keyring', ...reason, header: body, says, warnings };
}

function checkPolicy(text: string, { keyring: file, root }: CheckOptions, nowMs: number): Finding {
  if (file === undefined) throw new CommandError(exitCode.usage, 'a policy is believed by a keyring: give --keyring FILE too');
  const keyring = readKeyring(readText(file), root);
  if (!keyring.ok) throw new CommandError(exitCode.dataError, `${file} is not believed from that root: ${keyring.reason}`);
  const policy = openPolicy(text, keyring.value);
  if (!policy.ok) return { ok: false, type: 'policy', reason: policy.reason, says: [], warnings: [] };
  const { version: _version, issuedAt: _issuedAt, expires: _expires, audience: _audience, ...rules } = policy.value;
  const says = Object.entries(rules).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return { ok: true, type: 'policy', header: policy.value, says, warnings: expiryWarnings(policy.value, nowMs) };
}

function openPolicy(text: string, { roles }: Keyring) {
  const envelopes = parseEnvelopes(text);
  return envelopes.ok ? openStatement(envelopes.value[0], 'policy', roles.release, policySchema) : envelopes;
}

function report(file: string, { ok, type, reason, header, says, warnings }: Finding, nowMs: number, json: boolean): void {
  if (json) {
    const days = header === undefined ? null : daysUntil(header.expires, nowMs);
    const about = { version: header?.version ?? null, audience: header?.audience ?? null, expires: header?.expires ?? null, days };
    process.stdout.write(`${JSON.stringify({ ok, type, reason: reason ?? null, ...about, says, warnings })}\n`);
    return;
  }
  const lines = [
    ok ? `${file}: a ${type} that kiosks believe` : `${file}: a ${type} that NO kiosk with this root believes (${reason})`,
    ...(header === undefined ? [] : [`version ${header.version}, for ${header.audience === '*' ? 'everybody' : header.audience}`]),
    ...(header === undefined ? [] : [validityWords(header, nowMs)]),
    ...says.map((line) => `  ${line}`),
    ...warnings.map((warning) => `note: ${warning}`),
  ];
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

function readText(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
