/**
 * Who may open a page. A one-time token in a file that only the kiosk's user can read becomes a cookie; a token on the
 * browser's command line would show in the process list, so a token that comes a second time raises an alarm and ends every
 * session of its role.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Host } from '../../config/ports/host.ts';
import { toHex } from '../../sync/credential/bytes.ts';

export const roles = ['citizen', 'supervisor'] as const;
export type Role = (typeof roles)[number];

export type Entry = { readonly kind: 'entered'; readonly cookie: string } | { readonly kind: 'refused' } | { readonly kind: 'used-before' };

export interface Sessions {
  /** Exchanges a token. `cookies` is the request's Cookie header. */
  enter(role: Role, token: string, cookies: string | undefined): Entry;
  isKnown(role: Role, cookies: string | undefined): boolean;
  /** The token that is good now. */
  token(role: Role): string;
}

interface Doors {
  token: string;
  readonly used: string[];
  cookies: string[];
}

const USED_MAX = 32;
const COOKIES_MAX = 8;

/** `publish` stores each new token where the browser's launcher finds it; `onAlarm` ends the open sockets of a role. */
export function createSessions(publish: (role: Role, token: string) => void, onAlarm: (role: Role) => void, host: Host): Sessions {
  const secret = () => toHex(host.random.bytes(24));
  const doors = new Map<Role, Doors>(roles.map((role) => [role, { token: secret(), used: [], cookies: [] }]));
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
  for (const role of roles) publish(role, of(role).token);

  const isKnown = (role: Role, header: string | undefined) => {
    const given = cookieOf(header, role);
    return given !== undefined && of(role).cookies.some((cookie) => isEqual(cookie, given));
  };

  return {
    enter(role, token, cookies) {
      const door = of(role);
      if (isEqual(token, door.token)) {
        renew(role);
        const cookie = secret();
        door.cookies = [...door.cookies, cookie].slice(-COOKIES_MAX);
        return { kind: 'entered', cookie };
      }
      if (!door.used.some((used) => isEqual(used, token))) return { kind: 'refused' };
      // The same browser going back to its link is no thief.
      const given = cookieOf(cookies, role);
      if (given !== undefined && isKnown(role, cookies)) return { kind: 'entered', cookie: given };
      host.log.error('display-token-reused', { role });
      door.cookies = [];
      renew(role);
      onAlarm(role);
      return { kind: 'used-before' };
    },
    isKnown,
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

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
