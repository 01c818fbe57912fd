/** `checkpoint-kiosk kiosk peer`: where a kiosk listens for the other lanes of its checkpoint. They learn of it at their next heartbeat. */
import { PEERS_MAX, parsePeerAddress } from '../sync/protocol/peers.ts';
import { writeAudit } from './audit.ts';
import { CommandError, exitCode } from './command.ts';
import { openStore } from './store.ts';

export interface PeerCommandOptions {
  readonly store: string;
  readonly address: string | undefined;
  readonly remove: boolean;
}

export async function setKioskPeer(kioskId: string, { store: given, address, remove }: PeerCommandOptions): Promise<void> {
  if ((address !== undefined) === remove) throw new CommandError(exitCode.usage, 'give --address HOST:PORT, or --remove');
  if (address !== undefined && parsePeerAddress(address) === undefined) {
    throw new CommandError(exitCode.usage, `--address ${address}: expected HOST:PORT, such as 192.168.1.21:8745 or [fd00::21]:8745`);
  }
  const store = openStore(given);
  try {
    const kiosk = await store.findKiosk(kioskId);
    if (kiosk === undefined) throw new CommandError(exitCode.failed, `no kiosk is called ${kioskId}`);
    const { checkpointId } = kiosk;
    const others = (await store.peerMembers(checkpointId)).filter((member) => member.kioskId !== kioskId);
    if (address !== undefined && others.length >= PEERS_MAX) {
      throw new CommandError(exitCode.failed, `${checkpointId} has ${others.length} other lanes already, and no more are allowed`);
    }
    await store.setPeerAddress(kioskId, address);
    await writeAudit(store, 'kiosk peer', `${kioskId}: ${address ?? '--remove'}`);
    const lanes = others.map((member) => member.kioskId);
    process.stdout.write(`${JSON.stringify({ kioskId, checkpointId, address: address ?? null, others: lanes })}\n`);
  } finally {
    await store.close();
  }
}
