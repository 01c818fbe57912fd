/** `checkpoint-kiosk issue`: makes one code, as text, PNG or SVG. The issuer's side of the profile, for tests and small offices. */
import { writeFileSync } from 'node:fs';
import QRCode from 'qrcode';
import { nodeClock, nodeRandom } from '../config/host/node-host.ts';
import { fromHex, toHex } from '../sync/credential/bytes.ts';
import { type Claims, credentialClasses, encodeClaims, parseClaims } from '../sync/credential/claims.ts';
import { signSign1 } from '../sync/credential/cose.ts';
import { writeCp1, writeCp2 } from '../sync/credential/credential.ts';
import { isPublicKeyAcceptable } from '../sync/credential/ed25519.ts';
import type { Keyring } from '../sync/credential/keyring.ts';
import { writeCredentialLink } from '../sync/holder/credential-link.ts';
import { idTag, isPlate, normalisePlate, plateTag, subjectKeyCheck, subjectPseudonym } from '../sync/protocol/tags.ts';
import { CommandError, exitCode } from './command.ts';
import { type IssuedCode, issueNotes, whyNeverPasses } from './issue-check.ts';
import { describeKey, readKeyFile } from './key-file.ts';
import { readSubjectKeyCheck } from './keys/subject-key.ts';
import { readPersonal } from './personal-input.ts';
import { loadKeyring, loadPolicy } from './verify.ts';

export interface IssueOptions {
  readonly key: string;
  readonly class: string;
  readonly area: readonly string[];
  readonly purpose: number;
  readonly hours: number;
  readonly from?: number;
  readonly declaredAt?: number;
  readonly subject?: string;
  readonly subjectKey?: string;
  readonly subjectKeyCheck?: string;
  /** Signed keyring and the fingerprint of its root. */
  readonly keyring?: string;
  readonly root?: string;
  /** Signed policy, believed by the keyring. */
  readonly policy?: string;
  readonly idNumber?: string;
  readonly plate?: string;
  readonly name?: string;
  readonly maxUses?: number;
  readonly deviceKey?: string;
  readonly devicePublicKey?: string;
  readonly holderUrl?: string;
  readonly format: 'text' | 'png' | 'svg';
  readonly out?: string;
  readonly json?: boolean;
}

/** Stands for the phone's, which nobody but the phone has, to see how long its codes become. */
const ANY_SEED = new Uint8Array(32);
/** In the order in which they are read from stdin. */
const PERSONAL_OPTIONS = [
  ['idNumber', '--id-number'],
  ['plate', '--plate'],
  ['name', '--name'],
] as const;
const NEEDS_PLATE: readonly number[] = [credentialClasses.shipper, credentialClasses.vehicle];
const classNames: Readonly<Record<string, number>> = { ...credentialClasses, 'travel-permit': credentialClasses.travelPermit };

export async function issueCode(given: IssueOptions): Promise<void> {
  checkDeviceOptions(given);
  const options = { ...given, ...(await readPersonal(given, PERSONAL_OPTIONS)) };
  const nowS = Math.floor(nodeClock.wallMs() / 1000);
  const keyring = keyringOf(options);
  const deviceSeed = options.deviceKey === undefined ? undefined : readKeyFile(options.deviceKey);
  const claims = { ...claimsOf(options, nowS, deviceKeyOf(options, deviceSeed)), ...subjectOf(options, keyring) };
  const payload = encodeClaims(claims);
  const checked = parseClaims(payload);
  if (!checked.ok) throw new CommandError(exitCode.usage, `these values make no valid credential: ${checked.reason}`);
  const issuerSeed = readKeyFile(options.key);
  const cose = signSign1(payload, issuerSeed);
  const atS = Math.max(nowS, claims.notBefore);
  const text = deviceSeed === undefined ? writeCp1(cose) : writeCp2(cose, deviceSeed, nowS);
  const read = deviceSeed === undefined ? text : writeCp2(cose, deviceSeed, atS);
  const shown = claims.deviceKey === undefined ? text : writeCp2(cose, deviceSeed ?? ANY_SEED, atS);
  check({ text: read, shown, claims, issuerKey: fromHex(describeKey(issuerSeed, false).publicKey) }, options, { keyring, nowS });
  const link = options.holderUrl === undefined ? undefined : writeCredentialLink(options.holderUrl, text);
  await write({ text, link }, options);
  const { version } = QRCode.create(link ?? text, { errorCorrectionLevel: 'M' });
  const what = link === undefined ? `${text.length} characters` : `${text.length} characters, a link of ${link.length}`;
  process.stderr.write(`${what}, QR version ${version} at level M\n`);
}

