/** `checkpoint-kiosk inspect`: says what a code or a statement file holds. It believes nothing: signatures are not judged here. */
import { z } from 'zod';
import { readTextFile } from '../config/host/text-file.ts';
import { decodeBase45 } from '../sync/credential/base45.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { decodeCbor, isCborArray } from '../sync/credential/cbor.ts';
import { parseClaims } from '../sync/credential/claims.ts';
import { parseSign1 } from '../sync/credential/sign1.ts';
import { parseEnvelopes, parsePayload } from '../sync/credential/statement.ts';
import { CommandError, exitCode } from './command.ts';
import { describeClaims } from './verify.ts';

export function inspectFile(file: string): void {
  let text: string;
  try {
    text = readTextFile(file === '-' ? 0 : file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
  const trimmed = text.replace(/\r?\n$/, '');
  const found = /^CP[12]:/.test(trimmed) ? inspectCode(trimmed) : inspectStatement(trimmed);
  process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
}

function inspectCode(text: string) {
  const bytes = decodeBase45(text.slice(4));
  if (!bytes.ok) return refused(bytes.reason);
  let cose = bytes.value;
  let step: number | undefined;
  if (text.startsWith('CP2:')) {
    const wrapper = decodeCbor(bytes.value, true);
    if (!wrapper.ok) return refused(wrapper.reason);
    const [inner, given] = isCborArray(wrapper.value) ? wrapper.value : [];
    if (!(inner instanceof Uint8Array) || typeof given !== 'number') return refused('pop-shape');
    cose = inner;
    step = given;
  }
  const message = parseSign1(cose, { contentType: 'none' });
  if (!message.ok) return refused(message.reason);
  const claims = parseClaims(message.value.payload);
  return {
    kind: 'credential',
    form: step === undefined ? 'paper' : 'app',
    chars: text.length,
    kid: message.value.kid,
    ...(step !== undefined && { step }),
    signature: `${toHex(message.value.signature)} (not checked)`,
    claims: claims.ok ? describeClaims(claims.value) : claims.reason,
  };
}

/** A keyring may be a chain: the last block is the keyring, those before it led to its roots. */
function inspectStatement(text: string) {
  const blocks = text.split(/\n{2,}/).map(inspectBlock);
  const earlier = blocks.slice(0, -1);
  return { ...blocks.at(-1), ...(earlier.length > 0 && { earlier }) };
}

function inspectBlock(text: string) {
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) return refused(envelopes.reason);
  const [first] = envelopes.value;
  const body = parsePayload(first, z.unknown());
  return {
    kind: 'statement',
    type: first.type,
    sha256: first.digest,
    signedBy: envelopes.value.map(({ message }) => `${message.kid} (not checked)`),
    body: body.ok ? body.value : body.reason,
  };
}

function refused(reason: string): never {
  throw new CommandError(exitCode.dataError, `neither a code nor a statement: ${reason}`);
}
