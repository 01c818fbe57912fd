/**
 * Who may open a page. A one-time token in a file that only the kiosk's user can read becomes a cookie; a token on the
 * browser's command line would show in the process list, so a token that comes a second time raises an alarm and ends every
 * session of its role.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Host } from '../../config/ports/host.ts';
import { toHex } from '../../sync/credential/bytes.ts';

export const roles = ['citizen', 'supervisor'] as const;
export type Role = (typeof roles)[number];

export type Entry = { readonly kind: 'entered'; readonly cookie: string } | { readonly kind: 'refused' } | { readonly kind: 'used-before' };

export interface Sessions {
  /** Exchanges a token. `cookies` is the request's Cookie header. */
  enter(role: Role, token: string, cookies: string | undefined): Entry;
  /** Which session the request belongs to: the hash of its cookie. */
  sessionOf(role: Role, cookies: string | undefined): string | undefined;
  /** The token that is good now. */
  token(role: Role): string;
}

/** Sessions survive a restart of the kiosk, so that its browser finds back by itself. Only hashes of the cookies are kept. */
export interface SessionStore {
  read(role: Role): readonly string[];
  write(role: Role, cookieHashes: readonly string[]): void;
}

interface Doors {
  token: string;
  readonly used: string[];
  cookieHashes: readonly string[];
}

const USED_MAX = 32;
const COOKIES_MAX = 8;

/** `publish` stores each new token where the browser's launcher finds it; `onAlarm` ends the open sockets of a role. */
export function createSessions(
  publish: (role: Role, token: string) => void,
  onAlarm: (role: Role) => void,
  store: SessionStore,
  host: Host,
): Sessions {
  const secret = () => toHex(host.random.bytes(24));
  const doors = new Map<Role, Doors>(roles.map((role) => [role, { token: secret(), used: [], cookieHashes: store.read(role) }]));
  const of = (role: Role): Doors => {
    const found = doors.get(role);
    if (found === undefined) throw new Error(`no role ${role}`);
    return found;
  };
  const renew = (role: Role) => {
    const door = of(role);
    door.used.push(door.token);
    if (door.used.length > USED_MAX) door.used.shift();
    door.token = secret();
    publish(role, door.token);
  };
  const setCookies = (role: Role, hashes: readonly string[]) => {
    of(role).cookieHashes = hashes;
    store.write(role, hashes);
  };
  for (const role of roles) publish(role, of(role).token);

  const sessionOf = (role: Role, header: string | undefined) => {
    const given = cookieOf(header, role);
    return given === undefined ? undefined : of(role).cookieHashes.find((known) => isEqual(known, hashOf(given)));
  };

  return {
    enter(role, token, cookies) {
      const door = of(role);
      if (isEqual(token, door.token)) {
        renew(role);
        const cookie = secret();
        setCookies(role, [...door.cookieHashes, hashOf(cookie)].slice(-COOKIES_MAX));
        return { kind: 'entered', cookie };
      }
      // The same browser going back to its link, of whichever run of the kiosk, is no thief.
      const given = cookieOf(cookies, role);
      if (given !== undefined && sessionOf(role, cookies) !== undefined) return { kind: 'entered', cookie: given };
      if (!door.used.some((used) => isEqual(used, token))) return { kind: 'refused' };
      host.log.error('display-token-reused', { role });
      setCookies(role, []);
      renew(role);
      onAlarm(role);
      return { kind: 'used-before' };
    },
    sessionOf,
    token: (role) => of(role).token,
  };
}

export function cookieName(role: Role): string {
  return `checkpoint-${role}`;
}

function cookieOf(header: string | undefined, role: Role): string | undefined {
  const prefix = `${cookieName(role)}=`;
  return header
    ?.split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(prefix))
    ?.slice(prefix.length);
}

function hashOf(cookie: string): string {
  return createHash('sha256').update(cookie).digest('hex');
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
