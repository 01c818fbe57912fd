/**
 * The three secrets of a kiosk. A file that is cut, or missing though it was made before, is never made anew in silence: with
 * another signing key it would be another kiosk, with another reuse key it would forget who passed, and with another sealing
 * key it could read nothing that the centre sends.
 */
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault, type FaultCode } from '../config/faults.ts';
import { asidePath, DamagedKeyFile, loadOrCreateKey } from '../config/host/private-file.ts';
import type { Random } from '../config/ports/random.ts';
import { createSigner, type Signer } from '../sync/credential/signer.ts';
import type { KioskState } from './journal/kiosk-state.ts';
import { hasRevocation } from './revocation.ts';

const faults = { kiosk: 'kiosk-key-damaged', reuse: 'reuse-key-damaged', sealing: 'sealing-key-damaged' } as const satisfies Record<
  string,
  FaultCode
>;
type KeyName = keyof typeof faults;
const MADE = 'keys.made';

export interface KioskKeys {
  readonly signer: Signer;
  readonly reuseKey: Uint8Array;
  readonly sealingSecret: Uint8Array;
}

/** Throws Fault: kiosk-key-damaged, reuse-key-damaged, sealing-key-damaged. */
export function openKioskKeys(dataDir: string, state: KioskState, random: Random): KioskKeys {
  const made = z.array(z.string()).catch([]).parse(state.get(MADE));
  // A kiosk that was revoked has given up the key of its reuse tags.
  const isExpected = (name: KeyName) => made.includes(name) && !(name === 'reuse' && hasRevocation(state));
  const key = (name: KeyName) => kioskKey(dataDir, name, random, isExpected(name));
  const keys = { signer: createSigner(key('kiosk')), reuseKey: key('reuse'), sealingSecret: key('sealing') };
  const names = Object.keys(faults);
  if (names.some((name) => !made.includes(name))) state.set(MADE, names);
  return keys;
}

/** One of them; made where there is none and none is expected. A journal is bound to the signing key that began it. */
export function kioskKey(dataDir: string, name: KeyName, random: Random, isExpected = false): Uint8Array {
  const file = keyFile(dataDir, name);
  try {
    const isMissing = !existsSync(file) && (isExpected || (name === 'kiosk' && hasJournal(dataDir)));
    if (isMissing) throw new Fault(faults[name], `${file} is missing.`);
    return loadOrCreateKey(file, random);
  } catch (error) {
    if (error instanceof DamagedKeyFile) throw new Fault(faults[name], `${error.message}.`, { cause: error });
    if (error instanceof Error && 'syscall' in error) throw new Fault('journal-unwritable', error.message, { cause: error });
    throw error;
  }
}

/** Puts a damaged key out of the way, so that one can be made anew: with the centre's knowledge only. Returns where it is. */
export function setAsideDamagedKey(dataDir: string, name: 'reuse' | 'sealing', random: Random): string | undefined {
  try {
    kioskKey(dataDir, name, random);
    return undefined;
  } catch (error) {
    if (!(error instanceof Fault && error.code === faults[name])) throw error;
    const file = keyFile(dataDir, name);
    const kept = asidePath(file, 'damaged');
    renameSync(file, kept);
    return kept;
  }
}

function keyFile(dataDir: string, name: KeyName): string {
  return join(dataDir, 'keys', `${name}.key`);
}

function hasJournal(dataDir: string): boolean {
  const folder = join(dataDir, 'journal');
  return (
    statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true && readdirSync(folder).some((name) => /^\d{6}\.db$/.test(name))
  );
}
