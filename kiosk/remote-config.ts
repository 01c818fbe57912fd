/**
 * Options that the centre has set, as a signed statement in the data folder. They are in force from the next start on; what
 * this kiosk does not take is reported with its reason.
 */
import { readFileSync } from 'node:fs';
import type { FaultCode } from '../config/faults.ts';
import { writePrivateFile } from '../config/host/private-file.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { type RefusedOption, withRemoteOptions } from '../config/options/remote-options.ts';
import type { Host } from '../config/ports/host.ts';
import { type Keyring, readKeyring } from '../sync/credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../sync/credential/statement.ts';
import { type RemoteConfig, remoteConfigSchema } from '../sync/protocol/remote-config.ts';

export interface RemoteOptions {
  readonly config: KioskConfig;
  /** Of the options in force; undefined for none. */
  readonly version: number | undefined;
  readonly refused: readonly RefusedOption[];
}

export interface RemoteConfigFiles {
  /** The statement. */
  readonly file: string;
  readonly keyring: string;
}

/** The configuration as it is in force: the local one, and over it what the centre has set. */
export function loadRemoteConfig(local: KioskConfig, { file, keyring }: RemoteConfigFiles, host: Host): RemoteOptions {
  const keys = readKeyring(readIfPresent(keyring) ?? '', local['keyring.root']);
  const text = readIfPresent(file);
  const stored = keys.ok && text !== undefined ? openConfig(text, keys.value, local.kioskId) : undefined;
  if (keys.ok && text !== undefined && stored === undefined) host.log.warn('remote-config-damaged' satisfies FaultCode, { file });
  if (stored === undefined) return { config: local, version: undefined, refused: [] };
  if (host.clock.wallMs() >= Date.parse(stored.expires)) {
    host.log.warn('remote-config-expired', { version: stored.version });
    return { config: local, version: undefined, refused: [] };
  }
  const { config, refused } = withRemoteOptions(local, stored.values);
  for (const one of refused) host.log.warn('remote-option-refused', { ...one });
  host.log.info('remote-config', { version: stored.version, options: Object.keys(stored.values).length - refused.length });
  return { config, version: stored.version, refused };
}

/** Keeps a newer one for the next start; false where it is not signed for this kiosk, or not newer. */
export function offerRemoteConfig(file: string, keyring: Keyring, kioskId: string, text: string): boolean {
  const offered = openConfig(text, keyring, kioskId);
  const current = openConfig(readIfPresent(file) ?? '', keyring, kioskId);
  if (offered === undefined || offered.version <= (current?.version ?? 0)) return false;
  writePrivateFile(file, text);
  return true;
}

/** Version of what lies there, in force or not. */
export function storedConfigVersion(file: string, keyring: Keyring, kioskId: string): number | undefined {
  return openConfig(readIfPresent(file) ?? '', keyring, kioskId)?.version;
}

function openConfig(text: string, { roles }: Keyring, kioskId: string): RemoteConfig | undefined {
  const envelopes = parseEnvelopes(text);
  const config = envelopes.ok ? openStatement(envelopes.value[0], 'config', roles.config, remoteConfigSchema) : undefined;
  return config?.ok === true && config.value.audience === kioskId ? config.value : undefined;
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
