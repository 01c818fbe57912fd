/** What a keyring says, in words, for the person who signs or checks it (pure). */
import { fromHex, toHex } from '../../sync/credential/bytes.ts';
import { keyId } from '../../sync/credential/cose.ts';
import { type KeyringBody, rootFingerprint } from '../../sync/credential/keyring-body.ts';
import { roleNames } from '../../sync/credential/statement.ts';
import { sealKidOf } from '../../sync/protocol/sealing.ts';

type Content = Pick<KeyringBody, 'roots' | 'threshold' | 'issuers' | 'roles' | 'sealing' | 'upstreamPins' | 'subjectKeyCheck' | 'demo'>;
type Issuer = KeyringBody['issuers'][number];

const DAY_MS = 86_400_000;
/** A new keyring, policy or certificate needs people, a ceremony or a visit. */
const SOON_DAYS = 21;
/** Longer than the 90 days that an online key is good for. */
const LONG_DAYS = 100;

export function kidOf(key: string): string {
  return toHex(keyId(fromHex(key)));
}

export function describeKeyring(content: Content): string[] {
  const { roots, threshold, issuers, roles, sealing, upstreamPins, subjectKeyCheck } = content;
  return [
    ...roots.map((key) => `root ${kidOf(key)}, fingerprint ${rootFingerprint(fromHex(key))}`),
    `${threshold} of ${roots.length} ${roots.length === 1 ? 'root' : 'roots'} must sign`,
    ...issuers.map((issuer) => `issuer ${kidOf(issuer.key)}: ${issuerWords(issuer)}`),
    ...roleNames.map((role) => `${role}: ${roles[role].map(kidOf).join(', ') || 'no key'}`),
    `crossings are sealed to ${sealKidOf(fromHex(sealing))}`,
    ...(upstreamPins.length > 0 ? [`TLS of the centre is pinned to ${upstreamPins.map(shortOf).join(', ')}`] : []),
    ...(subjectKeyCheck === undefined ? [] : [`pseudonyms are made with the subject key ${subjectKeyCheck}`]),
  ];
}

/** What is different, a line each; none where nothing is. */
export function compareKeyrings(before: Content, after: Content): string[] {
  return [
    ...listChanges('root', before.roots, after.roots),
    ...(before.threshold === after.threshold ? [] : [`roots that must sign: ${before.threshold} -> ${after.threshold}`]),
    ...issuerChanges(before.issuers, after.issuers),
    ...roleNames.flatMap((role) => listChanges(`${role} key`, before.roles[role], after.roles[role])),
    ...(before.sealing === after.sealing
      ? []
      : [`sealing key: ${sealKidOf(fromHex(before.sealing))} -> ${sealKidOf(fromHex(after.sealing))}`]),
    ...(before.subjectKeyCheck === after.subjectKeyCheck
      ? []
      : [`subject key: ${before.subjectKeyCheck ?? 'none pinned'} -> ${after.subjectKeyCheck ?? 'none pinned'}`]),
    ...listChanges('TLS pin', before.upstreamPins, after.upstreamPins, shortOf),
    ...(before.demo === after.demo ? [] : [after.demo === true ? 'marked as demo' : 'no longer marked as demo']),
  ];
}

function issuerChanges(before: readonly Issuer[], after: readonly Issuer[]): string[] {
  const find = (list: readonly Issuer[], key: string) => list.find((issuer) => issuer.key === key);
  const changed = after.flatMap((issuer) => {
    const [was, is] = [find(before, issuer.key), issuerWords(issuer)];
    if (was === undefined) return `+ issuer ${kidOf(issuer.key)}: ${is}`;
    return issuerWords(was) === is ? [] : `~ issuer ${kidOf(issuer.key)}: ${issuerWords(was)} -> ${is}`;
  });
  const gone = before.filter(({ key }) => find(after, key) === undefined);
  return [...changed, ...gone.map((issuer) => `- issuer ${kidOf(issuer.key)}: ${issuerWords(issuer)}`)];
}

function listChanges(what: string, before: readonly string[], after: readonly string[], name = kidOf): string[] {
  return [
    ...after.filter((key) => !before.includes(key)).map((key) => `+ ${what} ${name(key)}`),
    ...before.filter((key) => !after.includes(key)).map((key) => `- ${what} ${name(key)}`),
  ];
}

function issuerWords({ status, retiredAt, classes, areas }: Issuer): string {
  const since = retiredAt === undefined ? '' : ` since ${timeText(retiredAt * 1000)}`;
  return `${status}${since}, classes ${classes.join(', ')}, ${areas === undefined ? 'all areas' : `areas ${areas.join(', ')}`}`;
}

/** Until when, and how long that is. */
export function validityWords({ issuedAt, expires }: { readonly issuedAt: string; readonly expires: string }, nowMs: number): string {
  const days = daysUntil(expires, nowMs);
  const left = days < 0 ? `expired ${-days} days ago` : `${days} days left`;
  return `issued ${timeText(Date.parse(issuedAt))}, valid until ${timeText(Date.parse(expires))} (${left})`;
}

export function daysUntil(instant: string, nowMs: number): number {
  return Math.floor((Date.parse(instant) - nowMs) / DAY_MS);
}

/** Whether it runs out within three weeks, or is over. */
export function isSoon(expires: string, nowMs: number): boolean {
  return daysUntil(expires, nowMs) < SOON_DAYS;
}

export function expiryWarnings({ issuedAt, expires }: { readonly issuedAt: string; readonly expires: string }, nowMs: number): string[] {
  const days = daysUntil(expires, nowMs);
  if (days < 0) return ['it has expired: kiosks are out of service'];
  if (isSoon(expires, nowMs)) return [`it expires in ${days} days: sign the next one now`];
  const spanDays = daysUntil(expires, Date.parse(issuedAt));
  return spanDays > LONG_DAYS ? [`it is valid for ${spanDays} days: an online key that is stolen is believed as long`] : [];
}

/** What may be meant so and mostly is not. */
export function keyringWarnings(content: Content): string[] {
  const { roots, threshold, issuers, roles } = content;
  const all = issuers.flatMap((issuer) => {
    const kid = kidOf(issuer.key);
    if (issuer.status === 'retired' && issuer.retiredAt === undefined)
      return `issuer ${kid} is retired without a time: no code of it counts`;
    return issuer.status !== 'revoked' && issuer.areas === undefined ? `issuer ${kid} may name every area` : [];
  });
  const alone =
    roots.length === 1 ? 'there is one root: if its key is lost' : `all ${roots.length} roots must sign: if the key of one is lost`;
  return [
    ...(content.demo === true ? ['it is marked as demo: no real kiosk takes it'] : []),
    ...(threshold === roots.length ? [`${alone}, no keyring can be signed any more`] : []),
    ...(issuers.some(({ status }) => status === 'active') ? [] : ['no issuer is active: nobody new passes']),
    ...all,
    ...roleNames.flatMap((role) => (roles[role].length === 0 ? `there is no ${role} key: kiosks believe nothing of that kind` : [])),
  ];
}

function timeText(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 16)}Z`;
}

function shortOf(key: string): string {
  return `${key.slice(0, 16)}...`;
}
