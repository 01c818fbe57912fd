/** `checkpoint-kiosk enrol`: makes the kiosk's keys where there are none, and gets its certificate from upstream. */
import { existsSync, renameSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Fault } from '../config/faults.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import { asidePath, writePrivateFile } from '../config/host/private-file.ts';
import { readTextFile } from '../config/host/text-file.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import type { Host } from '../config/ports/host.ts';
import { readOwnCertificate } from '../kiosk/identity/own-certificate.ts';
import { openKioskState, setStateAside } from '../kiosk/journal/kiosk-state.ts';
import { offerKeyring } from '../kiosk/registry/offer-statement.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { type Keyring, readKeyring } from '../sync/credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../sync/credential/statement.ts';
import { enrolKiosk } from '../sync/edge/enrol-kiosk.ts';
import { createUpstreamClient } from '../sync/edge/upstream-client.ts';
import { certificateSchema } from '../sync/protocol/enrolment.ts';
import { CommandError, exitCode } from './command.ts';
import { loadConfig } from './config-check.ts';
import { ownKeys, setDamagedKeysAside } from './own-keys.ts';

export async function runEnrol(configFile: string, given: { token?: string; tokenFile?: string; keyring?: string }): Promise<void> {
  if (given.token !== undefined)
    process.stderr.write('warning: every user of this machine can read --token; use --token-file FILE, or -\n');
  const token = given.token ?? (given.tokenFile === undefined ? undefined : readText(given.tokenFile).trim());
  if (token === undefined) throw new CommandError(exitCode.usage, 'give --token-file FILE (or - for stdin), or --token TOKEN');
  if (!/^[A-Za-z0-9_-]{43}$/.test(token))
    throw new CommandError(exitCode.dataError, 'that is no enrolment token: 43 letters, digits, - and _');
  const config = loadConfig(configFile);
  if (given.keyring !== undefined) takeKeyring(config, configFile, given.keyring);
  const certificate = await enrolWith(config, configFile, token, createNodeHost('warn'));
  process.stdout.write(`${JSON.stringify({ enrolled: true, certificate })}\n`);
}

/** Puts the first keyring, which somebody brought, where the kiosk looks for it: only one that the pinned root has signed. */
function takeKeyring(config: KioskConfig, configFile: string, given: string): void {
  const text = readText(given);
  const root = config['keyring.root'];
  const keyring = readKeyring(text, root);
  if (!keyring.ok) throw new CommandError(exitCode.dataError, `${given}: ${keyring.reason}`);
  const file = resolve(dirname(resolve(configFile)), config['keyring.file']);
  // One that is there and newer stays.
  if (offerKeyring(file, root, text)) process.stderr.write(`${file}: keyring ${keyring.value.version}\n`);
}

/** Returns the certificate's file. */
export async function enrolWith(config: KioskConfig, configFile: string, token: string, host: Host): Promise<string> {
  const url = config['upstream.url'];
  if (url === undefined) throw new CommandError(exitCode.config, `${configFile}: upstream.url is not set`);
  const path = (name: string) => resolve(dirname(resolve(configFile)), name);
  const root = config['keyring.root'];
  const keyring = readKeyring(readText(path(config['keyring.file'])), root);
  if (!keyring.ok) throw new CommandError(exitCode.dataError, `${config['keyring.file']}: ${keyring.reason}`);
  const keys = join(path(config.dataDir), 'keys');
  for (const kept of setDamagedKeysAside(path(config.dataDir), host.random)) host.log.warn('key-set-aside', { kept });
  const { signer, sealing } = ownKeys(path(config.dataDir), host.random);
  const { kioskId, checkpointId, lane } = config;
  const certificateFile = join(keys, 'certificate.cose');
  const own = readOwnCertificate({ file: certificateFile, keyring: keyring.value, signingKey: toHex(signer.publicKey) });
  // Its journal is that of the kiosk which wrote it: the centre takes it from no other.
  if (own.kind === 'valid' && own.certificate.kioskId !== kioskId) {
    const why = `${config.dataDir} holds the journal of ${own.certificate.kioskId}; ${kioskId} needs a data folder of its own`;
    throw new CommandError(exitCode.config, why);
  }
  const client = createUpstreamClient({ url: new URL(url), pins: () => keyring.value.upstreamPins, keyId: kioskId, signer }, host);
  const request = {
    token,
    kioskId,
    checkpointId,
    lane,
    signingKey: toHex(signer.publicKey),
    sealingKey: toHex(sealing.publicKey),
    root,
  };
  try {
    const certificate = await enrolKiosk(client, request, keyring.value);
    if (!certificate.ok) throw new CommandError(exitCode.failed, `${url}: ${certificate.reason}`);
    writePrivateFile(certificateFile, `${certificate.value}\n`);
    beginStateAnew(config, path, certificate.value, keyring.value, host);
    return certificateFile;
  } finally {
    client.close();
  }
}

/**
 * A state that is damaged or gone is begun anew, now that the centre has let this kiosk in again: its time begins at the date
 * of the certificate, and policy and slice are fetched anew, because nobody knows any more which were the newest.
 */
function beginStateAnew(config: KioskConfig, path: (name: string) => string, certificate: string, keyring: Keyring, { log }: Host): void {
  const dataDir = path(config.dataDir);
  try {
    openKioskState(dataDir).close();
    return;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code !== 'state-damaged') return;
  }
  const issuedAt = certificateDate(certificate, keyring);
  const kept = setStateAside(dataDir);
  for (const file of [path(config['policy.file']), path(config['slice.manifestFile'])]) {
    if (existsSync(file)) renameSync(file, asidePath(file, 'before-enrolment'));
  }
  const state = openKioskState(dataDir);
  if (issuedAt !== undefined) state.set('time.floorMs', Date.parse(issuedAt));
  state.close();
  log.warn('state-begun-anew', { kept, timeFloor: issuedAt });
}

function certificateDate(text: string, { roles }: Keyring): string | undefined {
  const envelopes = parseEnvelopes(text);
  const opened = envelopes.ok ? openStatement(envelopes.value[0], 'enrolment', roles.fleet, certificateSchema) : undefined;
  return opened?.ok === true ? opened.value.issuedAt : undefined;
}

function readText(file: string): string {
  try {
    return readTextFile(file === '-' ? 0 : file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
