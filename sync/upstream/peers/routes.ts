/** The other lanes of a checkpoint over HTTP: each kiosk gets its own statement, with the key sealed to it. */
import type { Host } from '../../../config/ports/host.ts';
import { fromHex } from '../../credential/bytes.ts';
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import type { PeersStatement } from '../../protocol/peers.ts';
import { sealBox } from '../../protocol/sealing.ts';
import { type KioskCaller, type Reply, type Route, SIGNATURE_PROBLEMS, type UpstreamRequest } from '../http/route.ts';
import type { EnrolledKiosk, PeerGroup, PeerStore } from '../store/store.ts';
import { currentGroup } from './group.ts';

export interface PeerRouteOptions {
  readonly store: PeerStore;
  readonly configKey: Signer;
}

const VALID_MS = 30 * 86_400_000;

export function peerRoutes({ store, configKey }: PeerRouteOptions, host: Host): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/peers',
      operationId: 'readPeers',
      summary: 'The other lanes of the checkpoint of the kiosk that asks, and their common key, sealed to it.',
      caller: 'kiosk',
      bodyBytesMax: 0,
      reply: { kind: 'statement', description: 'peers' },
      none: 'no kiosk of this checkpoint has an address for peers; unsigned, so it changes nothing',
      problems: [...SIGNATURE_PROBLEMS],
      async handle(_request: UpstreamRequest, { kiosk }: KioskCaller): Promise<Reply> {
        const group = await currentGroup(store, kiosk.checkpointId, host);
        if (group === undefined) return { kind: 'none' };
        return { kind: 'statement', line: signStatement('peers', peersFor(kiosk, group, host), configKey) };
      },
    },
  ];
}

/** A kiosk that is no member learns that it has nobody to talk to, and no key. */
function peersFor(
  { kioskId, checkpointId, sealingKey }: EnrolledKiosk,
  { version, generation, key, members }: PeerGroup,
  { clock, random }: Pick<Host, 'clock' | 'random'>,
): PeersStatement {
  const nowMs = clock.wallMs();
  const isMember = members.some((member) => member.kioskId === kioskId);
  const peers = members
    .filter((member) => isMember && member.kioskId !== kioskId)
    .map(({ kioskId: other, lane, address, signingKey }) => ({ kioskId: other, lane, address, signingKey }));
  return {
    version,
    issuedAt: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + VALID_MS).toISOString(),
    audience: kioskId,
    checkpointId,
    generation,
    peers,
    ...(peers.length > 0 && { box: Buffer.from(sealBox(key, fromHex(sealingKey), random.bytes(32))).toString('base64url') }),
  };
}
