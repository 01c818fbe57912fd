/**
 * The keys that upstream works with: online keys of its roles and the secrets that open seals, one file each in a folder,
 * compared with the keyring at the start. An upstream whose receipts no kiosk would believe must not run.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import nacl from 'tweetnacl';
import { Fault } from '../../config/faults.ts';
import { readTextFile } from '../../config/host/text-file.ts';
import { compareBytes, fromHex, toHex } from '../credential/bytes.ts';
import { keyId } from '../credential/cose.ts';
import { type Keyring, readKeyring } from '../credential/keyring.ts';
import { createSigner, type Signer } from '../credential/signer.ts';
import type { RoleName } from '../credential/statement.ts';
import { sealKidOf } from '../protocol/sealing.ts';
import { requirePinnedKey } from './registry/subject-key.ts';

export interface UpstreamKeys {
  readonly keyring: Keyring;
  readonly receipt: Signer;
  readonly slice: Signer;
  readonly feed: Signer;
  readonly fleet: Signer;
  readonly config: Signer;
  /** Makes pseudonyms; undefined where this upstream takes no changes of the registry. */
  readonly subject: Uint8Array | undefined;
  /** Secrets by seal key id; older ones stay until retention ends. */
  readonly sealing: ReadonlyMap<string, Uint8Array>;
}

export interface UpstreamKeyFiles {
  readonly keyring: string;
  /** Fingerprint of the root, hex. */
  readonly root: string;
  /** Folder with slice.key, feed.key, receipt.key, fleet.key, config.key and sealing*.key, 64 hex digits each. */
  readonly folder: string;
  readonly allowDemo: boolean;
}

/** Throws Fault: keyring-invalid, upstream-keys. */
export function loadUpstreamKeys({ keyring: keyringFile, root, folder, allowDemo }: UpstreamKeyFiles): UpstreamKeys {
  const keyring = readKeyring(readText(keyringFile, 'keyring-invalid'), root);
  if (!keyring.ok) throw new Fault('keyring-invalid', `${keyringFile}: ${keyring.reason}`);
  if (keyring.value.demo && !allowDemo) throw new Fault('keyring-invalid', `${keyringFile}: demo keys run no real upstream.`);
  const roleKey = (role: RoleName): Signer => {
    const file = join(folder, `${role}.key`);
    const signer = createSigner(readKey(file));
    const listed = keyring.value.roles[role].get(toHex(keyId(signer.publicKey)));
    if (listed === undefined || compareBytes(listed, signer.publicKey) !== 0) {
      throw new Fault('upstream-keys', `${file} is not a ${role} key of the keyring.`);
    }
    return signer;
  };
  const subjectFile = join(folder, 'subject.key');
  const subject = existsSync(subjectFile) ? readKey(subjectFile) : undefined;
  requirePinnedKey(subject, keyring.value.subjectKeyCheck);
  const sealing = readSealingKeys(folder);
  if (!sealing.has(sealKidOf(keyring.value.sealingKey))) {
    throw new Fault('upstream-keys', `${folder} holds no sealing*.key that opens what the keyring has sealed to.`);
  }
  return {
    keyring: keyring.value,
    receipt: roleKey('receipt'),
    slice: roleKey('slice'),
    feed: roleKey('feed'),
    fleet: roleKey('fleet'),
    config: roleKey('config'),
    subject,
    sealing,
  };
}

function readSealingKeys(folder: string): ReadonlyMap<string, Uint8Array> {
  const secrets = new Map<string, Uint8Array>();
  for (const name of listFolder(folder)) {
    if (!/^sealing.*\.key$/.test(name)) continue;
    const secret = readKey(join(folder, name));
    secrets.set(sealKidOf(nacl.box.keyPair.fromSecretKey(secret).publicKey), secret);
  }
  return secrets;
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new Fault('upstream-keys', `${folder} cannot be read.`, { cause: error });
  }
}

function readKey(file: string): Uint8Array {
  const text = readText(file, 'upstream-keys');
  if (!/^[0-9a-f]{64}\r?\n?$/.test(text)) throw new Fault('upstream-keys', `${file} does not hold 64 lower-case hex digits.`);
  return fromHex(text.trim());
}

function readText(file: string, code: 'keyring-invalid' | 'upstream-keys'): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new Fault(code, `${file} cannot be read: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
