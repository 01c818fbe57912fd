/** What is wrong with the address of a network camera as it is written (pure). Nothing of the address is repeated: it may hold a login. */

export interface AddressProblem {
  readonly expected: string;
  readonly found: string;
}

const SCHEMES = { rtsp: /^rtsps?:\/\//i, mjpeg: /^https?:\/\//i } as const;
const EXPECTED = { rtsp: 'rtsp://HOST/PATH', mjpeg: 'http://HOST/PATH' } as const;
const LOGIN_ELSEWHERE = 'an address without a login: camera.passwordFile takes it, with any characters';

export function addressProblem(kind: 'rtsp' | 'mjpeg', source: string): AddressProblem | undefined {
  const scheme = SCHEMES[kind].exec(source)?.[0];
  if (scheme === undefined) return { expected: EXPECTED[kind], found: `something that does not begin like one of kind ${kind}` };
  const rest = source.slice(scheme.length);
  // A reader ends the host at the first of these, also in the middle of a password.
  const authority = /^[^/?#\\]*/.exec(rest)?.[0] ?? '';
  const own = authority.slice(authority.lastIndexOf('@') + 1);
  const isCutShort = authority.includes(':') && /^[?#]/.test(rest.slice(authority.length));
  const isCutLogin = (!isHostAndPort(own) || isCutShort) && rest.includes('@') && !authority.includes('@');
  if (isCutLogin) return { expected: LOGIN_ELSEWHERE, found: 'a login in the address, with a # or / or ? in it that ends the host' };
  if (/^[^@]*:[^@]+@/.test(authority) || authority.split('@').length > 2)
    return { expected: LOGIN_ELSEWHERE, found: 'a login in the address' };
  if (!isHostAndPort(own)) return { expected: EXPECTED[kind], found: 'no host, or a port that is no number' };
  return /[\s\p{Cc}]/u.test(source) ? { expected: EXPECTED[kind], found: 'a blank in the address: write %20' } : undefined;
}

/** A name, an IPv4 address, or an IPv6 address in brackets; perhaps with a port. */
function isHostAndPort(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-f:.]+(?:%25[\w.-]+)?\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i.exec(text) ?? [undefined, 'none'];
  return port !== 'none' && Number(port ?? 1) >= 1 && Number(port ?? 1) <= 65_535;
}
