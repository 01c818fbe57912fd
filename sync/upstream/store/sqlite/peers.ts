/** Where lanes listen for each other, and the groups that they form, in SQLite. */
import { z } from 'zod';
import type { Database } from '../../../../config/host/open-database.ts';
import type { PeerGroup, PeerMember, PeerStore } from '../store.ts';

const addressRow = z.object({ kiosk_id: z.string(), address: z.string() });
const memberSchema = z.object({
  kioskId: z.string(),
  lane: z.string(),
  address: z.string(),
  signingKey: z.string(),
  sealingKey: z.string(),
});
const memberRow = z
  .object({ kiosk_id: z.string(), lane: z.string(), address: z.string(), signing_key: z.string(), sealing_key: z.string() })
  .transform(
    (row): PeerMember => ({
      kioskId: row.kiosk_id,
      lane: row.lane,
      address: row.address,
      signingKey: row.signing_key,
      sealingKey: row.sealing_key,
    }),
  );
const groupRow = z
  .object({
    checkpoint_id: z.string(),
    version: z.number(),
    generation: z.number(),
    key: z.instanceof(Uint8Array).transform((buffer) => new Uint8Array(buffer)),
    members: z.string(),
  })
  .transform(
    ({ checkpoint_id: checkpointId, members, ...row }): PeerGroup => ({
      ...row,
      checkpointId,
      members: z.array(memberSchema).parse(JSON.parse(members)),
    }),
  );

export function sqlitePeers(database: Database): PeerStore {
  const putAddress = database.prepare(
    'INSERT INTO peer_address VALUES (?, ?) ON CONFLICT (kiosk_id) DO UPDATE SET address = excluded.address',
  );
  const dropAddress = database.prepare('DELETE FROM peer_address WHERE kiosk_id = ?');
  const selectAddresses = database.prepare('SELECT * FROM peer_address');
  const selectMembers = database.prepare(`
    SELECT kiosk_id, lane, address, signing_key, sealing_key FROM peer_address JOIN kiosk USING (kiosk_id)
    WHERE checkpoint_id = ? AND revoked_at IS NULL ORDER BY kiosk_id`);
  const selectGroup = database.prepare('SELECT * FROM peer_group WHERE checkpoint_id = ?');
  const putGroup = database.prepare(`
    INSERT INTO peer_group (checkpoint_id, version, generation, key, members) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (checkpoint_id) DO UPDATE SET version = excluded.version, generation = excluded.generation, key = excluded.key,
      members = excluded.members`);
  const read = (checkpointId: string): PeerGroup | undefined => {
    const row = selectGroup.get(checkpointId);
    return row === undefined ? undefined : groupRow.parse(row);
  };
  const put = database.transaction((group: PeerGroup, replaces: number | undefined): boolean => {
    if (read(group.checkpointId)?.version !== replaces) return false;
    putGroup.run(group.checkpointId, group.version, group.generation, group.key, JSON.stringify(group.members));
    return true;
  });
  return {
    async setPeerAddress(kioskId, address) {
      if (address === undefined) dropAddress.run(kioskId);
      else putAddress.run(kioskId, address);
    },
    peerAddresses: async () =>
      new Map(
        selectAddresses
          .all()
          .map((row) => addressRow.parse(row))
          .map(({ kiosk_id, address }) => [kiosk_id, address]),
      ),
    peerMembers: async (checkpointId) => selectMembers.all(checkpointId).map((row) => memberRow.parse(row)),
    peerGroup: async (checkpointId) => read(checkpointId),
    putPeerGroup: async (group, replaces) => put.immediate(group, replaces),
  };
}
