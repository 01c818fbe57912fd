/** What of a configuration cannot work on this machine, though each value is well formed: addresses, logins, files, folders. */
import { accessSync, closeSync, constants, existsSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '../config/faults.ts';
import { folderRefusal } from '../config/host/folder-rights.ts';
import { readTextFile } from '../config/host/text-file.ts';
import type { KioskConfig, OptionName } from '../config/options/kiosk-options.ts';
import type { ConfigProblem } from '../config/options/parse-config.ts';
import { addressProblem } from '../kiosk/camera/camera-address.ts';
import { readLogin } from '../kiosk/camera/read-login.ts';
import { identityFault, ownCertificate } from '../kiosk/identity/own-certificate.ts';
import { readKeyring } from '../sync/credential/keyring.ts';

export interface Setup {
  readonly config: KioskConfig;
  readonly lines: ReadonlyMap<string, number>;
  /** Makes a path of the configuration absolute. */
  readonly path: (given: string) => string;
}

type Finding = Pick<ConfigProblem, 'expected' | 'found'> & { readonly key: OptionName };

const OTHERS = 0o077;
/** Enough to see that a disk takes no more. */
const PROBE_BYTES = 65_536;

export function setupProblems({ config, lines, path }: Setup): ConfigProblem[] {
  const findings = [
    ...cameraFindings(config, path),
    ...secretFile('slice.keyFile', config['slice.keyFile'], path),
    ...keyringFindings(config, path),
    ...identityFindings(config, path),
    ...folderFindings(path(config.dataDir)),
    ...listFindings(config, path),
  ];
  return findings.map((finding) => ({ ...finding, line: lines.get(finding.key) }));
}

function cameraFindings(config: KioskConfig, path: Setup['path']): Finding[] {
  const { 'camera.kind': kind, 'camera.passwordFile': passwordFile } = config;
  const problem = kind === 'rtsp' || kind === 'mjpeg' ? addressProblem(kind, config['camera.source']) : undefined;
  return [
    ...(problem === undefined ? [] : [{ key: 'camera.source' as const, ...problem }]),
    ...(passwordFile === undefined ? [] : loginFindings(path(passwordFile))),
    ...secretFile('camera.passwordFile', passwordFile, path),
  ];
}

function loginFindings(file: string): Finding[] {
  try {
    readLogin(file);
    return [];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [{ key: 'camera.passwordFile', expected: 'a file that holds user:password', found: error.detail ?? error.message }];
  }
}

/** A missing one is no matter here: some are fetched later. */
function secretFile(key: OptionName, given: string | undefined, path: Setup['path']): Finding[] {
  if (given === undefined || process.platform === 'win32') return [];
  const stat = statSync(path(given), { throwIfNoEntry: false });
  if (stat === undefined || (stat.mode & OTHERS) === 0) return [];
  const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
  return [{ key, expected: `a file that nobody else may read: chmod 600 ${given}`, found: `mode ${mode}` }];
}

function keyringFindings(config: KioskConfig, path: Setup['path']): Finding[] {
  const key = 'keyring.file';
  const expected = 'the signed keyring, from whoever keeps the root key';
  try {
    const keyring = readKeyring(readTextFile(path(config['keyring.file'])), config['keyring.root']);
    return keyring.ok ? [] : [{ key, expected: `${expected}, of the root in keyring.root`, found: keyring.reason }];
  } catch (error) {
    return [{ key, expected, found: error instanceof Error ? error.message : String(error) }];
  }
}

function identityFindings(config: KioskConfig, path: Setup['path']): Finding[] {
  const keys = join(path(config.dataDir), 'keys');
  const files = { certificate: join(keys, 'certificate.cose'), keyring: path(config['keyring.file']), root: config['keyring.root'] };
  try {
    const fault = identityFault(config, ownCertificate(files, { signingKey: undefined }));
    return fault === undefined
      ? []
      : [{ key: 'kioskId', expected: 'what the certificate of this kiosk says', found: `${fault.code}: ${fault.detail}` }];
  } catch (error) {
    return [{ key: 'dataDir', expected: 'a certificate that can be read', found: error instanceof Error ? error.message : String(error) }];
  }
}

/** Tries to write: permissions, read-only disks and full ones are not told apart by looking. */
function folderFindings(folder: string): Finding[] {
  const key = 'dataDir';
  try {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined && !stat.isDirectory()) return [{ key, expected: 'a folder', found: `${folder} is a file` }];
    const place = stat === undefined ? nearestExisting(folder) : folder;
    accessSync(place, constants.W_OK | constants.X_OK);
    writeProbe(join(place, `.config-check-${process.pid}`));
    return [];
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return [{ key, expected: 'a folder that this user may write to, or make, with room on its disk', found }];
  }
}

/** Newer lists are put beside the old ones, by the kiosk itself. */
function listFindings(config: KioskConfig, path: Setup['path']): Finding[] {
  return (['keyring.file', 'policy.file', 'slice.manifestFile'] as const).flatMap((key) => {
    const found = folderRefusal(dirname(path(config[key])));
    return found === undefined ? [] : [{ key, expected: 'a file in a folder where this user may put newer ones, as under dataDir', found }];
  });
}

function writeProbe(file: string): void {
  const handle = openSync(file, 'wx', 0o600);
  try {
    const written = writeSync(handle, Buffer.alloc(PROBE_BYTES));
    if (written < PROBE_BYTES) throw new Error('the disk is full');
  } finally {
    closeSync(handle);
    rmSync(file);
  }
}

function nearestExisting(folder: string): string {
  const above = dirname(folder);
  return existsSync(above) || above === folder ? above : nearestExisting(above);
}
