/**
 * The QR profile CP1 (static) and CP2 (rotating): text in, claims or one named reason out.
 * Third step of the path, between the decoder and the registry lookup. Pure: trust, time and limits are arguments.
 * Checks run in one fixed order, the first failure wins, nothing throws.
 */
import { createHash } from 'node:crypto';
import { encodeBase45 } from './base45.ts';
import { type Claims, credentialClasses, parseClaims } from './claims.ts';
import { type UnwrappedCode, unwrapCode } from './code-text.ts';
import { checkSign1 } from './cose.ts';
import { ed25519InUse, isPublicKeyAcceptable, type StrictEd25519 } from './ed25519.ts';
import { accept, type Outcome, refuse } from './outcome.ts';
import { popMessage, stepAt, writeRotating } from './proof.ts';
import type { CredentialReason } from './reasons.ts';
import { parseSign1, type Sign1 } from './sign1.ts';
import type { TrustedIssuer, TrustList } from './trust.ts';
import { outsideValidity, SKEW_S } from './validity.ts';

const VALIDITY_S_MAX = 7 * 86_400;
/** Credentials signed before a key retired count for one more validity span. */
const RETIRED_GRACE_S = VALIDITY_S_MAX;
const DECLARATION_AGE_S = 72 * 3_600;
const STEP_WINDOW = 2;

export interface ReadOptions {
  readonly trust: TrustList;
  /** Unix seconds. */
  readonly now: number;
  /** Longest age of a health declaration in seconds by class; Infinity where the class needs none. */
  readonly declarationAgeSMax?: (credentialClass: number) => number;
  /** Verifies both signatures; the one in use, unless said otherwise. */
  readonly ed25519?: StrictEd25519;
}

export interface Credential {
  /** paper: a static CP1; app: a rotating CP2. */
  readonly form: 'paper' | 'app';
  readonly kid: string;
  readonly claims: Claims;
  /** The 30-second step an app code was made for. */
  readonly step?: number;
}

/** A refusal carries the credential once its signature and claims held, so that the record can name what was refused. */
export type ReadResult =
  | { readonly ok: true; readonly value: Credential }
  | { readonly ok: false; readonly reason: CredentialReason; readonly signed?: Credential };

export const DEFAULT_DECLARATION_AGE_S_MAX = (credentialClass: number): number =>
  credentialClass === credentialClasses.duty || credentialClass === credentialClasses.medical ? Infinity : DECLARATION_AGE_S;

/** Reads one QR text. About 0.1 ms with the native signature back end; a rotating one takes twice that, and 0.2 ms for its device key. */
export function readCredential(text: string, options: ReadOptions): ReadResult {
  const unwrapped = unwrapCode(text);
  if (!unwrapped.ok) return unwrapped;
  const { cose, proof } = unwrapped.value;
  const message = parseSign1(cose, { contentType: 'none' });
  if (!message.ok) return message;
  const issuer = findIssuer(message.value, options);
  if (!issuer.ok) return issuer;
  const signatureReason = checkSign1(message.value, issuer.value.publicKey, options.ed25519);
  if (signatureReason !== undefined) return refuse(signatureReason);
  const parsed = parseClaims(message.value.payload);
  if (!parsed.ok) return parsed;
  const claims = parsed.value;
  const credential: Credential = {
    form: proof === undefined ? 'paper' : 'app',
    kid: message.value.kid,
    claims,
    ...(proof !== undefined && { step: proof.step }),
  };
  const reason = checkIssuer(claims, issuer.value) ?? checkTimes(claims, options) ?? checkForm(claims, unwrapped.value, options);
  return reason === undefined ? accept(credential) : { ok: false, reason, signed: credential };
}

function findIssuer(message: Sign1, options: ReadOptions): Outcome<TrustedIssuer, CredentialReason> {
  const issuer = options.trust.get(message.kid);
  if (issuer === undefined) return refuse('kid-unknown');
  if (issuer.status === 'revoked') return refuse('kid-revoked');
  if (issuer.status === 'retired' && (issuer.retiredAt === undefined || options.now >= issuer.retiredAt + RETIRED_GRACE_S)) {
    return refuse('kid-retired');
  }
  return accept(issuer);
}

function checkIssuer(claims: Claims, issuer: TrustedIssuer): CredentialReason | undefined {
  if (issuer.status === 'retired' && claims.notBefore >= (issuer.retiredAt ?? 0)) return 'kid-retired';
  const { areas } = issuer;
  if (!issuer.classes.has(claims.class)) return 'issuer-not-authorized';
  if (areas !== undefined && !claims.areas.every((area) => areas.has(area))) return 'issuer-not-authorized';
  return undefined;
}

/** Validity and age of the declaration, in the order of the reasons. */
export function checkTimes(claims: Claims, options: Omit<ReadOptions, 'trust'>): CredentialReason | undefined {
  const { now, declarationAgeSMax = DEFAULT_DECLARATION_AGE_S_MAX } = options;
  const validityS = claims.expiresAt - claims.notBefore;
  if (validityS <= 0 || validityS > VALIDITY_S_MAX) return 'validity-range';
  const outside = outsideValidity(claims, now);
  if (outside !== undefined) return outside;
  if (claims.declaredAt > now + SKEW_S) return 'declaration-future';
  if (!(now - claims.declaredAt <= declarationAgeSMax(claims.class))) return 'declaration-stale';
  return undefined;
}

function checkForm(claims: Claims, { cose, proof }: UnwrappedCode, options: ReadOptions): CredentialReason | undefined {
  const { now, ed25519 = ed25519InUse() } = options;
  const { deviceKey } = claims;
  if (proof === undefined) return deviceKey === undefined ? undefined : 'static-copy-of-app';
  if (deviceKey === undefined) return 'pop-unexpected';
  const ahead = proof.step - stepAt(now);
  if (ahead < -STEP_WINDOW) return 'pop-step-old';
  if (ahead > STEP_WINDOW) return 'pop-step-future';
  if (!isPublicKeyAcceptable(deviceKey)) return 'pop-key-invalid';
  return ed25519.check(popMessage(cose, proof.step, sha256), proof.signature, deviceKey) === undefined ? undefined : 'pop-invalid';
}

/** The text of a static code around a signed credential. */
export function writeCp1(cose: Uint8Array): string {
  return `CP1:${encodeBase45(cose)}`;
}

/** The text of a rotating code: the credential with the device's proof for the step that `now` (Unix seconds) falls in. */
export function writeCp2(cose: Uint8Array, deviceSeed: Uint8Array, now: number): string {
  return writeRotating(cose, deviceSeed, stepAt(now), sha256);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
