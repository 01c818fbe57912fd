/** The highest versions that this kiosk has believed, in its state: what is older is refused also after a restart. */
import { z } from 'zod';
import { rootAnchorSchema } from '../sync/credential/keyring-chain.ts';
import type { KioskState } from './journal/kiosk-state.ts';
import type { VersionFloor } from './registry/registry.ts';

const seenSchema = z.object({ version: z.number(), digest: z.string(), roots: rootAnchorSchema.extend({ pin: z.string() }).optional() });

export function versionFloor(state: KioskState): VersionFloor {
  return {
    get(name) {
      const stored = state.get(`version.${name}`);
      return stored === undefined ? undefined : seenSchema.parse(stored);
    },
    raise(name, version, digest, roots) {
      const stored = this.get(name);
      const isNew = stored === undefined || version > stored.version || (roots !== undefined && stored.roots?.pin !== roots.pin);
      if (isNew) state.set(`version.${name}`, { version, digest, roots });
    },
  };
}
