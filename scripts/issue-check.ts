/**
 * Whether a code that was just made can ever pass, judged by what a lane judges it with: the reader of credentials, under the
 * keyring where one is given, and the rules of access of the policy where one is given. Pure; each answer names the option to
 * change.
 */
import { accessReason } from '../kiosk/decision/access.ts';
import { declarationAgeSMax } from '../kiosk/decision/decide.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { type Claims, credentialClasses } from '../sync/credential/claims.ts';
import { keyId } from '../sync/credential/cose.ts';
import { DEFAULT_DECLARATION_AGE_S_MAX, readCredential } from '../sync/credential/credential.ts';
import type { CredentialReason } from '../sync/credential/reasons.ts';
import type { TrustedIssuer, TrustList } from '../sync/credential/trust.ts';
import { localTimeText } from '../sync/protocol/authority-time.ts';
import type { Policy } from '../sync/protocol/policy.ts';
import type { Reason } from '../sync/protocol/reasons.ts';

/** What a 720p camera still reads: version 9 for a static code, 12 for a rotating one, both at level M. */
const CHARS_MAX = { CP1: 262, CP2: 440 } as const;
const HOUR_S = 3_600;
const VALID_HOURS_MAX = 168;

export interface IssuedCode {
  /** As it was written. */
  readonly text: string;
  /** As a lane sees it: of a code for a phone the rotating one, whoever's proof it holds. */
  readonly shown: string;
  readonly claims: Claims;
  readonly issuerKey: Uint8Array;
}

export interface IssueRules {
  /** Of the keyring; undefined: this issuer alone, with every class and area. */
  readonly trust: TrustList | undefined;
  readonly policy: Policy | undefined;
  /** Unix seconds. */
  readonly now: number;
}

/** Why no kiosk would ever pass the code, in one sentence; undefined where one may. */
export function whyNeverPasses(code: IssuedCode, rules: IssueRules): string | undefined {
  return tooLong(code.shown) ?? unreadable(code, rules) ?? (rules.policy && notAdmitted(code.claims, rules.policy, rules.now));
}

function tooLong(shown: string): string | undefined {
  const charsMax = shown.startsWith('CP2:') ? CHARS_MAX.CP2 : CHARS_MAX.CP1;
  if (shown.length <= charsMax) return undefined;
  const change = 'shorten --name, or leave out areas, --max-uses or --plate';
  return `the code would have ${shown.length} characters, more than the ${charsMax} that a lane camera reads: ${change}`;
}

function unreadable({ text, claims, issuerKey }: IssuedCode, { trust, policy, now }: IssueRules): string | undefined {
  const kid = toHex(keyId(issuerKey));
  const read = readCredential(text, {
    trust: trust ?? new Map([[kid, anyIssuer(issuerKey)]]),
    // A code for later is judged as of its first second.
    now: Math.max(now, claims.notBefore),
    ...(policy !== undefined && { declarationAgeSMax: declarationAgeSMax(policy) }),
  });
  // What a phone shows is this code with a proof of its own.
  if (read.ok || read.reason === 'static-copy-of-app') return undefined;
  return adviceFor(read.reason, claims, trust?.get(kid), kid);
}

function anyIssuer(publicKey: Uint8Array): TrustedIssuer {
  return { publicKey, status: 'active', classes: new Set(Object.values(credentialClasses)) };
}

function adviceFor(reason: CredentialReason, claims: Claims, issuer: TrustedIssuer | undefined, kid: string): string {
  const hours = (claims.expiresAt - claims.notBefore) / HOUR_S;
  switch (reason) {
    case 'kid-unknown':
      return `--key is key ${kid}, and the keyring lists no such issuer (${reason})`;
    case 'kid-revoked':
    case 'kid-retired':
      return `--key is key ${kid}, with which nothing more may be signed (${reason})`;
    case 'issuer-not-authorized':
      return `the keyring allows this issuer ${allowedWords(claims, issuer)} (${reason})`;
    case 'validity-range':
      return `--hours ${hours}: a code is good for at most ${VALID_HOURS_MAX} hours (${reason})`;
    case 'expired':
      return `it has expired already: change --from or --hours (${reason})`;
    case 'declaration-future':
      return `--declared-at lies in the future (${reason})`;
    case 'declaration-stale':
      return `--declared-at: the health declaration is too old for class ${claims.class} (${reason})`;
    default:
      return `every kiosk would refuse it: ${reason}`;
  }
}

function allowedWords({ class: one }: Claims, issuer: TrustedIssuer | undefined): string {
  const { classes = new Set<number>(), areas } = issuer ?? {};
  if (!classes.has(one)) return `the classes ${[...classes].join(', ')}, and not ${one}: change --class`;
  return `the areas ${[...(areas ?? [])].join(', ')}: change --area`;
}

/** Looks at every hour of its validity, each area and both ways: one that admits it is enough. */
function notAdmitted(claims: Claims, policy: Policy, now: number): string | undefined {
  let nearest: Reason | undefined;
  for (let atS = Math.max(now, claims.notBefore); atS < claims.expiresAt; atS += HOUR_S) {
    for (const area of claims.areas) {
      for (const direction of ['in', 'out'] as const) {
        const reason = accessReason({ credentialClass: claims.class, area, direction, nowMs: atS * 1000 }, policy);
        if (reason === undefined) return undefined;
        nearest ??= reason;
      }
    }
  }
  return `the policy admits class ${claims.class} in none of these areas while it is valid (${nearest}): change --class, --area, --from or --hours`;
}

/** What is worth knowing of a code that may pass, a sentence each. */
export function issueNotes({ claims }: IssuedCode, { trust, policy }: IssueRules): string[] {
  const ageSMax = (policy === undefined ? DEFAULT_DECLARATION_AGE_S_MAX : declarationAgeSMax(policy))(claims.class);
  const staleAtS = claims.declaredAt + ageSMax;
  const isPaper = claims.deviceKey === undefined;
  return [
    ...(trust === undefined ? ["not compared with what the issuer's key may sign: give --keyring and --root"] : []),
    ...(staleAtS < claims.expiresAt
      ? [`its health declaration counts until ${localTimeText(staleAtS)} only, and then the code no more`]
      : []),
    ...(isPaper && policy?.paperClasses.includes(claims.class) === false ? ['the policy sends paper codes of this class to staff'] : []),
  ];
}
