/**
 * The keyring as it lies in its file now: it is signed offline and may be replaced while the service runs. Read again only
 * when the file has changed; one that does not hold leaves the last one that did.
 */
import { readFileSync, statSync } from 'node:fs';
import { plainText } from '../../config/host/text-file.ts';
import type { Log } from '../../config/ports/log.ts';
import { type Keyring, readKeyring } from '../credential/keyring.ts';

export interface CurrentKeyring {
  read(): Keyring;
  /** Whether who is pinned to this root (its fingerprint) believes the file. */
  isBelievedFrom(pin: string): boolean;
}

/** `first`: the one that the service has started with. */
export function openCurrentKeyring(file: string, root: string, first: Keyring, log: Log): CurrentKeyring {
  let keyring = first;
  let stamp = '';
  return {
    read() {
      const current = stampOf(file);
      if (current === stamp) return keyring;
      stamp = current;
      const read = current === '' ? undefined : readKeyring(plainText(readFileSync(file, 'utf8')), root);
      if (read?.ok === true) keyring = read.value;
      else log.error('keyring-invalid', { file, why: read?.reason ?? 'there is no such file' });
      return keyring;
    },
    isBelievedFrom: (pin) => stampOf(file) !== '' && readKeyring(plainText(readFileSync(file, 'utf8')), pin).ok,
  };
}

/** Empty where there is no file. */
function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
}
