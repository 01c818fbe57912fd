/**
 * Whether code, slice and keyring speak of the same subject key (pure). Pseudonyms of two keys never meet: a lookup under the
 * wrong one succeeds and finds nobody, so that the difference must be seen here or nowhere.
 */
import { Fault } from '../../config/faults.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import type { SliceManifest } from '../../sync/protocol/slice.ts';
import type { LookedUp, RegistrySlice } from './registry-slice.ts';

/** A keyring that pins a key is sure of it: a code that states none is one more doubt. */
function isOther(stated: string | undefined, pinned: string | undefined, listed: string | undefined): boolean {
  if (pinned !== undefined) return stated !== pinned;
  return stated !== undefined && listed !== undefined && stated !== listed;
}

/** The slice, whose answers also say whether the code's pseudonym could have been found in it. */
export function withSubjectKey(slice: RegistrySlice, pinned: string | undefined): RegistrySlice {
  const listed = slice.manifest.subjectKeyCheck;
  return {
    ...slice,
    lookup(claims: LookedUp) {
      const stated = claims.subjectKeyCheck && toHex(claims.subjectKeyCheck);
      return { ...slice.lookup(claims), otherSubjectKey: isOther(stated, pinned, listed) };
    },
  };
}

export function isPinnedSubjectKey({ subjectKeyCheck }: Pick<SliceManifest, 'subjectKeyCheck'>, pinned: string | undefined): boolean {
  return pinned === undefined || subjectKeyCheck === pinned;
}

/** Throws Fault('slice-subject-key'): in such a slice nobody would be found. */
export function requirePinnedSubjectKey(manifest: Pick<SliceManifest, 'subjectKeyCheck'>, pinned: string | undefined): void {
  if (isPinnedSubjectKey(manifest, pinned)) return;
  const { subjectKeyCheck: stated = 'none' } = manifest;
  throw new Fault('slice-subject-key', `The slice states the subject key ${stated}, and the keyring pins ${pinned}.`);
}
