/**
 * The other lanes of a checkpoint: a statement to one kiosk that names their kiosks, where they listen, their keys, and the
 * key that all lanes of the checkpoint share. Where a kiosk has nobody to talk to there is no key either.
 */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';
import { hashText } from './batch.ts';
import { kioskName } from './enrolment.ts';

/** Other lanes of one checkpoint. */
export const PEERS_MAX = 32;
export const CHECKPOINT_KEY_BYTES = 32;

const ADDRESS = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)):([1-9]\d{0,4})$/;

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, an IPv6 address in brackets; undefined for anything else. */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const [, inBrackets, plain, port] = ADDRESS.exec(text) ?? [];
  const host = inBrackets ?? plain;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

const peerSchema = z.strictObject({
  kioskId: kioskName,
  lane: kioskName,
  address: z.string().refine((text) => parsePeerAddress(text) !== undefined),
  /** Ed25519, hex. */
  signingKey: hashText,
});
export type Peer = z.infer<typeof peerSchema>;

export const peersSchema = statementHeader
  .extend({
    checkpointId: kioskName,
    /** Changes with the key: whenever somebody who had it is no lane of the checkpoint any more. */
    generation: z.number().int().positive(),
    peers: z.array(peerSchema).max(PEERS_MAX),
    /** The key of the checkpoint, sealed to the kiosk: base64url. */
    box: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/)
      .optional(),
  })
  .refine(({ peers, box }) => (box === undefined) === (peers.length === 0), 'a key for somebody, or nobody and no key')
  .refine(
    ({ peers, audience }) => new Set([audience, ...peers.map(({ kioskId }) => kioskId)]).size === peers.length + 1,
    'each kiosk once',
  );
export type PeersStatement = z.infer<typeof peersSchema>;