function keyringOf({ keyring, root, policy }: IssueOptions): Keyring | undefined {
  if ((keyring === undefined) !== (root === undefined)) return fail('--keyring and --root go together');
  if (keyring !== undefined && root !== undefined) return loadKeyring(keyring, root);
  return policy === undefined ? undefined : fail('--policy needs --keyring and --root');
}

/** A code that no kiosk would ever pass is not handed out. */
function check(
  code: IssuedCode,
  options: IssueOptions,
  { keyring, nowS }: { readonly keyring: Keyring | undefined; readonly nowS: number },
) {
  const policy = keyring === undefined || options.policy === undefined ? undefined : loadPolicy(options.policy, keyring);
  const rules = { trust: keyring?.trust, policy, now: nowS };
  const why = whyNeverPasses(code, rules);
  if (why !== undefined) fail(why);
  for (const note of issueNotes(code, rules)) process.stderr.write(`note: ${note}\n`);
}

function checkDeviceOptions({ deviceKey, devicePublicKey, holderUrl }: IssueOptions): void {
  if (deviceKey !== undefined && devicePublicKey !== undefined) fail('give --device-key or --device-public-key, not both');
  if (holderUrl === undefined) return;
  if (devicePublicKey === undefined) fail('--holder-url needs --device-public-key: the page takes codes of its own phone only');
  if (!URL.canParse(holderUrl) || !/^https?:\/\/[^#]+$/.test(holderUrl)) fail('--holder-url takes an address http(s)://... without #');
}

function deviceKeyOf({ devicePublicKey }: IssueOptions, deviceSeed: Uint8Array | undefined): Uint8Array | undefined {
  if (deviceSeed !== undefined) return fromHex(describeKey(deviceSeed, false).publicKey);
  if (devicePublicKey === undefined) return undefined;
  const key = /^[0-9a-f]{64}$/i.test(devicePublicKey) ? fromHex(devicePublicKey) : fail('--device-public-key takes 64 hex digits');
  return isPublicKeyAcceptable(key) ? key : fail('--device-public-key is no acceptable Ed25519 key: every code of it would be refused');
}

function claimsOf(options: IssueOptions, nowS: number, deviceKey: Uint8Array | undefined): Omit<Claims, 'subject'> {
  const { idNumber, plate, name, maxUses } = options;
  if (options.area.length > 4) fail('--area takes 1 to 4 areas');
  if (name !== undefined && !/^[A-Z *]{1,16}$/.test(name)) fail('--name takes 1 to 16 of A-Z, * and blanks');
  if (maxUses !== undefined && maxUses > 99) fail('--max-uses takes 1 to 99');
  if (plate === undefined && NEEDS_PLATE.includes(classOf(options.class))) {
    fail(`a code of class ${options.class} is bound to a vehicle: give --plate (claim-missing)`);
  }
  if (idNumber !== undefined && !/^\d{12}$/.test(idNumber)) fail('--id-number takes 12 digits');
  if (plate !== undefined && !isPlate(normalisePlate(plate))) fail('--plate takes a plate of 5 to 10 letters and digits');
  const from = options.from ?? nowS;
  const cti = nodeRandom.bytes(8);
  return {
    expiresAt: from + options.hours * 3_600,
    notBefore: from,
    cti,
    class: classOf(options.class),
    areas: options.area.map((area) => (/^\d{1,5}$/.test(area) ? Number(area) : fail('--area takes codes of up to 5 digits'))),
    purpose: options.purpose,
    declaredAt: options.declaredAt ?? nowS,
    ...(name !== undefined && { maskedName: name }),
    ...(plate !== undefined && { plateTag: plateTag(cti, plate) }),
    ...(idNumber !== undefined && { idTag: idTag(cti, idNumber) }),
    ...(maxUses !== undefined && { maxUses }),
    ...(deviceKey !== undefined && { deviceKey }),
  };
}

function classOf(given: string): number {
  const known = classNames[given] ?? Number(given);
  return Number.isInteger(known) && known >= 1 && known <= 6
    ? known
    : fail(`--class takes ${Object.keys(classNames).join(', ')} or 1 to 6`);
}

type Subject = Pick<Claims, 'subject' | 'subjectKeyCheck'>;

/** The pseudonym with the check value of its key: both given, or made with the key that only centre and issuers hold. */
function subjectOf(options: IssueOptions, keyring: Keyring | undefined): Subject {
  const pinned = keyring?.subjectKeyCheck;
  const subject = options.subjectKey === undefined ? givenSubject(options) : madeSubject(options, options.subjectKey);
  const stated = subject.subjectKeyCheck && toHex(subject.subjectKeyCheck);
  if (pinned !== undefined && stated !== pinned) {
    const what =
      stated === undefined ? 'give --subject-key, or --subject-key-check with --subject' : `this is ${stated}: give the right one`;
    throw new CommandError(exitCode.dataError, `the keyring pins the subject key ${pinned}, and no other finds who is held; ${what}`);
  }
  if (stated === undefined) process.stderr.write(`${UNCHECKED}\n`);
  return subject;
}

const UNCHECKED =
  'note: the code does not say which subject key its pseudonym is of (--subject-key-check): kiosks whose keyring pins one do not pass it';

function givenSubject({ subject, subjectKeyCheck: check }: IssueOptions): Subject {
  if (subject === undefined) return fail('give --subject-key with --id-number (for a vehicle: with --plate), or --subject');
  if (!/^[0-9a-f]{24}$/.test(subject)) return fail('--subject takes 24 lower-case hex digits');
  return { subject: fromHex(subject), ...(check !== undefined && { subjectKeyCheck: fromHex(readSubjectKeyCheck(check)) }) };
}

/** A vehicle's code is looked up by its plate, as the registry writes it; every other code by the person's number. */
function madeSubject({ subject, class: given, idNumber, plate }: IssueOptions, keyFile: string): Subject {
  if (subject !== undefined) return fail('give --subject or --subject-key, not both');
  const isVehicle = classOf(given) === credentialClasses.vehicle;
  const name = isVehicle ? plate && normalisePlate(plate) : idNumber;
  if (name === undefined) return fail(`--subject-key needs ${isVehicle ? '--plate: a vehicle is looked up by it' : '--id-number'}`);
  const key = readKeyFile(keyFile);
  return { subject: subjectPseudonym(key, name), subjectKeyCheck: subjectKeyCheck(key) };
}

/** With a link, pictures hold the link: a phone's own camera opens it. */
async function write({ text, link }: { text: string; link: string | undefined }, { format, out, json }: IssueOptions): Promise<void> {
  const image = { errorCorrectionLevel: 'M', margin: 4 } as const;
  const data =
    format === 'text'
      ? `${link === undefined ? text : `${text}\n${link}`}\n`
      : format === 'svg'
        ? await QRCode.toString(link ?? text, { ...image, type: 'svg' })
        : await QRCode.toBuffer(link ?? text, { ...image, scale: 8 });
  if (out !== undefined) writeFileSync(out, data);
  if (json === true) process.stdout.write(`${JSON.stringify({ text, ...(link !== undefined && { link }), file: out ?? null })}\n`);
  else if (out === undefined) process.stdout.write(data);
}

function fail(message: string): never {
  throw new CommandError(exitCode.usage, message);
}
