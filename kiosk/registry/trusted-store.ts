/**
 * Which store of the centre this kiosk believes: the one that its enrolment certificate names. A kiosk without a certificate,
 * or with one of an earlier version that names none, believes the first store whose slice it has used, and keeps to it until
 * it is enrolled. What was believed once is remembered, so that a certificate that vanishes opens nothing.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { lookAtTextFile } from '../../config/host/text-file.ts';
import type { Log } from '../../config/ports/log.ts';
import type { Keyring } from '../../sync/credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../../sync/credential/statement.ts';
import { certificateSchema } from '../../sync/protocol/enrolment.ts';
import { type HeldSlice, sliceHoldsSchema } from '../../sync/protocol/slice-loss.ts';
import { storeIdText } from '../../sync/protocol/store-identity.ts';

export interface TrustedStore {
  /** Undefined: none yet, the first that is used counts from then on. Looks at the certificate as it lies there now. */
  storeId(keyring: Keyring | undefined): string | undefined;
  /** A slice is in use. */
  noteUsed(slice: HeldSlice): void;
  /** The slice that was in use last, also before a restart. */
  lastUsed(): HeldSlice | undefined;
  /** Changes with the certificate, and with whether it can be read. */
  stamp(): string;
  /** Why the certificate that lies there cannot be read; undefined where it can, and where there is none. */
  unreadable(): string | undefined;
}

export interface TrustedStoreParts {
  readonly certificateFile: string;
  readonly kioskId: string;
  /** Own signing key, hex. */
  readonly signingKey: string;
  readonly state: { get(name: string): unknown; set(name: string, value: unknown): void };
}

const NAME = 'store.trusted';
const LAST_USED = 'slice.used';
const usedSchema = z.object({ storeId: storeIdText, version: z.number(), issuedAt: z.string(), holds: sliceHoldsSchema });
const trustedSchema = z.object({ storeId: storeIdText, by: z.enum(['certificate', 'first-use']) });

export function createTrustedStore({ certificateFile, kioskId, signingKey, state }: TrustedStoreParts, log: Log): TrustedStore {
  let trusted = trustedSchema.safeParse(state.get(NAME)).data;
  let used = usedSchema.safeParse(state.get(LAST_USED)).data;
  let read = '';

  const remember = (next: NonNullable<typeof trusted>) => {
    if (trusted?.storeId === next.storeId && trusted.by === next.by) return;
    log.info('store-trusted', { ...next, before: trusted?.storeId });
    trusted = next;
    state.set(NAME, next);
  };

  const named = (text: string, keyring: Keyring): string | undefined => {
    const envelopes = parseEnvelopes(text);
    if (!envelopes.ok) return undefined;
    const certificate = openStatement(envelopes.value[0], 'enrolment', keyring.roles.fleet, certificateSchema);
    if (!certificate.ok || certificate.value.kioskId !== kioskId || certificate.value.signingKey !== signingKey) return undefined;
    return certificate.value.storeId;
  };

  const look = () => lookAtTextFile(certificateFile);
  return {
    stamp() {
      const found = look();
      return found.why ?? digestOf(found.text);
    },
    unreadable: () => look().why,
    storeId(keyring) {
      const found = look();
      if (found.why !== undefined) return trusted?.storeId;
      const now = `${digestOf(found.text)} ${keyring?.digest}`;
      if (keyring !== undefined && now !== read) {
        read = now;
        const storeId = named(found.text ?? '', keyring);
        if (storeId !== undefined) remember({ storeId, by: 'certificate' });
      }
      return trusted?.storeId;
    },
    lastUsed: () => used,
    noteUsed({ storeId, version, issuedAt, holds }) {
      if (trusted === undefined) remember({ storeId, by: 'first-use' });
      if (used?.storeId === storeId && used.version === version) return;
      used = { storeId, version, issuedAt, holds };
      state.set(LAST_USED, used);
    },
  };
}

function digestOf(text: string | undefined): string {
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex');
}
