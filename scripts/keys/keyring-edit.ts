/** `checkpoint-kiosk keys keyring`: changes the JSON of the next keyring, and says in words what has changed. Nothing is signed here. */

import { nodeClock } from '../../config/host/node-host.ts';
import { readTextFile } from '../../config/host/text-file.ts';
import { fromHex } from '../../sync/credential/bytes.ts';
import { credentialClasses } from '../../sync/credential/claims.ts';
import { readKeyring } from '../../sync/credential/keyring.ts';
import { rootFingerprint } from '../../sync/credential/keyring-body.ts';
import { parseKeyringChain } from '../../sync/credential/keyring-chain.ts';
import { type RoleName, roleNames } from '../../sync/credential/statement.ts';
import { CommandError, exitCode } from '../command.ts';
import { type KeyringDraft, readDraft, writeDraft } from './keyring-draft.ts';
import { compareKeyrings, describeKeyring, keyringWarnings, kidOf } from './keyring-words.ts';
import { readPublicKey } from './public-key.ts';
import { readSubjectKeyCheck } from './subject-key.ts';
import { readTlsPin } from './tls-pin.ts';

export interface EditOptions {
  readonly json?: boolean | undefined;
}

export interface NewKeyringOptions extends EditOptions {
  readonly from?: string | undefined;
  /** With `from`: the root's fingerprint. Else: the root's public key. */
  readonly root: string;
  /** By role, and `sealing`. */
  readonly keys: Readonly<Partial<Record<RoleName | 'sealing', string>>>;
}

/** Begins a keyring: from nothing, or from the one that is in use. */
export function newKeyring(file: string, { from, root, keys, json }: NewKeyringOptions): void {
  const draft = from === undefined ? firstDraft(root, keys) : draftFrom(from, root);
  writeDraft(file, draft, true);
  say(draft, from === undefined ? describeKeyring(draft) : [`begun from ${from}; nothing is changed yet`], json);
}

function firstDraft(root: string, keys: NewKeyringOptions['keys']): KeyringDraft {
  const missing = [...roleNames, 'sealing' as const].filter((name) => keys[name] === undefined);
  if (missing.length > 0) {
    throw new CommandError(exitCode.usage, `give ${missing.map((name) => `--${name}`).join(', ')} too, or --from a keyring that has them`);
  }
  const roleKey = (role: RoleName) => [readPublicKey(keys[role] ?? '', 'signing')];
  return {
    roots: [readPublicKey(root, 'signing')],
    threshold: 1,
    issuers: [],
    roles: {
      release: roleKey('release'),
      slice: roleKey('slice'),
      feed: roleKey('feed'),
      receipt: roleKey('receipt'),
      fleet: roleKey('fleet'),
      config: roleKey('config'),
    },
    sealing: readPublicKey(keys.sealing ?? '', 'sealing'),
    upstreamPins: [],
  };
}

function draftFrom(file: string, root: string): KeyringDraft {
  const text = readText(file);
  const read = readKeyring(text, root);
  if (!read.ok) throw new CommandError(exitCode.dataError, `${file} is not believed from that root: ${read.reason}`);
  const chain = parseKeyringChain(text);
  const newest = chain.ok ? chain.value.at(-1) : undefined;
  if (newest === undefined) throw new CommandError(exitCode.dataError, `${file} holds no keyring`);
  // Version and dates come with the signature.
  const { version: _version, issuedAt: _issuedAt, expires: _expires, audience, ...content } = newest.body;
  return audience === '*' ? content : { ...content, audience };
}

export function addIssuer(file: string, key: string, given: EditOptions & { classes: string; areas?: string | undefined }): void {
  const classes = splitList(given.classes).map(classOf);
  const areas = given.areas === undefined ? undefined : splitList(given.areas).map(areaOf);
  const issuer = { key: readPublicKey(key, 'signing'), status: 'active' as const, classes, ...(areas !== undefined && { areas }) };
  edit(file, given, (draft) => ({ ...draft, issuers: [...draft.issuers, issuer] }));
}

/** `at`: an instant; what the key signs from then on counts no more. */
export function retireIssuer(file: string, kid: string, given: EditOptions & { at?: string | undefined }): void {
  const atMs = given.at === undefined ? nodeClock.wallMs() : Date.parse(given.at);
  if (Number.isNaN(atMs)) throw new CommandError(exitCode.usage, `--at ${given.at}: expected a time such as 2026-01-31T12:00:00Z`);
  changeIssuer(file, kid, given, (issuer) => ({ ...issuer, status: 'retired', retiredAt: Math.floor(atMs / 1000) }));
}

