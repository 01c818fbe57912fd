/** The pin of a TLS key: SHA-256 of its SubjectPublicKeyInfo, from a certificate, a key, or what `keys tls-pin` has printed. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { CommandError, exitCode } from '../command.ts';

const PIN = /^[0-9a-f]{64}$/;
const describedSchema = z.object({ kind: z.literal('tls'), pin: z.string().regex(PIN) });

/** What may be shown of a certificate or key in PEM. */
export function describeTls(file: string): {
  readonly kind: 'tls';
  readonly pin: string;
  readonly issued?: string;
  readonly expires?: string;
} {
  const text = readText(file);
  try {
    if (text.includes('-----BEGIN CERTIFICATE-----')) {
      const certificate = new X509Certificate(text);
      const issued = new Date(certificate.validFrom).toISOString();
      return { kind: 'tls', pin: pinOf(certificate.publicKey), issued, expires: new Date(certificate.validTo).toISOString() };
    }
    return { kind: 'tls', pin: pinOf(text.includes('PRIVATE KEY-----') ? createPublicKey(createPrivateKey(text)) : createPublicKey(text)) };
  } catch (error) {
    throw new CommandError(
      exitCode.dataError,
      `${file} holds no certificate and no key in PEM: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** Lower-case hex. */
export function readTlsPin(given: string): string {
  if (PIN.test(given)) return given;
  if (!existsSync(given)) {
    throw new CommandError(exitCode.noInput, `${given}: there is no such file, and it is no pin of 64 lower-case hex digits`);
  }
  const text = readText(given).trim();
  if (!text.startsWith('{')) return describeTls(given).pin;
  const described = describedSchema.safeParse(parseJson(text));
  if (described.success) return described.data.pin;
  throw new CommandError(exitCode.dataError, `${given} is not what \`keys tls-pin\` prints`);
}

function pinOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
