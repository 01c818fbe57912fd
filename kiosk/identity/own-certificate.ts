/**
 * Who this kiosk is: its enrolment certificate is the truth on its name and place, and the configuration only repeats it. A
 * difference would put crossings on record under a name that nobody gave, so it opens nothing.
 */
import { createHash } from 'node:crypto';
import { Fault, type FaultCode } from '../../config/faults.ts';
import { lookAtTextFile } from '../../config/host/text-file.ts';
import { type Keyring, readKeyring } from '../../sync/credential/keyring.ts';
import { type Envelope, openStatement, parseEnvelopes, parsePayload } from '../../sync/credential/statement.ts';
import { type Certificate, certificateSchema } from '../../sync/protocol/enrolment.ts';

export interface CertificateParts {
  readonly file: string;
  /** Undefined while no keyring holds: then nothing can be verified, and nothing opens anyway. */
  readonly keyring: Keyring | undefined;
  /** Own signing key, hex; undefined where there is none yet. */
  readonly signingKey: string | undefined;
  /** What was verified once stays so, though its fleet key is no longer in the keyring. */
  readonly state?: { get(name: string): unknown; set(name: string, value: unknown): void } | undefined;
}

export type OwnCertificate =
  | { readonly kind: 'absent' }
  /** Without a keyring: what it claims. */
  | { readonly kind: 'unverified'; readonly certificate: Certificate }
  | { readonly kind: 'invalid'; readonly why: string }
  | { readonly kind: 'valid'; readonly certificate: Certificate };

export interface Identity {
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly lane: string;
}

const NAMES = ['kioskId', 'checkpointId', 'lane'] as const;
const VERIFIED = 'identity.verified';

export function readOwnCertificate({ file, keyring, signingKey, state }: CertificateParts): OwnCertificate {
  const { text, why } = { text: undefined, ...lookAtTextFile(file) };
  if (why !== undefined) return { kind: 'invalid', why };
  if (text === undefined) return { kind: 'absent' };
  const envelopes = parseEnvelopes(text.trim());
  if (!envelopes.ok) return { kind: 'invalid', why: envelopes.reason };
  const claimed = claimsOf(envelopes.value[0]);
  if (claimed === undefined) return { kind: 'invalid', why: 'statement-schema' };
  if (keyring === undefined) return { kind: 'unverified', certificate: claimed };
  const digest = createHash('sha256').update(text).digest('hex');
  const opened = openStatement(envelopes.value[0], 'enrolment', keyring.roles.fleet, certificateSchema);
  const certificate = opened.ok ? opened.value : state?.get(VERIFIED) === digest ? claimed : undefined;
  if (certificate === undefined) return { kind: 'invalid', why: opened.ok ? 'statement-schema' : opened.reason };
  if (signingKey !== undefined && certificate.signingKey !== signingKey)
    return { kind: 'invalid', why: 'it names another key than keys/kiosk.key' };
  if (opened.ok && state?.get(VERIFIED) !== digest) state?.set(VERIFIED, digest);
  return { kind: 'valid', certificate };
}

/** Why nothing may be opened under the names of the configuration; `detail` names both sides. */
export function identityFault(
  configured: Identity,
  own: OwnCertificate,
): { readonly code: Extract<FaultCode, 'identity-mismatch' | 'certificate-invalid'>; readonly detail: string } | undefined {
  if (own.kind === 'invalid') return { code: 'certificate-invalid', detail: own.why };
  if (own.kind === 'absent') return undefined;
  const { certificate } = own;
  const different = NAMES.filter((name) => configured[name] !== certificate[name]);
  if (different.length === 0) return undefined;
  const detail = different.map((name) => `${name}: ${configured[name]} (configuration), ${certificate[name]} (certificate)`).join('; ');
  return { code: 'identity-mismatch', detail };
}

export interface IdentityFiles {
  readonly certificate: string;
  readonly keyring: string;
  /** Fingerprint of the root, hex. */
  readonly root: string;
}

/** Reads the certificate by the keyring as it lies there. What is wrong with that keyring is for the registry to say. */
export function ownCertificate(files: IdentityFiles, rest: Pick<CertificateParts, 'signingKey' | 'state'>): OwnCertificate {
  const { text = '' } = { text: undefined, ...lookAtTextFile(files.keyring) };
  const keyring = readKeyring(text, files.root);
  return readOwnCertificate({ file: files.certificate, keyring: keyring.ok ? keyring.value : undefined, ...rest });
}

/** Throws Fault('identity-mismatch') or Fault('certificate-invalid'). */
export function requireIdentity(configured: Identity, own: OwnCertificate): void {
  const fault = identityFault(configured, own);
  if (fault !== undefined) throw new Fault(fault.code, fault.detail);
}

function claimsOf(envelope: Envelope): Certificate | undefined {
  if (envelope.type !== 'enrolment') return undefined;
  const claims = parsePayload(envelope, certificateSchema);
  return claims.ok ? claims.value : undefined;
}
