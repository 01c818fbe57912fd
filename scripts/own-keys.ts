/** The keys that make a PC this kiosk: made where there are none yet, and never beside the journal of a kiosk whose key is gone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import nacl from 'tweetnacl';
import { Fault } from '../config/faults.ts';
import type { Random } from '../config/ports/random.ts';
import { kioskKey, setAsideDamagedKey } from '../kiosk/kiosk-keys.ts';
import { createSigner, type Signer } from '../sync/credential/signer.ts';

/**
 * Before an enrolment, which tells the centre: a sealing or reuse key that is damaged is put out of the way, so that one is made
 * anew. Returns where those are now.
 */
export function setDamagedKeysAside(dataDir: string, random: Random): readonly string[] {
  return (['sealing', 'reuse'] as const).flatMap((name) => setAsideDamagedKey(dataDir, name, random) ?? []);
}

/** Throws Fault('kiosk-revoked') for a folder whose kiosk was revoked and has sent everything. */
export function ownKeys(dataDir: string, random: Random): { readonly signer: Signer; readonly sealing: nacl.BoxKeyPair } {
  const file = join(dataDir, 'keys/kiosk.key');
  if (!existsSync(file) && existsSync(join(dataDir, 'journal'))) throw new Fault('kiosk-revoked', dataDir);
  const signer = createSigner(kioskKey(dataDir, 'kiosk', random));
  const sealing = nacl.box.keyPair.fromSecretKey(kioskKey(dataDir, 'sealing', random));
  return { signer, sealing };
}
