/** `checkpoint-kiosk issue`: makes one code, as text, PNG or SVG. The issuer's side of the profile, for tests and small offices. */
import { writeFileSync } from 'node:fs';
import QRCode from 'qrcode';
import { nodeClock, nodeRandom } from '../config/host/node-host.ts';
import { fromHex } from '../sync/credential/bytes.ts';
import { type Claims, credentialClasses, encodeClaims, parseClaims } from '../sync/credential/claims.ts';
import { signSign1 } from '../sync/credential/cose.ts';
import { writeCp1, writeCp2 } from '../sync/credential/credential.ts';
import { isPublicKeyAcceptable } from '../sync/credential/ed25519.ts';
import { writeCredentialLink } from '../sync/holder/credential-link.ts';
import { idTag, plateTag, subjectPseudonym } from '../sync/protocol/tags.ts';
import { CommandError, exitCode } from './command.ts';
import { describeKey, readKeyFile } from './key-file.ts';

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

/** What a 720p camera still reads: version 9 for a static code, 12 for a rotating one, both at level M. */
const CHARS_MAX = { CP1: 262, CP2: 440 } as const;
/** Stands for the phone's, which nobody but the phone has, to see how long its codes become. */
const ANY_SEED = new Uint8Array(32);
const classNames: Readonly<Record<string, number>> = { ...credentialClasses, 'travel-permit': credentialClasses.travelPermit };

export async function issueCode(options: IssueOptions): Promise<void> {
  checkDeviceOptions(options);
  const nowS = Math.floor(nodeClock.wallMs() / 1000);
  const deviceSeed = options.deviceKey === undefined ? undefined : readKeyFile(options.deviceKey);
  const payload = encodeClaims(claimsOf(options, nowS, deviceKeyOf(options, deviceSeed)));
  const checked = parseClaims(payload);
  if (!checked.ok) throw new CommandError(exitCode.usage, `these values make no valid credential: ${checked.reason}`);
  const cose = signSign1(payload, readKeyFile(options.key));
  const text = deviceSeed === undefined ? writeCp1(cose) : writeCp2(cose, deviceSeed, nowS);
  checkLength(checked.value.deviceKey === undefined ? text : writeCp2(cose, deviceSeed ?? ANY_SEED, nowS));
  const link = options.holderUrl === undefined ? undefined : writeCredentialLink(options.holderUrl, text);
  await write({ text, link }, options);
  const { version } = QRCode.create(link ?? text, { errorCorrectionLevel: 'M' });
  const what = link === undefined ? `${text.length} characters` : `${text.length} characters, a link of ${link.length}`;
  process.stderr.write(`${what}, QR version ${version} at level M\n`);
}

/** What the lane will see must be readable there: of a code for a phone that is the rotating one, whoever's proof it holds. */
function checkLength(shown: string): void {
  const charsMax = shown.startsWith('CP2:') ? CHARS_MAX.CP2 : CHARS_MAX.CP1;
  if (shown.length <= charsMax) return;
  fail(`the code would have ${shown.length} characters, more than the ${charsMax} that a lane camera reads`);
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

function claimsOf(options: IssueOptions, nowS: number, deviceKey: Uint8Array | undefined): Claims {
  const from = options.from ?? nowS;
  const cti = nodeRandom.bytes(8);
  return {
    expiresAt: from + options.hours * 3_600,
    notBefore: from,
    cti,
    class: classOf(options.class),
    subject: subjectOf(options),
    areas: options.area.map((area) => (/^\d{1,5}$/.test(area) ? Number(area) : fail('--area takes codes of up to 5 digits'))),
    purpose: options.purpose,
    declaredAt: options.declaredAt ?? nowS,
    ...(options.name !== undefined && { maskedName: options.name }),
    ...(options.plate !== undefined && { plateTag: plateTag(cti, options.plate) }),
    ...(options.idNumber !== undefined && { idTag: idTag(cti, options.idNumber) }),
    ...(options.maxUses !== undefined && { maxUses: options.maxUses }),
    ...(deviceKey !== undefined && { deviceKey }),
  };
}

function classOf(given: string): number {
  const known = classNames[given] ?? Number(given);
  return Number.isInteger(known) && known >= 1 && known <= 6
    ? known
    : fail(`--class takes ${Object.keys(classNames).join(', ')} or 1 to 6`);
}

/** The pseudonym: given, or made from an id number with the key that only the issuer holds. */
function subjectOf({ subject, subjectKey, idNumber }: IssueOptions): Uint8Array {
  if (idNumber !== undefined && !/^\d{12}$/.test(idNumber)) return fail('--id-number takes 12 digits');
  if (subject !== undefined) return /^[0-9a-f]{24}$/.test(subject) ? fromHex(subject) : fail('--subject takes 24 lower-case hex digits');
  if (subjectKey === undefined || idNumber === undefined) return fail('give --subject, or --subject-key with --id-number');
  return subjectPseudonym(readKeyFile(subjectKey), idNumber);
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
