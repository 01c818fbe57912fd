/** `checkpoint-kiosk keys check`: whether a kiosk would believe keyring, policy and certificates, what they say, and what somebody should see to before they run out. */

import { nodeClock } from '../../config/host/node-host.ts';
import { readTextFile } from '../../config/host/text-file.ts';
import { type Keyring, readKeyring } from '../../sync/credential/keyring.ts';
import { parseKeyringChain } from '../../sync/credential/keyring-chain.ts';
import { type Envelope, openStatement, parseEnvelopes, type StatementHeader } from '../../sync/credential/statement.ts';
import { certificateSchema } from '../../sync/protocol/enrolment.ts';
import { policySchema } from '../../sync/protocol/policy.ts';
import { CommandError, exitCode } from '../command.ts';
import { missingSignatures } from './extend-chain.ts';
import { draftProblems } from './keyring-draft.ts';
import { daysUntil, describeKeyring, expiryWarnings, isSoon, keyringWarnings, kidOf, validityWords } from './keyring-words.ts';
import { describeTls } from './tls-pin.ts';

export interface CheckOptions {
  readonly root: string;
  /** For policy, certificate and TLS: the keyring that names their keys; else one among the files. */
  readonly keyring?: string | undefined;
  readonly json?: boolean | undefined;
}

interface Finding {
  readonly ok: boolean;
  readonly type: 'keyring' | 'policy' | 'certificate' | 'tls';
  readonly reason?: string;
  /** Absent where it cannot be read. */
  readonly header?: Validity & Partial<Pick<StatementHeader, 'version' | 'audience'>>;
  readonly says: readonly string[];
  readonly warnings: readonly string[];
}

type Validity = Pick<StatementHeader, 'issuedAt' | 'expires'>;

/** Exit code 1 where one is not believed or has expired, 2 where one runs out within three weeks. */
export function checkStatements(files: readonly string[], options: CheckOptions): number {
  const nowMs = nodeClock.wallMs();
  const texts = files.map((file) => ({ file, text: readText(file) }));
  const keyring = keyringFor(texts, options);
  const codes = texts.map(({ file, text }) => {
    const found = checkText(file, text, { root: options.root, keyring, nowMs });
    report(file, found, nowMs, options.json === true);
    if (!found.ok || (found.header !== undefined && Date.parse(found.header.expires) <= nowMs)) return exitCode.failed;
    return found.header !== undefined && isSoon(found.header.expires, nowMs) ? exitCode.soon : exitCode.ok;
  });
  return codes.find((code) => code === exitCode.failed) ?? Math.max(...codes);
}

interface CheckContext {
  readonly root: string;
  /** What policies, certificates and TLS keys are believed by. */
  readonly keyring: Keyring | undefined;
  readonly nowMs: number;
}

/** The one of `--keyring`, else one among the files. */
function keyringFor(texts: readonly { readonly text: string }[], { keyring: file, root }: CheckOptions): Keyring | undefined {
  if (file === undefined) {
    const among = texts.map(({ text }) => readKeyring(text, root)).find((read) => read.ok);
    return among?.ok === true ? among.value : undefined;
  }
  const read = readKeyring(readText(file), root);
  if (!read.ok) throw new CommandError(exitCode.dataError, `${file} is not believed from that root: ${read.reason}`);
  return read.value;
}

function checkText(file: string, text: string, context: CheckContext): Finding {
  if (text.includes('-----BEGIN CERTIFICATE-----')) return checkTls(file, context);
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) throw new CommandError(exitCode.dataError, `${file} is no signed statement: ${envelopes.reason}`);
  const [envelope] = envelopes.value;
  if (envelope.type === 'keyring') return checkKeyring(text, context.root, context.nowMs);
  if (envelope.type === 'policy') return checkPolicy(envelope, context);
  if (envelope.type === 'enrolment') return checkCertificate(envelope, context);
  throw new CommandError(
    exitCode.dataError,
    `${file} is a ${envelope.type}: give keyring, policy, certificate of a kiosk or TLS certificate`,
  );
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

function checkPolicy(envelope: Envelope, { keyring, nowMs }: CheckContext): Finding {
  if (keyring === undefined) throw new CommandError(exitCode.usage, 'a policy is believed by a keyring: give --keyring FILE too');
  const policy = openStatement(envelope, 'policy', keyring.roles.release, policySchema);
  if (!policy.ok) return { ok: false, type: 'policy', reason: policy.reason, says: [], warnings: [] };
  const { version: _version, issuedAt: _issuedAt, expires: _expires, audience: _audience, ...rules } = policy.value;
  const says = Object.entries(rules).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return { ok: true, type: 'policy', header: policy.value, says, warnings: expiryWarnings(policy.value, nowMs) };
}

/** That a kiosk got when it enrolled, `keys/certificate.cose` in its folder. */
function checkCertificate(envelope: Envelope, { keyring, nowMs }: CheckContext): Finding {
  if (keyring === undefined) throw new CommandError(exitCode.usage, 'a certificate is believed by a keyring: give --keyring FILE too');
  const certificate = openStatement(envelope, 'enrolment', keyring.roles.fleet, certificateSchema);
  if (!certificate.ok) return { ok: false, type: 'certificate', reason: certificate.reason, says: [], warnings: [] };
  const { kioskId, checkpointId, lane } = certificate.value;
  const soon = isSoon(certificate.value.expires, nowMs) ? ['it runs out: enrol the kiosk anew (kiosk add, enrol)'] : [];
  return {
    ok: true,
    type: 'certificate',
    header: certificate.value,
    says: [`kiosk ${kioskId}, ${checkpointId}, lane ${lane}`],
    warnings: soon,
  };
}

/** Of the centre's TLS. Pinned by no keyring it is believed by authorities, which are not asked here. */
function checkTls(file: string, { keyring, nowMs }: CheckContext): Finding {
  const { pin, issued, expires } = describeTls(file);
  const pins = keyring?.upstreamPins ?? [];
  const isForeign = pins.length > 0 && !pins.includes(pin);
  const header = issued === undefined || expires === undefined ? {} : { header: { issuedAt: issued, expires } };
  const soon = expires !== undefined && isSoon(expires, nowMs) ? ['it runs out: renew it with the same key, or see keys ceremony tls'] : [];
  const reason = isForeign ? { reason: 'not pinned by the keyring' } : {};
  return { ok: !isForeign, type: 'tls', ...reason, ...header, says: [`pin ${pin}`], warnings: soon };
}

const NAMES = { keyring: 'keyring', policy: 'policy', certificate: 'certificate of a kiosk', tls: 'TLS certificate' } as const;

function report(file: string, { ok, type, reason, header, says, warnings }: Finding, nowMs: number, json: boolean): void {
  if (json) {
    const days = header === undefined ? null : daysUntil(header.expires, nowMs);
    const about = { version: header?.version ?? null, audience: header?.audience ?? null, expires: header?.expires ?? null, days };
    process.stdout.write(`${JSON.stringify({ ok, type, reason: reason ?? null, ...about, says, warnings })}\n`);
    return;
  }
  const lines = [
    ok ? `${file}: a ${NAMES[type]} that kiosks believe` : `${file}: a ${NAMES[type]} that NO kiosk with this root believes (${reason})`,
    ...(header?.version === undefined ? [] : [`version ${header.version}, for ${header.audience === '*' ? 'everybody' : header.audience}`]),
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
