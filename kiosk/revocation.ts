/**
 * The end of a kiosk: believed only from the fleet key, and only where it names this kiosk and its key. From then on the
 * lane is closed, the lists and what they were keyed with are gone, and only what was recorded is still sent.
 */
import { z } from 'zod';
import type { Host } from '../config/ports/host.ts';
import type { Keyring } from '../sync/credential/keyring.ts';
import { openStatement, parseEnvelopes } from '../sync/credential/statement.ts';
import { kioskRevocationSchema } from '../sync/protocol/revocation.ts';
import type { KioskState } from './journal/kiosk-state.ts';

export interface Revocation {
  isRevoked(): boolean;
  /** True where the text ends this kiosk, also where that was known. */
  offer(text: string): boolean;
  /** Removes lists and their keys once more: a download may have been under way. */
  wipe(): void;
}

export interface RevocationParts {
  readonly state: KioskState;
  readonly kioskId: string;
  /** Own signing key, hex. */
  readonly signingKey: string;
  keyring(): Keyring | undefined;
  /** Closes and removes lists and their keys; may be called again. */
  wipe(): void;
}

const storedSchema = z.object({ signingKey: z.string(), drainUntil: z.string() });
const NAME = 'fleet.revoked';

export function createRevocation({ state, kioskId, signingKey, keyring, wipe }: RevocationParts, { log }: Host): Revocation {
  const isRevoked = () => storedSchema.safeParse(state.get(NAME)).data?.signingKey === signingKey;
  let revoked = isRevoked();
  if (revoked) wipe();
  return {
    wipe,
    isRevoked: () => revoked,
    offer(text) {
      const envelopes = parseEnvelopes(text);
      const keys = keyring()?.roles.fleet;
      if (!envelopes.ok || keys === undefined) return false;
      const statement = openStatement(envelopes.value[0], 'revocation', keys, kioskRevocationSchema);
      if (!statement.ok || statement.value.kioskId !== kioskId || statement.value.signingKey !== signingKey) return false;
      if (revoked) return true;
      const { drainUntil } = statement.value;
      state.set(NAME, { signingKey, drainUntil });
      revoked = true;
      log.error('kiosk-revoked', { drainUntil });
      wipe();
      return true;
    },
  };
}

/** Whether the folder has belonged to a kiosk that was revoked. */
export function hasRevocation(state: KioskState): boolean {
  return storedSchema.safeParse(state.get(NAME)).success;
}

/** Whether a kiosk was revoked and has sent everything: its key is gone then. */
export function isDrained(state: KioskState, hasKey: boolean): boolean {
  return !hasKey && hasRevocation(state);
}
