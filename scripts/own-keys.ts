/** The keys that make a PC this kiosk: made where there are none yet, and never beside the journal of a kiosk whose key is gone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import nacl from 'tweetnacl';
import { Fault } from '../config/faults.ts';
import { loadOrCreateKey } from '../config/host/private-file.ts';
import type { Random } from '../config/ports/random.ts';
import { createSigner, type Signer } from '../sync/credential/signer.ts';

/** Throws Fault('kiosk-revoked') for a folder whose kiosk was revoked and has sent everything. */
export function ownKeys(dataDir: string, random: Random): { readonly signer: Signer; readonly sealing: nacl.BoxKeyPair } {
  const file = join(dataDir, 'keys/kiosk.key');
  if (!existsSync(file) && existsSync(join(dataDir, 'journal'))) throw new Fault('kiosk-revoked', dataDir);
  const signer = createSigner(loadOrCreateKey(file, random));
  const sealing = nacl.box.keyPair.fromSecretKey(loadOrCreateKey(join(dataDir, 'keys/sealing.key'), random));
  return { signer, sealing };
}
