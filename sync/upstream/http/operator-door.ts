/**
 * Who acts for the operator: the token as `Authorization: Bearer`, or the session that the sign-in form gave. A browser sends
 * cookies and remembered passwords along for any site that asks it to, so a change by session must come from a page of ours,
 * every request must name us as its host, and HTTP Basic counts for nothing.
 */
import { createHash, createHmac, timingSafeEqual, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Host } from '../../../config/ports/host.ts';
import { accept, type Outcome, refuse } from '../../credential/outcome.ts';
import type { ProblemCode } from '../../protocol/problem.ts';
import type { Guesses } from './guesses.ts';
import type { OperatorCaller, UpstreamRequest } from './route.ts';

export interface DoorOptions {
  readonly operatorToken: string;
  readonly tls: { readonly certificate: string } | undefined;
  /** Further names that operators reach us by, such as that of a proxy in front. */
  readonly names?: readonly string[];
}

export interface OperatorDoor {
  admit(request: UpstreamRequest): Promise<Outcome<OperatorCaller, ProblemCode>>;
  /** Whether a form of our own page was sent. */
  isOwnPage(request: UpstreamRequest): boolean;
  isOwnHost(request: UpstreamRequest): boolean;
  /** The cookie of a new session, for the token. */
  signIn(token: string, address: string): Promise<Outcome<string, ProblemCode>>;
  /** The cookie that ends it in this browser. */
  signOut(): string;
}

/** There is one token, so whoever has it is the operator. */
const OPERATOR: OperatorCaller = { name: 'operator' };
export const OPERATOR_COOKIE = 'checkpoint-operator';
const SESSION_MS = 12 * 3_600_000;

export function createOperatorDoor(
  { operatorToken, tls, names = [] }: DoorOptions,
  guesses: Guesses,
  host: Pick<Host, 'clock' | 'random'>,
): OperatorDoor {
  const certificate = tls === undefined ? undefined : new X509Certificate(tls.certificate);
  // Signed, not stored: any number of processes share it, a restart ends nothing, and another token ends all.
  const key = createHash('sha256').update(`checkpoint-operator session\n${operatorToken}`).digest();
  const macOf = (text: string) => createHmac('sha256', key).update(text).digest('base64url');
  const attributes = `Path=/; HttpOnly; SameSite=Strict${tls === undefined ? '' : '; Secure'}`;

  const isOwnHost = ({ headers }: UpstreamRequest): boolean => {
    const name = nameOf(text(headers.host));
    // A name of another site can be made to point here; an address cannot.
    return name !== undefined && (isIP(name) !== 0 || name === 'localhost' || names.includes(name) || !!certificate?.checkHost(name));
  };
  const isOwnPage = ({ headers }: UpstreamRequest): boolean => {
    const site = headers['sec-fetch-site'];
    const own = `${tls === undefined ? 'http' : 'https'}://${text(headers.host)}`;
    const isProxied = names.includes(nameOf(text(headers.host)) ?? '') && headers.origin === `https://${text(headers.host)}`;
    return (headers.origin === own || isProxied) && (site === undefined || site === 'same-origin');
  };
  const check = async (token: string, address: string): Promise<Outcome<OperatorCaller, ProblemCode>> => {
    if (!guesses.admits(address)) return refuse('rate-limited');
    if (isEqual(token, operatorToken)) return accept(OPERATOR);
    await guesses.wrong(address);
    return refuse('operator-unknown');
  };
  const isSession = (cookies: string | undefined): boolean => {
    const given = cookies
      ?.split(';')
      .map((part) => part.trim())
      .find((part) => part.startsWith(`${OPERATOR_COOKIE}=`));
    const [expires = '', nonce = '', mac = ''] = given?.slice(OPERATOR_COOKIE.length + 1).split('.') ?? [];
    return /^\d{1,15}$/.test(expires) && isEqual(mac, macOf(`${expires}.${nonce}`)) && host.clock.wallMs() < Number(expires);
  };

  return {
    async admit(request) {
      const { headers, method, address } = request;
      if (!isOwnHost(request)) return refuse('host-unknown');
      const isChange = method !== 'GET';
      if (isChange && mediaType(text(headers['content-type'])) !== 'application/json') return refuse('content-type');
      const [scheme, token = ''] = text(headers.authorization).split(' ');
      if (/^bearer$/i.test(scheme ?? '')) return check(token, address);
      if (!isSession(headers.cookie?.toString())) return refuse('operator-unknown');
      return isChange && !isOwnPage(request) ? refuse('origin-foreign') : accept(OPERATOR);
    },
    isOwnPage,
    isOwnHost,
    async signIn(token, address) {
      const checked = await check(token, address);
      if (!checked.ok) return checked;
      const nonce = Buffer.from(host.random.bytes(16)).toString('base64url');
      const session = `${host.clock.wallMs() + SESSION_MS}.${nonce}`;
      return accept(`${OPERATOR_COOKIE}=${session}.${macOf(session)}; Max-Age=${SESSION_MS / 1000}; ${attributes}`);
    },
    signOut: () => `${OPERATOR_COOKIE}=; Max-Age=0; ${attributes}`,
  };
}

function text(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}

/** Of a Host header, without its port. */
function nameOf(host: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

function mediaType(header: string): string {
  return (header.split(';')[0] ?? '').trim().toLowerCase();
}

/** In a time that says nothing about either, nor about their lengths. */
function isEqual(a: string, b: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
}
