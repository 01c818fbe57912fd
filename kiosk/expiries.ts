/** When what this kiosk works with runs out, asked of the lists in use and of the certificate as it lies there. */
import { readFileSync } from 'node:fs';
import type { Keyring } from '../sync/credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../sync/credential/statement.ts';
import { certificateSchema } from '../sync/protocol/enrolment.ts';
import type { Expiries } from '../sync/protocol/expiry.ts';
import type { RegistryContent } from './registry/registry.ts';

export interface ExpiryParts {
  readonly certificateFile: string;
  readonly registry: { keyring(): Keyring | undefined; content(): Pick<RegistryContent, 'policy' | 'slice'> | undefined };
}

export function createExpiries({ certificateFile, registry }: ExpiryParts): () => Expiries {
  let read: { readonly of: string; readonly expiresAtMs: number | undefined } | undefined;
  const certificate = (keyring: Keyring): number | undefined => {
    const text = readIfPresent(certificateFile);
    const of = `${keyring.digest} ${text}`;
    if (read?.of !== of) read = { of, expiresAtMs: expiryOf(text, keyring) };
    return read.expiresAtMs;
  };
  return () => {
    const keyring = registry.keyring();
    const content = registry.content();
    return {
      keyring: keyring?.expiresAtMs,
      policy: content && Date.parse(content.policy.expires),
      slice: content && Date.parse(content.slice.manifest.expires),
      certificate: keyring && certificate(keyring),
    };
  };
}

function expiryOf(text: string, { roles }: Keyring): number | undefined {
  const envelopes = parseEnvelopes(text);
  const certificate = envelopes.ok ? openStatement(envelopes.value[0], 'enrolment', roles.fleet, certificateSchema) : envelopes;
  return certificate.ok ? Date.parse(certificate.value.expires) : undefined;
}

function readIfPresent(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // A kiosk without a centre has none; a file that cannot be read says nothing either.
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}