export function revokeIssuer(file: string, kid: string, given: EditOptions): void {
  changeIssuer(file, kid, given, ({ retiredAt: _retiredAt, ...issuer }) => ({ ...issuer, status: 'revoked' }));
}

type Issuer = KeyringDraft['issuers'][number];

function changeIssuer(file: string, kid: string, given: EditOptions, change: (issuer: Issuer) => Issuer): void {
  edit(file, given, (draft) => {
    const issuer = draft.issuers.find(({ key }) => kidOf(key) === kid);
    const listed = draft.issuers.map(({ key }) => kidOf(key)).join(', ') || 'none';
    if (issuer === undefined) throw new CommandError(exitCode.dataError, `${file} lists no issuer ${kid}; it lists: ${listed}`);
    return { ...draft, issuers: draft.issuers.map((one) => (one === issuer ? change(one) : one)) };
  });
}

/** Exactly these keys: during a change the old and the new one. */
export function setRole(file: string, role: RoleName, keys: readonly string[], given: EditOptions): void {
  const list = keys.map((key) => readPublicKey(key, 'signing'));
  edit(file, given, (draft) => ({ ...draft, roles: { ...draft.roles, [role]: list } }));
}

export function setSealing(file: string, key: string, given: EditOptions): void {
  const sealing = readPublicKey(key, 'sealing');
  edit(file, given, (draft) => ({ ...draft, sealing }));
}

/** `given`: the key file, what `keys subject-check` has printed of it, or the check value itself. */
export function setSubjectKey(file: string, given: string, options: EditOptions): void {
  const subjectKeyCheck = readSubjectKeyCheck(given);
  edit(file, options, (draft) => ({ ...draft, subjectKeyCheck }));
}

/** TLS keys of the centre, by certificate, key, `keys tls-pin` or pin; `remove`: those alone are taken out. */
export function setPins(file: string, given: readonly string[], options: EditOptions & { remove?: boolean }): void {
  const pins = given.map(readTlsPin);
  edit(file, options, (draft) => {
    const absent = options.remove === true ? pins.filter((pin) => !draft.upstreamPins.includes(pin)) : [];
    if (absent.length > 0) throw new CommandError(exitCode.dataError, `${file} does not pin ${absent.join(', ')}`);
    const kept = draft.upstreamPins.filter((pin) => !pins.includes(pin));
    return { ...draft, upstreamPins: options.remove === true ? kept : [...kept, ...new Set(pins)] };
  });
}

export function addRoot(file: string, key: string, given: EditOptions & { threshold?: number | undefined }): void {
  const root = readPublicKey(key, 'signing');
  edit(file, given, (draft) => ({ ...draft, roots: [...draft.roots, root], threshold: given.threshold ?? draft.threshold }));
}

/** `name`: key id or fingerprint. */
export function removeRoot(file: string, name: string, given: EditOptions & { threshold?: number | undefined }): void {
  edit(file, given, (draft) => {
    const roots = draft.roots.filter((key) => kidOf(key) !== name && rootFingerprint(fromHex(key)) !== name);
    if (roots.length === draft.roots.length) {
      const listed = draft.roots.map(kidOf).join(', ');
      throw new CommandError(exitCode.dataError, `${file} lists no root ${name}; it lists: ${listed}`);
    }
    if (roots.length === 0) throw new CommandError(exitCode.dataError, 'the last root stays until another one is added');
    return { ...draft, roots, threshold: given.threshold ?? Math.min(draft.threshold, roots.length) };
  });
}

function edit(file: string, { json }: EditOptions, change: (draft: KeyringDraft) => KeyringDraft): void {
  const before = readDraft(file);
  const after = change(before);
  const changes = compareKeyrings(before, after);
  writeDraft(file, after);
  say(after, changes.length === 0 ? ['nothing has changed'] : changes, json);
}

function say(draft: KeyringDraft, changes: readonly string[], json: boolean | undefined): void {
  const warnings = keyringWarnings(draft);
  if (json === true) process.stdout.write(`${JSON.stringify({ changes, warnings })}\n`);
  else process.stdout.write([...changes, ...warnings.map((warning) => `note: ${warning}`)].map((line) => `${line}\n`).join(''));
}

function splitList(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function classOf(text: string): number {
  const known: Readonly<Record<string, number>> = { ...credentialClasses, 'travel-permit': credentialClasses.travelPermit };
  const number = known[text] ?? Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 6) return number;
  throw new CommandError(exitCode.usage, `--classes: ${text} is none of ${Object.keys(known).join(', ')} and no number from 1 to 6`);
}

function areaOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new CommandError(exitCode.usage, `--areas: ${text} is no area code of up to 5 digits`);
}

function readText(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
