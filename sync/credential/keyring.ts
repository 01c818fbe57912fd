/**
 * The keyring: the one list of keys that a kiosk trusts, signed by the offline root whose fingerprint was pinned when the
 * kiosk was provisioned. Every other key, issuers, release, slice and the rest, is trusted only because it stands here.
 * Pure: file text, pin and time are arguments.
 */
import { fromHex, toHex } from './bytes.ts';
import { keyId } from './cose.ts';
import { isPublicKeyAcceptable } from './ed25519.ts';
import type { KeyringBody } from './keyring-body.ts';
import { type ChainReason, followChain, parseKeyringChain, type RootAnchor } from './keyring-chain.ts';
import { accept, type Outcome, refuse } from './outcome.ts';
import { isSealingKeyAcceptable } from './sealing-key.ts';
import { type RoleName, roleNames } from './statement.ts';
import { buildTrustList, type TrustList } from './trust.ts';

export interface Keyring {
  readonly version: number;
  readonly digest: string;
  readonly audience: string;
  /** Unix milliseconds. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly demo: boolean;
  readonly trust: TrustList;
  /** Key id to public key, by role. */
  readonly roles: Readonly<Record<RoleName, ReadonlyMap<string, Uint8Array>>>;
  readonly sealingKey: Uint8Array;
  readonly upstreamPins: readonly string[];
  /** Check value of the key that makes pseudonyms, hex; undefined: the keyring pins none. */
  readonly subjectKeyCheck: string | undefined;
  /** What a newer keyring must follow from. */
  readonly anchor: RootAnchor;
}

export type KeyringReason = ChainReason | 'keyring-keys' | 'keyring-test-key';

/** RFC 8032 section 7.1: keys whose secret halves everybody knows. */
const PUBLISHED_TEST_KEYS = new Set([
  'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
  '278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e',
  'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
]);

/**
 * Reads a keyring file: the newest keyring, behind those that led to it from the pinned root (keyring-chain.ts). `known`: the
 * roots of a keyring that was believed before; a newer one must follow from those too. Its expiry is judged by the caller, who
 * knows the time.
 */
export function readKeyring(text: string, pinnedRoot: string, known?: RootAnchor): Outcome<Keyring, KeyringReason> {
  const chain = parseKeyringChain(text);
  if (!chain.ok) return chain;
  const newest = followChain(chain.value, pinnedRoot, known);
  return newest.ok ? buildKeyring(newest.value.body, newest.value.digest) : newest;
}

function buildKeyring(body: KeyringBody, digest: string): Outcome<Keyring, KeyringReason> {
  const all = [...body.roots, ...body.issuers.map(({ key }) => key), ...roleNames.flatMap((role) => body.roles[role])];
  if (!all.every((key) => isPublicKeyAcceptable(fromHex(key)))) return refuse('keyring-keys');
  // One key, one duty: a slice key that were also an issuer could pass people. And one id, one key: of two with one id the
  // later would hide the earlier.
  if (new Set(all.map((key) => toHex(keyId(fromHex(key))))).size !== all.length) return refuse('keyring-keys');
  if (!isSealingKeyAcceptable(fromHex(body.sealing))) return refuse('keyring-keys');
  if (body.demo !== true && all.some((key) => PUBLISHED_TEST_KEYS.has(key))) return refuse('keyring-test-key');
  const trust = buildTrustList(
    body.issuers.map(({ key, status, retiredAt, classes, areas }) => ({
      kid: toHex(keyId(fromHex(key))),
      issuer: {
        publicKey: fromHex(key),
        status,
        classes: new Set(classes),
        ...(retiredAt !== undefined && { retiredAt }),
        ...(areas !== undefined && { areas: new Set(areas) }),
      },
    })),
  );
  if (!trust.ok) return refuse('keyring-keys');
  return accept({
    version: body.version,
    digest,
    audience: body.audience,
    issuedAtMs: Date.parse(body.issuedAt),
    expiresAtMs: Date.parse(body.expires),
    demo: body.demo === true,
    trust: trust.value,
    roles: {
      release: byKeyId(body.roles.release),
      slice: byKeyId(body.roles.slice),
      feed: byKeyId(body.roles.feed),
      receipt: byKeyId(body.roles.receipt),
      fleet: byKeyId(body.roles.fleet),
      config: byKeyId(body.roles.config),
    },
    sealingKey: fromHex(body.sealing),
    upstreamPins: body.upstreamPins,
    subjectKeyCheck: body.subjectKeyCheck,
    anchor: { version: body.version, roots: body.roots, threshold: body.threshold },
  });
}

function byKeyId(keys: readonly string[]): ReadonlyMap<string, Uint8Array> {
  return new Map(keys.map((key) => [toHex(keyId(fromHex(key))), fromHex(key)]));
}
