/** The group of a checkpoint, brought up to date with the fleet whenever somebody asks: no command needs to know of it. */
import type { Host } from '../../../config/ports/host.ts';
import { CHECKPOINT_KEY_BYTES } from '../../protocol/peers.ts';
import type { PeerGroup, PeerStore } from '../store/store.ts';
import { nextGroup } from './rules.ts';

/** Undefined where no kiosk of the checkpoint ever had an address. */
export async function currentGroup(
  store: PeerStore,
  checkpointId: string,
  { clock, random }: Pick<Host, 'clock' | 'random'>,
): Promise<PeerGroup | undefined> {
  for (;;) {
    const current = await store.peerGroup(checkpointId);
    const members = await store.peerMembers(checkpointId);
    const next = nextGroup(current, checkpointId, members, { key: random.bytes(CHECKPOINT_KEY_BYTES), atMs: clock.wallMs() });
    // Another process of this machine may have been faster: then what it wrote counts.
    if (next === current || next === undefined || (await store.putPeerGroup(next, current?.version))) return next;
  }
}
