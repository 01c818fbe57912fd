/** Key files of the command line: 64 hex digits, mode 0600, as the kiosk writes its own. */
import { existsSync } from 'node:fs';
import nacl from 'tweetnacl';
import { nodeRandom } from '../config/host/node-host.ts';
import { writePrivateFile } from '../config/host/private-file.ts';
import { readTextFile } from '../config/host/text-file.ts';
import { fromHex, toHex } from '../sync/credential/bytes.ts';
import { keyId } from '../sync/credential/cose.ts';
import { rootFingerprint } from '../sync/credential/keyring-body.ts';
import { CommandError, exitCode } from './command.ts';

export function readKeyFile(file: string): Uint8Array {
  let text: string;
  try {
    text = readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read the key ${file}: ${error instanceof Error ? error.message : error}`);
  }
  if (!/^[0-9a-f]{64}\r?\n?$/.test(text))
    throw new CommandError(exitCode.dataError, `${file} does not hold a key: 64 lower-case hex digits`);
  return fromHex(text.trim());
}

/** Never overwrites: a lost root key cannot be made again. */
export function createKeyFile(file: string): Uint8Array {
  if (existsSync(file)) throw new CommandError(exitCode.cannotCreate, `${file} exists; a key is never overwritten`);
  const seed = nodeRandom.bytes(32);
  try {
    writePrivateFile(file, `${toHex(seed)}\n`);
  } catch (error) {
    throw new CommandError(exitCode.cannotCreate, `cannot write ${file}: ${error instanceof Error ? error.message : error}`);
  }
  return seed;
}

/** What may be shown of a key. */
export function describeKey(seed: Uint8Array, isSealing: boolean) {
  if (isSealing) return { kind: 'sealing', publicKey: toHex(nacl.box.keyPair.fromSecretKey(seed).publicKey) };
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  return { kind: 'signing', publicKey: toHex(publicKey), kid: toHex(keyId(publicKey)), fingerprint: rootFingerprint(publicKey) };
}
