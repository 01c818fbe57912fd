/**
 * Certificate and key of the centre's TLS, looked at before anything listens: with a pair that does not belong together, or a
 * certificate that is over, every kiosk would be turned away one by one.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { CommandError, exitCode } from './command.ts';

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Throws CommandError, naming the files; returns what they hold. */
export function readTlsFiles({ certificate: certificateFile, key: keyFile }: TlsFiles, nowMs: number): TlsFiles {
  const pem = { certificate: readText(certificateFile), key: readText(keyFile) };
  if (process.platform !== 'win32' && (statSync(keyFile).mode & 0o077) !== 0) {
    fail(`${keyFile} can be read by other users of this machine: chmod 600 ${keyFile}`);
  }
  const certificate = parse(certificateFile, 'certificate', () => new X509Certificate(pem.certificate));
  const key: KeyObject = parse(keyFile, 'private key', () => createPrivateKey(pem.key));
  if (!certificate.checkPrivateKey(key)) {
    fail(`${certificateFile} and ${keyFile} do not belong together: the certificate is of another key (keys tls-pin shows both)`);
  }
  const [fromMs, untilMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (nowMs < fromMs) fail(`${certificateFile} is not valid before ${new Date(fromMs).toISOString()}; is the clock right?`);
  if (nowMs >= untilMs) fail(`${certificateFile} has expired on ${new Date(untilMs).toISOString()}`);
  return pem;
}

function parse<Value>(file: string, what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    return fail(`${file} holds no ${what} in PEM that can be used: ${error instanceof Error ? error.message : error}`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

function fail(message: string): never {
  throw new CommandError(exitCode.dataError, message);
}
