/** `checkpoint-kiosk issue`: makes one code, as text, PNG or SVG. The issuer's side of the profile, for tests and small offices. */
import { writeFileSync } from 'node:fs';
import QRCode from 'qrcode';
import { nodeClock, nodeRandom } from '../config/host/node-host.ts';
import { fromHex } from '../sync/credential/bytes.ts';
import { type Claims, credentialClasses, encodeClaims, parseClaims } from '../sync/credential/claims.ts';
import { signSign1 } from '../sync/credential/cose.ts';
import { writeCp1, writeCp2 } from '../sync/credential/credential.ts';
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
  readonly format: 'text' | 'png' | 'svg';
  readonly out?: string;
  readonly json?: boolean;
}

/** What a 720p camera still reads: version 9 for a static code, 12 for a rotating one, both at level M. */
const CHARS_MAX = { CP1: 262, CP2: 440 } as const;
const classNames: Readonly<Record<string, number>> = { ...credentialClasses, 'travel-permit': credentialClasses.travelPermit };

export async function issueCode(options: IssueOptions): Promise<void> {
  const nowS = Math.floor(nodeClock.wallMs() / 1000);
  const deviceSeed = options.deviceKey === undefined ? undefined : readKeyFile(options.deviceKey);
  const payload = encodeClaims(claimsOf(options, nowS, deviceSeed));
  const checked = parseClaims(payload);
  if (!checked.ok) throw new CommandError(exitCode.usage, `these values make no valid credential: ${checked.reason}`);
  const cose = signSign1(payload, readKeyFile(options.key));
  const text = deviceSeed === undefined ? writeCp1(cose) : writeCp2(cose, deviceSeed, nowS);
  const charsMax = deviceSeed === undefined ? CHARS_MAX.CP1 : CHARS_MAX.CP2;
  if (text.length > charsMax)
    throw new CommandError(
      exitCode.usage,
      `the code would have ${text.length} characters, more than the ${charsMax} that a lane camera reads`,
    );
  await write(text, options);
  process.stderr.write(`${text.length} characters, QR version ${QRCode.create(text, { errorCorrectionLevel: 'M' }).version} at level M\n`);
}

function claimsOf(options: IssueOptions, nowS: number, deviceSeed: Uint8Array | undefined): Claims {
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
    ...(deviceSeed !== undefined && { deviceKey: fromHex(describeKey(deviceSeed, false).publicKey) }),
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

async function write(text: string, { format, out, json }: IssueOptions): Promise<void> {
  const image = { errorCorrectionLevel: 'M', margin: 4 } as const;
  const data =
    format === 'text'
      ? `${text}\n`
      : format === 'svg'
        ? await QRCode.toString(text, { ...image, type: 'svg' })
        : await QRCode.toBuffer(text, { ...image, scale: 8 });
  if (out !== undefined) writeFileSync(out, data);
  if (json === true) process.stdout.write(`${JSON.stringify({ text, file: out ?? null })}\n`);
  else if (out === undefined) process.stdout.write(data);
}

function fail(message: string): never {
  throw new CommandError(exitCode.usage, message);
}
