/**
 * One subject key for a store: pseudonyms of two keys never meet, and whoever is held under one passes under the other. The
 * store keeps the check value of the first key that it is used with.
 */
import { Fault } from '../../../config/faults.ts';
import { toHex } from '../../credential/bytes.ts';
import { subjectKeyCheck } from '../../protocol/tags.ts';
import type { RegistryStore } from '../store/store.ts';

export interface SubjectKeySides {
  /** Undefined where this process writes no pseudonyms. */
  readonly subjectKey: Uint8Array | undefined;
  /** What the keyring pins, hex; undefined: nothing, or no keyring is at hand. */
  readonly pinned: string | undefined;
}

/** Throws Fault('upstream-keys') where key, keyring and store do not agree. `remember`: false leaves a new store as it is. */
export async function requireOneSubjectKey(
  store: Pick<RegistryStore, 'subjectKeyCheck' | 'rememberSubjectKey'>,
  { subjectKey, pinned }: SubjectKeySides,
  remember = true,
): Promise<void> {
  requirePinnedKey(subjectKey, pinned);
  const own = subjectKey === undefined ? pinned : toHex(subjectKeyCheck(subjectKey));
  if (own === undefined) return;
  const kept = remember ? await store.rememberSubjectKey(own) : await store.subjectKeyCheck();
  if (kept === undefined || kept === own) return;
  const who = subjectKey === undefined ? 'the keyring pins' : 'subject.key is';
  throw new Fault('upstream-keys', `The pseudonyms in the store were made with the subject key ${kept}, and ${who} ${own}.`);
}

/** Throws Fault('upstream-keys') for a key that the keyring does not pin. */
export function requirePinnedKey(subjectKey: Uint8Array | undefined, pinned: string | undefined): void {
  if (subjectKey === undefined || pinned === undefined) return;
  const own = toHex(subjectKeyCheck(subjectKey));
  if (own !== pinned) throw new Fault('upstream-keys', `subject.key is the subject key ${own}, and the keyring pins ${pinned}.`);
}
