/** When the lanes of a checkpoint must hear of each other anew, and when the key that they share must change (pure). */
import type { PeerGroup, PeerMember } from '../store/store.ts';

/**
 * The group as it is with these members: the same one where nothing has changed. Whoever held the key and is no member any
 * more, revoked, removed, moved or enrolled anew, ends its generation.
 */
export function nextGroup(
  current: PeerGroup | undefined,
  checkpointId: string,
  members: readonly PeerMember[],
  fresh: { readonly key: Uint8Array; readonly atMs: number },
): PeerGroup | undefined {
  const version = Math.max((current?.version ?? 0) + 1, Math.floor(fresh.atMs / 1000));
  // At least the time, like a version: lanes tell their keys apart by this number, also when the centre's store is made anew.
  const generation = Math.max((current?.generation ?? 0) + 1, Math.floor(fresh.atMs / 1000));
  const anew = { checkpointId, version, generation, key: fresh.key, members };
  if (current === undefined) return members.length === 0 ? undefined : anew;
  if (JSON.stringify(current.members) === JSON.stringify(members)) return current;
  const isStill = ({ kioskId, signingKey }: PeerMember) =>
    members.some((member) => member.kioskId === kioskId && member.signingKey === signingKey);
  return current.members.every(isStill) ? { ...current, version, members } : anew;
}
