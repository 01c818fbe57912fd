/** The list of the other lanes as this kiosk holds it: a signed statement in the data folder, and the key that was sealed into it. */
import { readFileSync } from 'node:fs';
import { writePrivateFile } from '../../config/host/private-file.ts';
import type { Keyring } from '../../sync/credential/keyring.ts';
import { accept, type Outcome } from '../../sync/credential/outcome.ts';
import { openStatement, parseEnvelopes } from '../../sync/credential/statement.ts';
import { CHECKPOINT_KEY_BYTES, type PeersStatement, peersSchema } from '../../sync/protocol/peers.ts';
import { openBox } from '../../sync/protocol/sealing.ts';

export interface PeerList extends PeersStatement {
  /** Undefined where there are no other lanes. */
  readonly key: Uint8Array | undefined;
}

export interface ListOwner {
  readonly kioskId: string;
  readonly checkpointId: string;
  /** X25519. */
  readonly sealingSecret: Uint8Array;
}

/** The same list is kept so long before a copy with a later end replaces it. */
const RENEW_MS = 86_400_000;

/** A list that is signed, for this kiosk at this checkpoint, with a key that it can open; else one sentence. */
export function readPeerList(text: string, { roles }: Keyring, owner: ListOwner): Outcome<PeerList, string> {
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) return envelopes;
  const opened = openStatement(envelopes.value[0], 'peers', roles.config, peersSchema);
  if (!opened.ok) return opened;
  const { audience, checkpointId, box } = opened.value;
  if (audience !== owner.kioskId) return { ok: false, reason: `it is made out for ${audience}` };
  if (checkpointId !== owner.checkpointId) return { ok: false, reason: `it is for checkpoint ${checkpointId}` };
  if (box === undefined) return accept({ ...opened.value, key: undefined });
  const key = openBox(new Uint8Array(Buffer.from(box, 'base64url')), owner.sealingSecret);
  if (!key.ok || key.value.length !== CHECKPOINT_KEY_BYTES) return { ok: false, reason: 'its key is not sealed to this kiosk' };
  return accept({ ...opened.value, key: key.value });
}

/** Keeps a newer list; true where it was taken. Lists never go back. */
export function offerPeerList(file: string, keyring: Keyring, owner: ListOwner, text: string): boolean {
  const offered = readPeerList(text, keyring, owner);
  if (!offered.ok) return false;
  const current = readPeerList(readListFile(file) ?? '', keyring, owner);
  const isNewer = !current.ok || offered.value.version > current.value.version;
  const isRenewed =
    current.ok &&
    offered.value.version === current.value.version &&
    Date.parse(offered.value.expires) - Date.parse(current.value.expires) > RENEW_MS;
  if (!isNewer && !isRenewed) return false;
  writePrivateFile(file, text);
  return true;
}

/** Undefined where there is none. */
export function readListFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
